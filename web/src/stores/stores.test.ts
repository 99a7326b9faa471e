import { createPinia, setActivePinia } from 'pinia';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeSocket } from '../../tests/fakes';
import { forget_server_time, server_now } from '@/api/server_clock';
import { i18n } from '@/i18n';
import type { SocketOptions } from '@/live/signalling';
import { useConnection } from './connection';
import { usePreferences } from './preferences';
import { useSession } from './session';

const kLogin = {
  token: 't1',
  expires_at: '2030-01-01T00:00:00Z',
  user: { id: 'u1', nickname: '小雨', avatar: '/avatars/u1.svg' },
};

function serve(status: number, body: unknown): ReturnType<typeof vi.fn> {
  const fetch = vi.fn(async () => new Response(body === null ? null : JSON.stringify(body), { status }));
  vi.stubGlobal('fetch', fetch);
  return fetch;
}

beforeEach(() => {
  localStorage.clear();
  vi.unstubAllGlobals();
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => {} }));
  setActivePinia(createPinia());
});

describe('session', () => {
  it('survives a reload', async () => {
    serve(201, kLogin);
    await useSession().sign_in('小雨', 'secret');
    setActivePinia(createPinia());
    expect(useSession()).toMatchObject({ token: 't1', signed_in: true, user: kLogin.user });
  });

  it('is over at once on signing out, even without network', async () => {
    serve(201, kLogin);
    const session = useSession();
    await session.sign_in('小雨', 'secret');
    const fetch = vi.fn(async () => Promise.reject(new TypeError('no network')));
    vi.stubGlobal('fetch', fetch);
    const leaving = session.sign_out();
    expect(session.signed_in).toBe(false);
    await leaving;
    expect(fetch).toHaveBeenCalledOnce();
    expect((fetch.mock.calls as unknown as [string, RequestInit][])[0]?.[1].headers).toMatchObject({
      Authorization: 'Bearer t1',
    });
    expect(localStorage.getItem('loopcast.token')).toBeNull();
    expect(session.expired).toBe(false);
  });

  it('ends when the server has forgotten it', async () => {
    localStorage.setItem('loopcast.token', 'old');
    serve(401, { code: 'unauthorized' });
    const session = useSession();
    await session.refresh();
    expect(session).toMatchObject({ signed_in: false, expired: true });
  });

  it('outlives a late answer to a request of the session before', async () => {
    localStorage.setItem('loopcast.token', 'old');
    let answer: (response: Response) => void = () => {};
    vi.stubGlobal('fetch', async () => new Promise<Response>((resolve) => (answer = resolve)));
    const session = useSession();
    const late = session.api.broadcasts(1, 10).catch(() => {});
    serve(201, kLogin);
    await session.sign_in('小雨', 'secret');
    answer(new Response(JSON.stringify({ code: 'unauthorized' }), { status: 401 }));
    await late;
    expect(session).toMatchObject({ token: 't1', signed_in: true });
    session.expire('t1');
    expect(session).toMatchObject({ signed_in: false, expired: true });
  });

  it('stays when only the network is away', async () => {
    localStorage.setItem('loopcast.token', 'old');
    vi.stubGlobal('fetch', async () => Promise.reject(new TypeError('no network')));
    const session = useSession();
    await session.refresh();
    expect(session.signed_in).toBe(true);
  });

  it('follows other tabs', () => {
    localStorage.setItem('loopcast.token', 'old');
    const session = useSession();
    localStorage.removeItem('loopcast.token');
    window.dispatchEvent(new StorageEvent('storage', { key: 'loopcast.token' }));
    expect(session.signed_in).toBe(false);
  });

  it('does not trip over damaged storage', () => {
    localStorage.setItem('loopcast.token', 'old');
    localStorage.setItem('loopcast.user', '{"nick');
    expect(useSession()).toMatchObject({ signed_in: true, user: null });
  });
});

describe('connection', () => {
  function connect(): { sockets: FakeSocket[]; connection: ReturnType<typeof useConnection> } {
    const sockets: FakeSocket[] = [];
    const connection = useConnection();
    connection.follow((options: SocketOptions) => {
      const socket = new FakeSocket(options);
      sockets.push(socket);
      return socket;
    });
    return { sockets, connection };
  }

  it('is there exactly while somebody is signed in', async () => {
    const { sockets, connection } = connect();
    expect(sockets).toHaveLength(0);
    serve(201, kLogin);
    const session = useSession();
    await session.sign_in('小雨', 'secret');
    expect(sockets[0]?.options).toEqual({ token: 't1', reconnection: true });
    sockets[0]?.receive('connect');
    expect(sockets[0]?.events()).toEqual(['online']);
    expect(connection.phase).toBe('connecting');
    sockets[0]?.request('online').ack({ ok: true, time: 5_000_000 });
    expect(connection.phase).toBe('online');
    expect(Math.abs(server_now() - 5_000_000)).toBeLessThan(1000);
    forget_server_time();
    session.drop(false);
    expect(sockets[0]?.events()).toEqual(['online', 'offline']);
    expect(sockets[0]?.disconnected_by_us).toBe(true);
    expect(connection.phase).toBe('off');
  });

  it('says online again after every reconnection', () => {
    localStorage.setItem('loopcast.token', 't');
    const { sockets, connection } = connect();
    sockets[0]?.receive('connect');
    sockets[0]?.receive('disconnect', 'transport close');
    expect(connection.phase).toBe('reconnecting');
    sockets[0]?.receive('connect');
    expect(sockets[0]?.events()).toEqual(['online', 'online']);
  });

  it('comes back by itself when the server closed the socket', () => {
    vi.useFakeTimers();
    localStorage.setItem('loopcast.token', 't');
    const { sockets } = connect();
    sockets[0]?.receive('connect');
    sockets[0]?.receive('disconnect', 'io server disconnect');
    vi.advanceTimersByTime(2000);
    expect(sockets[0]?.events()).toContain('(connect)');
    vi.useRealTimers();
  });

  it.each([
    ['autherror', undefined],
    ['autherror', { code: 'unauthorized', message: '' }],
    ['error', { code: 'unauthorized', message: '' }],
  ])('signs out when the token is refused, by %s with %o', (event, what) => {
    localStorage.setItem('loopcast.token', 't');
    const { sockets } = connect();
    sockets[0]?.receive('connect');
    sockets[0]?.receive(event, what);
    expect(useSession()).toMatchObject({ signed_in: false, expired: true });
    expect(sockets[0]?.disconnected_by_us).toBe(true);
  });

  it.each(['autherror', 'error'])('stays signed in when the server has other reasons, says them, and tries again (%s)', (event) => {
    vi.useFakeTimers();
    localStorage.setItem('loopcast.token', 't');
    const { sockets, connection } = connect();
    const connects = (): number => sockets[0]?.events().filter((name) => name === '(connect)').length ?? 0;
    const refuse = (): void => {
      sockets[0]?.receive('connect');
      sockets[0]?.receive(event, { code: 'too_many_streams', message: 'too many' });
      sockets[0]?.receive('disconnect', 'io server disconnect');
    };
    refuse();
    expect(useSession().signed_in).toBe(true);
    expect(connection).toMatchObject({ phase: 'reconnecting', trouble: { code: 'too_many_streams' } });
    vi.advanceTimersByTime(2000);
    expect(connects()).toBe(1);
    refuse();
    vi.advanceTimersByTime(3000);
    expect(connects()).toBe(1);
    vi.advanceTimersByTime(1000);
    expect(connects()).toBe(2);
    for (let i = 0; i < 10; ++i) refuse();
    vi.advanceTimersByTime(60_000);
    expect(connects()).toBe(3);
    sockets[0]?.receive('connect');
    sockets[0]?.sent.at(-1)?.args[0]({ ok: true });
    expect(connection).toMatchObject({ phase: 'online', trouble: null });
    vi.useRealTimers();
  });

  it('asks again to be taken into the list of those who can be reached', () => {
    vi.useFakeTimers();
    localStorage.setItem('loopcast.token', 't');
    const { sockets, connection } = connect();
    sockets[0]?.receive('connect');
    sockets[0]?.request('online').ack({ error: { code: 'too_many_streams', message: '' } });
    expect(connection).toMatchObject({ phase: 'connecting', trouble: { code: 'too_many_streams' } });
    vi.advanceTimersByTime(2000);
    expect(sockets[0]?.events()).toEqual(['online', 'online']);
    vi.useRealTimers();
  });

  it('takes an error of a request for no refusal of the connection', () => {
    vi.useFakeTimers();
    localStorage.setItem('loopcast.token', 't');
    const { sockets, connection } = connect();
    sockets[0]?.receive('connect');
    sockets[0]?.request('online').ack({ ok: true });
    sockets[0]?.receive('error', { code: 'bad_request', message: '' });
    sockets[0]?.receive('disconnect', 'io server disconnect');
    expect(connection).toMatchObject({ phase: 'reconnecting', trouble: null });
    vi.useRealTimers();
  });
});

describe('preferences', () => {
  it('take the language of the browser, then that of the user', async () => {
    vi.spyOn(navigator, 'languages', 'get').mockReturnValue(['zh-CN', 'en']);
    const preferences = usePreferences();
    expect(i18n.global.locale.value).toBe('zh');
    expect(document.documentElement.lang).toBe('zh-CN');
    preferences.toggle_language();
    expect(localStorage.getItem('loopcast.language')).toBe('en');
    setActivePinia(createPinia());
    expect(usePreferences().language).toBe('en');
  });

  it('go round the themes and forget the choice at the system’s', () => {
    const preferences = usePreferences();
    expect(preferences.theme).toBe('auto');
    preferences.next_theme();
    preferences.next_theme();
    expect(preferences.theme).toBe('dark');
    expect(localStorage.getItem('loopcast.theme')).toBe('dark');
    preferences.next_theme();
    expect(localStorage.getItem('loopcast.theme')).toBeNull();
  });
});
