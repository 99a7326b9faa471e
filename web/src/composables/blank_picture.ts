import { onBeforeUnmount, ref, type Ref } from 'vue';

const kEveryMs = 500;
/** Of 255. What a camera sees is never that dark everywhere; a camera that is off sends exact black. */
const kBlack = 6;
const kSide = 8;

export function is_blank(pixels: ArrayLike<number>): boolean {
  for (let i = 0; i + 3 < pixels.length; i += 4)
    for (let channel = 0; channel < 3; ++channel) if ((pixels[i + channel] ?? 0) > kBlack) return false;
  return true;
}

/**
 * True while the video shows nothing but black: a camera that was turned off goes on sending black
 * pictures, and a face in its place says more.
 */
export function useBlankPicture(video: () => HTMLVideoElement | null): Ref<boolean> {
  const blank = ref(false);
  const canvas = document.createElement('canvas');
  canvas.width = kSide;
  canvas.height = kSide;

  function look(): void {
    const element = video();
    if (element === null || element.videoWidth === 0 || document.visibilityState !== 'visible') return;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    if (context === null) return;
    context.drawImage(element, 0, 0, kSide, kSide);
    blank.value = is_blank(context.getImageData(0, 0, kSide, kSide).data);
  }

  const timer = setInterval(look, kEveryMs);
  onBeforeUnmount(() => clearInterval(timer));
  return blank;
}
