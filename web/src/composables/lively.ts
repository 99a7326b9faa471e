import { onBeforeUnmount, ref, type Ref } from 'vue';

// Long enough to find a button, short enough not to miss the picture.
const kHideAfterMs = 2600;

/** Whether a player's buttons are to be seen: for a while after a pointer, a finger or a key was busy. */
export interface Lively {
  lively: Ref<boolean>;
  /** Something moved. */
  poke(): void;
  /** Hides the buttons at once. */
  rest(): void;
  /** A finger first wants to see the buttons, and hides them with a second tap. True if that was all. */
  tap(event: MouseEvent): boolean;
}

export function useLively(): Lively {
  const lively = ref(true);
  let timer: ReturnType<typeof setTimeout> | undefined;

  function poke(): void {
    lively.value = true;
    clearTimeout(timer);
    timer = setTimeout(rest, kHideAfterMs);
  }

  function rest(): void {
    clearTimeout(timer);
    lively.value = false;
  }

  function tap(event: MouseEvent): boolean {
    if ((event as PointerEvent).pointerType !== 'touch') return false;
    if (lively.value) rest();
    else poke();
    return true;
  }

  onBeforeUnmount(() => clearTimeout(timer));
  return { lively, poke, rest, tap };
}
