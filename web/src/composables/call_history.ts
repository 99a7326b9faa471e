import { onBeforeUnmount, ref, shallowRef, type Ref, type ShallowRef } from 'vue';
import type { Api } from '@/api/client';
import { as_api_error, type ApiError } from '@/api/errors';
import type { CallRecord } from '@/api/types';

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
      const page = await api.calls(1, size);
      if (mine !== request) return;
      calls.value = page.calls;
      total.value = page.total;
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
