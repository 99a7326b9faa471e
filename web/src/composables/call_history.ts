import { onBeforeUnmount, ref, shallowRef, type Ref, type ShallowRef } from 'vue';
import type { Api } from '@/api/client';
import { as_api_error, type ApiError } from '@/api/errors';
import type { CallRecord } from '@/api/types';
import { first_items } from './paged';

const kPageSize = 30;

export interface CallHistory {
  /** Null until the first answer; newest first. */
  calls: ShallowRef<CallRecord[] | null>;
  total: Ref<number>;
  error: ShallowRef<ApiError | null>;
  refresh(): Promise<void>;
  more(): Promise<void>;
  clear(): Promise<void>;
}

export function useCallHistory(api: Pick<Api, 'calls' | 'clear_calls'>): CallHistory {
  const calls = shallowRef<CallRecord[] | null>(null);
  const total = ref(0);
  const error = shallowRef<ApiError | null>(null);
  let size = kPageSize;
  let request = 0;

  async function refresh(): Promise<void> {
    const mine = ++request;
    try {
      const { items, total: all } = await first_items(size, async (page, of_page) => {
        const answer = await api.calls(page, of_page);
        return { items: answer.calls, total: answer.total };
      });
      if (mine !== request) return;
      calls.value = items;
      total.value = all;
      error.value = null;
    } catch (cause) {
      if (mine === request) error.value = as_api_error(cause);
    }
  }

  async function more(): Promise<void> {
    size += kPageSize;
    await refresh();
  }

  async function clear(): Promise<void> {
    try {
      await api.clear_calls();
    } catch (cause) {
      error.value = as_api_error(cause);
      return;
    }
    await refresh();
  }

  onBeforeUnmount(() => {
    request += 1;
  });
  void refresh();
  return { calls, total, error, refresh, more, clear };
}
