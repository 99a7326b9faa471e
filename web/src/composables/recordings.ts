import { onBeforeUnmount, ref, shallowRef, type Ref, type ShallowRef } from 'vue';
import type { Api } from '@/api/client';
import { as_api_error, type ApiError } from '@/api/errors';
import type { Recording, RecordingPage } from '@/api/recordings';

/** Divisible by the two, three and four columns of the grid. */
export const kPageSize = 24;

export interface RecordingList {
  /** Null until there is something to show. */
  list: ShallowRef<RecordingPage | null>;
  loading: Ref<boolean>;
  error: ShallowRef<ApiError | null>;
  /**
   * Shows that query; the last call wins. What was shown stays until the answer is there. A query with dates is another
   * one each day: it is asked for anew each time. `otherwise` is another query, for when nothing answers the first.
   */
  load(query: () => Record<string, string>, otherwise?: () => Record<string, string>): Promise<void>;
  /** Asks again for what is shown. */
  reload(): Promise<void>;
  /** Puts a changed recording in its old one's place; false if it is not in the list. */
  put(recording: Recording): boolean;
}

export function useRecordingList(api: Pick<Api, 'recordings'>): RecordingList {
  const list = shallowRef<RecordingPage | null>(null);
  const loading = ref(true);
  const error = shallowRef<ApiError | null>(null);
  let query = (): Record<string, string> => ({});
  let second: (() => Record<string, string>) | undefined;
  let shown = '';
  let request = 0;

  async function load(ask: () => Record<string, string>, otherwise?: () => Record<string, string>): Promise<void> {
    query = ask;
    second = otherwise;
    const next = ask();
    const mine = ++request;
    // What is shown already is renewed without a sign.
    loading.value = shown !== JSON.stringify(next);
    try {
      let page = await api.recordings(next);
      if (page.total === 0 && otherwise !== undefined && mine === request) page = await api.recordings(otherwise());
      if (mine !== request) return;
      list.value = page;
      shown = JSON.stringify(next);
      error.value = null;
    } catch (cause) {
      if (mine !== request) return;
      error.value = as_api_error(cause);
      // The answer to another question is worse than none.
      if (shown !== JSON.stringify(next)) list.value = null;
    }
    loading.value = false;
  }

  function put(recording: Recording): boolean {
    const page = list.value;
    if (page === null || !page.recordings.some(({ id }) => id === recording.id)) return false;
    list.value = { ...page, recordings: page.recordings.map((old) => (old.id === recording.id ? recording : old)) };
    return true;
  }

  function on_look(): void {
    // Another day, other recordings; and the addresses of the pictures may have expired.
    if (document.visibilityState === 'visible') void load(query, second);
  }

  document.addEventListener('visibilitychange', on_look);
  onBeforeUnmount(() => {
    request += 1;
    document.removeEventListener('visibilitychange', on_look);
  });
  return { list, loading, error, load, reload: () => load(query, second), put };
}
