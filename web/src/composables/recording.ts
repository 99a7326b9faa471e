import { onBeforeUnmount, ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue';
import type { Api } from '@/api/client';
import { as_api_error, type ApiError } from '@/api/errors';
import type { Recording, RecordingChange } from '@/api/recordings';
import { useRecordingNews } from '@/stores/recording_news';

/** While it is being made, others than its owner are told nothing: they ask. */
export const kAskMs = 3000;
/** Well before the addresses of its pictures expire. */
const kRenewMs = 3_600_000;

export interface OneRecording {
  /** Null until the first answer, and for good if there is none. */
  recording: ShallowRef<Recording | null>;
  error: ShallowRef<ApiError | null>;
  removed: Ref<boolean>;
  refresh(): Promise<Recording | null>;
  change(change: RecordingChange): Promise<void>;
  remove(): Promise<void>;
}

type RecordingApi = Pick<Api, 'recording' | 'change_recording' | 'delete_recording'>;

/** One recording, followed until it is finished. `change` and `remove` throw ApiError. */
export function useRecording(api: RecordingApi, id: string): OneRecording {
  const news = useRecordingNews();
  const recording = shallowRef<Recording | null>(null);
  const error = shallowRef<ApiError | null>(null);
  const removed = ref(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let request = 0;

  async function refresh(): Promise<Recording | null> {
    clearTimeout(timer);
    const mine = ++request;
    try {
      const answer = await api.recording(id);
      if (mine !== request) return recording.value;
      recording.value = answer;
      error.value = null;
    } catch (cause) {
      if (mine !== request) return recording.value;
      error.value = as_api_error(cause);
      // What is on the screen stays there when only the network is away.
      if (['not_found', 'forbidden'].includes(error.value.code)) recording.value = null;
    }
    const state = recording.value?.state;
    const unfinished = state === 'recording' || state === 'processing';
    if (recording.value !== null) timer = setTimeout(() => void refresh(), unfinished ? kAskMs : kRenewMs);
    return error.value === null ? recording.value : null;
  }

  async function change(what: RecordingChange): Promise<void> {
    const answer = await api.change_recording(id, what);
    request += 1;
    recording.value = answer;
  }

  async function remove(): Promise<void> {
    // Before the answer there may be news of it.
    removed.value = true;
    try {
      await api.delete_recording(id);
    } catch (cause) {
      removed.value = false;
      throw cause;
    }
    request += 1;
    clearTimeout(timer);
  }

  watch(
    () => news.last,
    (last) => {
      if (last?.id === id && !removed.value) void refresh();
    },
    { flush: 'sync' },
  );
  onBeforeUnmount(() => {
    request += 1;
    clearTimeout(timer);
  });
  void refresh();
  return { recording, error, removed, refresh, change, remove };
}
