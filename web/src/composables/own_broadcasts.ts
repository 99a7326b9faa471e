import { onBeforeUnmount, shallowRef, type ShallowRef } from 'vue';
import type { Api } from '@/api/client';
import type { Broadcast } from '@/api/types';
import { kMaxPageSize } from './paged';

const kRefreshMs = 5000;
/** So many pages are looked through; more are on air nowhere. */
const kMaxPages = 20;

/**
 * What this user has on air in other windows and on other devices, asked for again while `asked` says so and the page
 * is looked at.
 */
export function useOwnBroadcasts(
  api: Pick<Api, 'broadcasts'>,
  user_id: () => string | null,
  asked: () => boolean,
): ShallowRef<readonly Broadcast[]> {
  const own = shallowRef<readonly Broadcast[]>([]);
  let over = false;

  async function refresh(): Promise<void> {
    if (!asked() || document.visibilityState !== 'visible') return;
    try {
      const found: Broadcast[] = [];
      for (let page = 1; page <= kMaxPages; ++page) {
        const { broadcasts, total } = await api.broadcasts(page, kMaxPageSize);
        found.push(...broadcasts.filter(({ user }) => user.id === user_id()));
        if (broadcasts.length === 0 || page * kMaxPageSize >= total) break;
      }
      if (!over) own.value = found;
    } catch {
      // It is only said by the way; going live says what is wrong.
    }
  }

  const look = (): void => void refresh();
  const timer = setInterval(look, kRefreshMs);
  document.addEventListener('visibilitychange', look);
  onBeforeUnmount(() => {
    over = true;
    clearInterval(timer);
    document.removeEventListener('visibilitychange', look);
  });
  look();
  return own;
}
