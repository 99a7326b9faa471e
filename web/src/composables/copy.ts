import { onBeforeUnmount, ref, type Ref } from 'vue';

const kShownForMs = 2500;

export type CopyState = 'idle' | 'copied' | 'failed';

/** Copies text, and says for a moment how that went. */
export function useCopy(): { state: Ref<CopyState>; copy(text: string): Promise<void> } {
  const state = ref<CopyState>('idle');
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function copy(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      state.value = 'copied';
    } catch {
      // Pages without HTTPS have no clipboard.
      state.value = 'failed';
    }
    clearTimeout(timer);
    timer = setTimeout(() => {
      state.value = 'idle';
    }, kShownForMs);
  }

  onBeforeUnmount(() => clearTimeout(timer));
  return { state, copy };
}
