import { onBeforeUnmount, onMounted, ref, watch, type Ref } from 'vue';
import { read_stored, store } from '@/stores/storage';

const kVolumeKey = 'loopcast.volume';

export interface Playback {
  /** Seconds; where the player is going while it seeks. */
  position: Ref<number>;
  duration: Ref<number>;
  /** What is already here, as shares of the whole: [from, to] each 0 to 1. */
  buffered: Ref<[number, number][]>;
  paused: Ref<boolean>;
  ended: Ref<boolean>;
  /** There is a picture, or sound, to start from. */
  loaded: Ref<boolean>;
  /** It would play, but has nothing to play yet. */
  waiting: Ref<boolean>;
  muted: Ref<boolean>;
  /** 0 to 1. */
  volume: Ref<number>;
  rate: Ref<number>;
  toggle(): void;
  seek(seconds: number): void;
  /** Loads another address of the same recording and goes on where it was. */
  go_on_with(url: string): void;
}

/** A video element as reactive values. `known_duration` serves until the file itself says how long it is. */
export function usePlayback(
  video: Ref<HTMLVideoElement | null>,
  known_duration: () => number,
  failed: () => void,
): Playback {
  const position = ref(0);
  const duration = ref(known_duration());
  const buffered = ref<[number, number][]>([]);
  const paused = ref(true);
  const ended = ref(false);
  const loaded = ref(false);
  const waiting = ref(false);
  const muted = ref(false);
  const volume = ref(stored_volume());
  const rate = ref(1);
  /** The newest wish while an older seek is under way: dragging makes more of them than a decoder can serve. */
  let wish: number | null = null;
  let resume: { at: number; playing: boolean } | null = null;
  let frame = 0;

  function follow_position(): void {
    const element = video.value;
    // Without any data it says 0, which is not where it was.
    if (element === null || element.readyState === 0 || element.seeking || resume !== null) return;
    position.value = element.currentTime;
  }

  /** `timeupdate` comes four times a second, too few for a bar that should glide. */
  function glide(): void {
    cancelAnimationFrame(frame);
    if (paused.value) return;
    follow_position();
    frame = requestAnimationFrame(glide);
  }

  function play(): void {
    void video.value?.play().catch((cause: unknown) => {
      if (!(cause instanceof DOMException) || cause.name !== 'NotAllowedError' || video.value === null) return;
      // Without a click on this page the browser plays without sound only.
      muted.value = true;
      video.value.muted = true;
      void video.value.play().catch(() => {});
    });
  }

  function toggle(): void {
    const element = video.value;
    if (element === null) return;
    if (!element.paused) element.pause();
    else play();
  }

  function seek(seconds: number): void {
    const element = video.value;
    if (element === null || !Number.isFinite(seconds)) return;
    const to = Math.min(Math.max(0, seconds), duration.value);
    position.value = to;
    ended.value = false;
    if (resume !== null) resume.at = to;
    else if (element.seeking) wish = to;
    else element.currentTime = to;
  }

  function go_on_with(url: string): void {
    const element = video.value;
    if (element === null) return;
    resume ??= { at: position.value, playing: !paused.value };
    wish = null;
    element.src = url;
    element.load();
  }

  const listeners: Partial<Record<keyof HTMLMediaElementEventMap, () => void>> = {
    loadedmetadata: () => {
      const element = video.value;
      if (element === null) return;
      if (Number.isFinite(element.duration) && element.duration > 0) duration.value = element.duration;
      element.playbackRate = rate.value;
      if (resume === null) return;
      const { at, playing } = resume;
      resume = null;
      element.currentTime = at;
      if (playing) play();
    },
    durationchange: () => {
      const element = video.value;
      if (element !== null && Number.isFinite(element.duration) && element.duration > 0)
        duration.value = element.duration;
    },
    loadeddata: () => {
      loaded.value = true;
    },
    timeupdate: follow_position,
    progress: () => {
      const element = video.value;
      if (element === null || duration.value <= 0) return;
      const parts = Array.from({ length: element.buffered.length }, (_, i): [number, number] => [
        element.buffered.start(i) / duration.value,
        Math.min(1, element.buffered.end(i) / duration.value),
      ]);
      buffered.value = parts;
    },
    seeked: () => {
      const next = wish;
      wish = null;
      if (next !== null && video.value !== null) video.value.currentTime = next;
      else follow_position();
    },
    play: () => {
      paused.value = false;
      ended.value = false;
      glide();
    },
    pause: () => {
      // Loading another address pauses, without anybody having asked for it.
      if (resume === null) paused.value = true;
    },
    ended: () => {
      ended.value = true;
      paused.value = true;
      position.value = duration.value;
    },
    waiting: () => {
      waiting.value = true;
    },
    playing: () => {
      waiting.value = false;
    },
    canplay: () => {
      waiting.value = false;
    },
    volumechange: () => {
      const element = video.value;
      if (element === null) return;
      muted.value = element.muted;
      volume.value = element.volume;
    },
    ratechange: () => {
      if (video.value !== null && resume === null) rate.value = video.value.playbackRate;
    },
    error: () => {
      waiting.value = false;
      failed();
    },
  };

  onMounted(() => {
    const element = video.value;
    if (element === null) return;
    element.volume = volume.value;
    for (const [event, listener] of Object.entries(listeners)) element.addEventListener(event, listener);
  });
  onBeforeUnmount(() => {
    cancelAnimationFrame(frame);
    const element = video.value;
    if (element === null) return;
    for (const [event, listener] of Object.entries(listeners)) element.removeEventListener(event, listener);
    // Otherwise the download goes on until the element is collected.
    element.removeAttribute('src');
    element.load();
  });
  watch(muted, (next) => {
    if (video.value !== null) video.value.muted = next;
  });
  watch(volume, (next) => {
    if (video.value !== null && video.value.volume !== next) video.value.volume = next;
    store(kVolumeKey, String(next));
    if (next > 0) muted.value = false;
  });
  watch(rate, (next) => {
    if (video.value !== null && video.value.playbackRate !== next) video.value.playbackRate = next;
  });

  return { position, duration, buffered, paused, ended, loaded, waiting, muted, volume, rate, toggle, seek, go_on_with };
}

function stored_volume(): number {
  const stored = Number(read_stored(kVolumeKey) ?? '1');
  return stored >= 0 && stored <= 1 ? stored : 1;
}
