import { onBeforeUnmount, ref, watch, type Ref } from 'vue';
import { LevelMeter } from '@/live/level';

/** How loud the track is, from 0 to 1; 0 while there is none. */
export function useLevel(track: () => MediaStreamTrack | null): Ref<number> {
  const level = ref(0);
  let meter: LevelMeter | null = null;

  function close(): void {
    meter?.close();
    meter = null;
    level.value = 0;
  }

  watch(
    track,
    (next) => {
      close();
      if (next === null) return;
      meter = new LevelMeter(next, (value) => {
        level.value = value;
      });
    },
    { immediate: true },
  );
  onBeforeUnmount(close);
  return level;
}
