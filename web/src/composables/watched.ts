import { onBeforeUnmount, shallowRef, type ShallowRef } from 'vue';
import type { Api } from '@/api/client';
import type { Broadcast } from '@/api/types';

const kRefreshMs = 10_000;

/**
 * Whose broadcast this is and how many watch, asked now and then: a page that joins late has not
 * seen everybody come. `counted` gets each answer's number of viewers. Nothing is asked while the
 * broadcast is `off_air`: there is none to be found then.
 */
export function useWatched(
  api: Pick<Api, 'broadcast'>,
  id: string,
  counted: (viewers: number) => void,
  off_air: () => boolean,
): { broadcast: ShallowRef<Broadcast | null>; refresh(): Promise<void> } {
  const broadcast = shallowRef<Broadcast | null>(null);
  let stopped = false;

  async function refresh(): Promise<void> {
    if (off_air()) return;
    try {
      const answer = await api.broadcast(id);
      if (stopped) return;
      broadcast.value = answer;
      counted(answer.viewers);
    } catch {
      // The signalling knows better whether the broadcast still runs.
    }
  }

  const timer = setInterval(() => void refresh(), kRefreshMs);
  onBeforeUnmount(() => {
    stopped = true;
    clearInterval(timer);
  });
  void refresh();
  return { broadcast, refresh };
}
