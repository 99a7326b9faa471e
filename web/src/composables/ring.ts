import { onBeforeUnmount, ref, watch, type Ref } from 'vue';
import { useI18n } from 'vue-i18n';
import { notify } from '@/calls/notify';
import { kRingback, play_pattern, ring } from '@/calls/ring';
import { useCalls } from '@/stores/calls';

const kFlashMs = 1000;

/** While it rings: the sound, and a notification if the page is not looked at. */
export function useRinging(): void {
  const { t } = useI18n();
  const calls = useCalls();
  let stop = (): void => {};
  watch(
    () => calls.phase,
    (phase) => {
      stop();
      stop = () => {};
      const { user } = calls.state;
      if (user === null) return;
      if (phase === 'incoming') {
        const quiet = ring();
        const { nickname, avatar } = user;
        const title = t('call.notification_title', { nickname });
        const take_back = notify(title, t('call.notification_text'), avatar, 'loopcast-call');
        stop = () => {
          quiet();
          take_back();
        };
      } else if (phase === 'ringing') stop = play_pattern(kRingback);
    },
    { immediate: true },
  );
  onBeforeUnmount(() => stop());
}

/** The page's title while it rings, every other second; null in between and at all other times. */
export function useRingTitle(): Ref<string | null> {
  const { t } = useI18n();
  const calls = useCalls();
  const title = ref<string | null>(null);
  let timer: ReturnType<typeof setInterval> | undefined;
  const flash = (): void => {
    const nickname = calls.state.user?.nickname ?? '';
    title.value = title.value === null ? `☎ ${t('call.incoming', { nickname })}` : null;
  };
  watch(
    () => calls.phase === 'incoming',
    (rings) => {
      clearInterval(timer);
      title.value = null;
      if (!rings) return;
      flash();
      timer = setInterval(flash, kFlashMs);
    },
    { immediate: true },
  );
  onBeforeUnmount(() => clearInterval(timer));
  return title;
}
