import { defineStore } from 'pinia';
import { computed, shallowRef, watch } from 'vue';
import { as_api_error, type ApiError } from '@/api/errors';
import type { User } from '@/api/types';
import { useCalls } from './calls';
import { useSession } from './session';

/** Whom this user does not want to be called by. */
export const useBlocked = defineStore('blocked', () => {
  const session = useSession();
  const calls = useCalls();
  /** By nickname; null until the server has said. */
  const people = shallowRef<User[] | null>(null);
  /** Why the last wish was not carried out. */
  const error = shallowRef<ApiError | null>(null);
  const ids = computed(() => new Set(people.value?.map(({ id }) => id)));

  async function load(): Promise<void> {
    const { token } = session;
    if (token === null) return;
    try {
      const known = await session.api.blocked();
      if (session.token === token) people.value = known;
    } catch (cause) {
      error.value = as_api_error(cause);
    }
  }

  async function carry_out(wish: Promise<void>): Promise<void> {
    error.value = null;
    try {
      await wish;
    } catch (cause) {
      error.value = as_api_error(cause);
      return;
    }
    await load();
  }

  const block = (user: User): Promise<void> => carry_out(session.api.block(user.id));
  const unblock = (user: User): Promise<void> => carry_out(session.api.unblock(user.id));

  /** Of who is calling: the ring stops at once, whatever the network says to the rest. */
  async function decline_for_good(user: User): Promise<void> {
    const done = block(user);
    calls.telephone.hang_up();
    await done;
  }

  watch(
    () => session.token,
    () => {
      people.value = null;
      error.value = null;
    },
    { flush: 'sync' },
  );

  return { people, ids, error, load, block, unblock, decline_for_good };
});
