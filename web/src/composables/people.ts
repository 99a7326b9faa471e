import { onBeforeUnmount, ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue';
import type { Api } from '@/api/client';
import { as_api_error, type ApiError } from '@/api/errors';
import type { PersonPresence, PresenceState } from '@/api/types';
import { first_characters } from '@/text';

export const kPeoplePageSize = 50;
/** News come over the line; this is for what a line may have missed. */
const kRefreshMs = 30_000;
/** Typing pauses longer than that between words, not between letters. */
const kPauseMs = 200;
/** Of a nickname, as the server has it. */
const kMaxCharacters = 32;

export interface People {
  /** Null until the first answer. */
  people: ShallowRef<PersonPresence[] | null>;
  total: Ref<number>;
  error: ShallowRef<ApiError | null>;
  refresh(): Promise<void>;
  more(): Promise<void>;
}

/** Those whose nickname contains `part`, asked for again when it changes. `know` gets each one's state. */
export function usePeople(
  api: Pick<Api, 'people'>,
  part: Ref<string>,
  know: (id: string, state: PresenceState, asked_at: number) => void,
): People {
  const people = shallowRef<PersonPresence[] | null>(null);
  const total = ref(0);
  const error = shallowRef<ApiError | null>(null);
  let pages = 1;
  let request = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function load(): Promise<void> {
    const mine = ++request;
    const asked_at = performance.now();
    try {
      const wanted = first_characters(part.value.trim(), kMaxCharacters);
      const answers = await Promise.all(
        Array.from({ length: pages }, (_, i) => api.people(wanted, i + 1, kPeoplePageSize)),
      );
      if (mine !== request) return;
      // Somebody may move from one page to the next between two answers.
      const all = new Map(answers.flatMap((answer) => answer.people).map((person) => [person.id, person]));
      people.value = [...all.values()];
      total.value = answers[0]?.total ?? 0;
      error.value = null;
      for (const person of people.value) know(person.id, person.state, asked_at);
    } catch (cause) {
      if (mine === request) error.value = as_api_error(cause);
    }
  }

  async function more(): Promise<void> {
    pages += 1;
    await load();
  }

  watch(part, () => {
    pages = 1;
    clearTimeout(timer);
    timer = setTimeout(() => void load(), kPauseMs);
  });
  const interval = setInterval(() => {
    if (document.visibilityState === 'visible') void load();
  }, kRefreshMs);
  onBeforeUnmount(() => {
    clearInterval(interval);
    request += 1;
    clearTimeout(timer);
  });
  void load();
  return { people, total, error, refresh: load, more };
}
