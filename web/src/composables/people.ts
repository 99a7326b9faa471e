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
  /** There are people who have not been asked for. */
  has_more: Ref<boolean>;
  error: ShallowRef<ApiError | null>;
  refresh(): Promise<void>;
  more(): Promise<void>;
}

/** As many pages of one list as were asked for. `next`: where it goes on; null: nowhere. */
interface Pages {
  people: PersonPresence[];
  count: number;
  next: string | null;
}

/**
 * Those whose nickname contains `part`, asked for again when it changes: first who is here, then
 * everybody, each by nickname. `know` gets each one's state.
 */
export function usePeople(
  api: Pick<Api, 'people'>,
  part: Ref<string>,
  know: (id: string, state: PresenceState, asked_at: number) => void,
): People {
  const people = shallowRef<PersonPresence[] | null>(null);
  const has_more = ref(false);
  const error = shallowRef<ApiError | null>(null);
  let here: Pages = { people: [], count: 1, next: null };
  let all: Pages = { people: [], count: 1, next: null };
  let request = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const wanted = (): string => first_characters(part.value.trim(), kMaxCharacters);

  /** `known` and the pages behind it, `count` in all. */
  async function read(only_here: boolean, count: number, known: Pages): Promise<Pages> {
    const found: Pages = { ...known, people: [...known.people] };
    while (found.count < count && found.next !== null) {
      const answer = await api.people(wanted(), only_here, found.next, kPeoplePageSize);
      found.people.push(...answer.people);
      found.next = answer.next;
      found.count += 1;
    }
    return { ...found, count };
  }

  /** `more`: what is known stays, and one page is added to it. */
  async function load(more: boolean): Promise<void> {
    const mine = ++request;
    const asked_at = performance.now();
    try {
      const none: Pages = { people: [], count: 0, next: '' };
      const more_here = more && here.next !== null;
      const more_of_all = more && !more_here && all.next !== null;
      const next_here = await read(true, here.count + (more_here ? 1 : 0), more ? here : none);
      // Everybody begins where those who are here end.
      let next_all = all;
      if (next_here.next === null) {
        const known = more && all.people.length > 0 ? all : none;
        next_all = await read(false, all.count + (more_of_all ? 1 : 0), known);
      }
      if (mine !== request) return;
      here = next_here;
      all = next_all;
      const shown = here.next === null ? [...here.people, ...all.people] : here.people;
      // Who is here is somebody of everybody as well.
      people.value = [...new Map(shown.map((person) => [person.id, person])).values()];
      has_more.value = here.next !== null || all.next !== null;
      error.value = null;
      for (const person of people.value) know(person.id, person.state, asked_at);
    } catch (cause) {
      if (mine === request) error.value = as_api_error(cause);
    }
  }

  const refresh = (): Promise<void> => load(false);
  const more = (): Promise<void> => load(true);

  watch(part, () => {
    here = { ...here, count: 1 };
    all = { ...all, count: 1 };
    clearTimeout(timer);
    timer = setTimeout(() => void refresh(), kPauseMs);
  });
  const interval = setInterval(() => {
    if (document.visibilityState === 'visible') void refresh();
  }, kRefreshMs);
  onBeforeUnmount(() => {
    clearInterval(interval);
    request += 1;
    clearTimeout(timer);
  });
  void refresh();
  return { people, has_more, error, refresh, more };
}
