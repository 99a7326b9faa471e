import { ref, type Ref } from 'vue';
import { as_api_error, type ApiError } from '@/api/errors';

/** One thing that a form asks of the server: whether it runs, and how it went. */
export interface Action {
  busy: Ref<boolean>;
  done: Ref<boolean>;
  failure: Ref<ApiError | null>;
  /** Nothing happens while it runs. Answers whether it worked. */
  run(what: () => Promise<void>): Promise<boolean>;
  /** Forgets how it went. */
  clear(): void;
}

export function useAction(): Action {
  const busy = ref(false);
  const done = ref(false);
  const failure = ref<ApiError | null>(null);

  function clear(): void {
    done.value = false;
    failure.value = null;
  }

  async function run(what: () => Promise<void>): Promise<boolean> {
    if (busy.value) return false;
    clear();
    busy.value = true;
    try {
      await what();
      done.value = true;
    } catch (cause) {
      failure.value = as_api_error(cause);
    } finally {
      busy.value = false;
    }
    return done.value;
  }

  return { busy, done, failure, run, clear };
}
