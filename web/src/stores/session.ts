import { defineStore } from 'pinia';
import { computed, ref } from 'vue';
import { Api } from '@/api/client';
import type { Login, User } from '@/api/types';
import { read_stored, store } from './storage';

const kTokenKey = 'loopcast.token';
const kUserKey = 'loopcast.user';

function stored_user(): User | null {
  try {
    const user: unknown = JSON.parse(read_stored(kUserKey) ?? 'null');
    return typeof (user as User | null)?.nickname === 'string' ? (user as User) : null;
  } catch {
    return null;
  }
}

/** Who is signed in. Kept across reloads, shared by all tabs. */
export const useSession = defineStore('session', () => {
  const token = ref<string | null>(read_stored(kTokenKey));
  const user = ref<User | null>(stored_user());
  /** The session ended without the user's doing; the sign-in page says so. */
  const expired = ref(false);
  let ending = false;
  const signed_in = computed(() => token.value !== null);

  const api = new Api({ token: () => token.value, signed_out: expire });

  function keep(login: Login): void {
    token.value = login.token;
    expired.value = false;
    store(kTokenKey, login.token);
    keep_user(login.user);
  }

  /** The nickname or the picture has changed. */
  function keep_user(changed: User): void {
    user.value = changed;
    store(kUserKey, JSON.stringify(changed));
  }

  /** Forgets the session on this device. */
  function drop(was_expired: boolean): void {
    if (token.value === null) return;
    token.value = null;
    user.value = null;
    expired.value = was_expired && !ending;
    store(kTokenKey, null);
    store(kUserKey, null);
  }

  /**
   * The server does not know the session of `of`. News of a session that was left before are late, and say
   * nothing of the one that runs.
   */
  function expire(of: string): void {
    if (token.value === of) drop(true);
  }

  async function sign_in(nickname: string, password: string): Promise<void> {
    keep(await api.sign_in(nickname, password));
  }

  async function register(nickname: string, password: string): Promise<void> {
    keep(await api.register(nickname, password));
  }

  async function sign_out(): Promise<void> {
    // The user is out at once, whatever the network says.
    const told = api.sign_out().catch(() => {});
    drop(false);
    await told;
  }

  /** Does what ends this session on the server, too: that is no surprise then, whoever tells first. */
  async function end_by(action: () => Promise<void>): Promise<void> {
    const ended = token.value;
    ending = true;
    try {
      await action();
      if (token.value === ended) drop(false);
    } finally {
      ending = false;
    }
  }

  /** Asks the server who this is: a stored session may have ended meanwhile. */
  async function refresh(): Promise<void> {
    if (token.value === null) return;
    try {
      const asked_with = token.value;
      const me = await api.me();
      if (token.value !== asked_with) return;
      keep_user(me);
    } catch {
      // An ended session was dropped by `signed_out`; without network the stored name serves.
    }
  }

  // Signing in or out in one tab does so in all of them.
  window.addEventListener('storage', (event) => {
    if (event.key !== kTokenKey && event.key !== kUserKey && event.key !== null) return;
    token.value = read_stored(kTokenKey);
    user.value = stored_user();
  });

  return { token, user, expired, signed_in, api, sign_in, register, sign_out, end_by, keep_user, drop, expire, refresh };
});
