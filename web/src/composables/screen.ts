import { computed, onBeforeUnmount, ref, type ComputedRef, type Ref } from 'vue';

/** Full screen of an element; iPhones know only that of the video itself. */
export function useFullScreen(
  element: () => HTMLElement | null,
  video: () => HTMLVideoElement | null,
): { full: Ref<boolean>; toggle(): Promise<void> } {
  const full = ref(false);
  const follow = (): void => {
    full.value = document.fullscreenElement !== null;
  };
  document.addEventListener('fullscreenchange', follow);
  onBeforeUnmount(() => document.removeEventListener('fullscreenchange', follow));

  async function toggle(): Promise<void> {
    try {
      if (document.fullscreenElement !== null) await document.exitFullscreen();
      else if (document.fullscreenEnabled) await element()?.requestFullscreen();
      else (video() as (HTMLVideoElement & { webkitEnterFullscreen?(): void }) | null)?.webkitEnterFullscreen?.();
    } catch {
      // The browser declined; the picture stays where it is.
    }
  }
  return { full, toggle };
}

/** Picture in picture, where the browser has it. */
export function usePictureInPicture(video: () => HTMLVideoElement | null): {
  available: ComputedRef<boolean>;
  toggle(): Promise<void>;
} {
  const available = computed(() => document.pictureInPictureEnabled === true);
  async function toggle(): Promise<void> {
    try {
      if (document.pictureInPictureElement) await document.exitPictureInPicture();
      else await video()?.requestPictureInPicture();
    } catch {
      // No picture yet, or the browser declined.
    }
  }
  return { available, toggle };
}
