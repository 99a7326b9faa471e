import { onBeforeUnmount, ref, shallowRef, type Ref, type ShallowRef } from 'vue';
import type { Api } from '@/api/client';
import { as_api_error, type ApiError } from '@/api/errors';
import type { Broadcast } from '@/api/types';
import { first_items } from './paged';

export const kRefreshMs = 4000;
export const kPageSize = 24;

export interface BroadcastList {
  /** Null until the first answer. */
  broadcasts: ShallowRef<Broadcast[] | null>;
  total: Ref<number>;
  /** Why the last refresh failed; the list stays as it was. */
  error: ShallowRef<ApiError | null>;
  refresh(): Promise<void>;
  more(): Promise<void>;
}

/** The broadcasts on air, renewed every few seconds while the page is visible. */
export function useBroadcasts(api: Pick<Api, 'broadcasts'>): BroadcastList {
  const broadcasts = shallowRef<Broadcast[] | null>(null);
  const total = ref(0);
  const error = shallowRef<ApiError | null>(null);
  let size = kPageSize;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let request = 0;

  async function refresh(): Promise<void> {
    clearTimeout(timer);
    const mine = ++request;
    try {
      const { items, total: all } = await first_items(size, async (page, of_page) => {
        const answer = await api.broadcasts(page, of_page);
        return { items: answer.broadcasts, total: answer.total };
      });
      if (mine !== request) return;
      broadcasts.value = items;
      total.value = all;
      error.value = null;
    } catch (cause) {
      if (mine !== request) return;
      error.value = as_api_error(cause);
    }
    timer = setTimeout(tick, kRefreshMs);
  }

  function tick(): void {
    // A hidden tab asks again when it is looked at.
    if (document.visibilityState === 'visible') void refresh();
  }

  async function more(): Promise<void> {
    size += kPageSize;
    await refresh();
  }

  document.addEventListener('visibilitychange', tick);
  onBeforeUnmount(() => {
    request += 1;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', tick);
  });
  void refresh();
  return { broadcasts, total, error, refresh, more };
}
