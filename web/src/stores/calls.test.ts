import { createPinia, setActivePinia } from 'pinia';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { isReactive } from 'vue';
import { FakeSocket } from '../../tests/fakes';
import type { SocketOptions } from '@/live/signalling';
import { useCalls } from './calls';
import { useConnection } from './connection';
import { useSession } from './session';

const kBob = { id: 'u2', nickname: 'bob', avatar: '' };
let sockets: FakeSocket[];

function line(): FakeSocket {
  const socket = sockets.at(-1);
  if (socket === undefined) throw new Error('no line');
  return socket;
}

const follow = (): void => {
  useCalls().follow();
  useConnection().follow((options: SocketOptions) => {
    const socket = new FakeSocket(options);
    sockets.push(socket);
    return socket;
  });
  line().receive('connect');
};

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => {} }));
  setActivePinia(createPinia());
  localStorage.setItem('loopcast.token', 't1');
  sockets = [];
  vi.stubGlobal('RTCPeerConnection', class {});
  follow();
});

describe('calls', () => {
  it('hear the line, and every later one', () => {
    const calls = useCalls();
    line().receive('missed', { count: 3 });
    line().receive('presence', { user: kBob, state: 'busy' });
    line().receive('presence', { user: kBob, state: 'asleep' });
    line().receive('call', { from: kBob, linkId: 'b', callId: 'c1' });
    expect(calls.missed).toBe(3);
    expect(calls.presence.get('u2')).toBe('busy');
    expect(calls.phase).toBe('incoming');
    useSession().token = 't2';
    line().receive('connect');
    line().receive('call', { from: kBob, linkId: 'b', callId: 'c2' });
    expect([sockets.length, calls.phase]).toEqual([2, 'incoming']);
  });

  it('ring only where they can be answered', () => {
    vi.stubGlobal('RTCPeerConnection', undefined);
    setActivePinia(createPinia());
    follow();
    const calls = useCalls();
    expect(calls.telephone_engaged).toBe(true);
    line().receive('call', { from: kBob, linkId: 'b', callId: 'c1' });
    expect(calls.phase).toBe('idle');
    line().receive('missed', { count: 1 });
    expect(calls.missed).toBe(1);
  });

  it('decline on the line', () => {
    const calls = useCalls();
    line().receive('call', { from: kBob, linkId: 'b', callId: 'c1' });
    calls.telephone.hang_up();
    expect(line().request('hangup').payload).toEqual({ callId: 'c1' });
    expect(calls.phase).toBe('idle');
  });

  it('show a missed call as a note, not as a window', () => {
    const calls = useCalls();
    const before = calls.changes;
    line().receive('call', { from: kBob, linkId: 'b', callId: 'c1' });
    line().receive('callended', { callId: 'c1', reason: 'cancelled', user: kBob });
    expect(calls).toMatchObject({ missed_here: true, shown: false, covering: false });
    expect(calls.changes).toBeGreaterThan(before);
    calls.telephone.dismiss();
    expect(calls.missed_here).toBe(false);
  });

  it('tell the server once that missed calls were seen', () => {
    const calls = useCalls();
    calls.see_missed();
    line().receive('missed', { count: 1 });
    calls.see_missed();
    expect(line().events().filter((event) => event === 'seenmissed')).toHaveLength(1);
  });

  it('forget everything when the session ends', () => {
    const calls = useCalls();
    line().receive('missed', { count: 2 });
    line().receive('presence', { user: kBob, state: 'online' });
    line().receive('call', { from: kBob, linkId: 'b', callId: 'c1' });
    useSession().drop(false);
    expect([calls.phase, calls.missed, calls.presence.size]).toEqual(['idle', 0, 0]);
  });

  it('believe the line rather than a list that was asked for earlier', () => {
    const calls = useCalls();
    const asked_at = performance.now() - 1;
    line().receive('presence', { user: kBob, state: 'online' });
    calls.know('u2', 'offline', asked_at);
    expect(calls.presence.get('u2')).toBe('online');
    calls.know('u2', 'busy', performance.now() + 1);
    expect(calls.presence.get('u2')).toBe('busy');
  });

  it('do not know more people than is good', () => {
    const calls = useCalls();
    for (let i = 0; i < 2100; ++i) calls.know(`u${i}`, 'online');
    expect(calls.presence.size).toBe(2000);
    expect(calls.presence.has('u2099')).toBe(true);
  });

  it('begin with the devices that the live page was last used with', () => {
    expect(useCalls().preferred_devices()).toMatchObject({ camera: '', microphone: '' });
    localStorage.setItem('loopcast.camera', 'cam');
    localStorage.setItem('loopcast.microphone', 'mic');
    expect(useCalls().preferred_devices()).toMatchObject({ camera: 'cam', microphone: 'mic' });
  });

  it('leave the telephone as it is: a reactive copy would not be the one that its parts call back', () => {
    expect(isReactive(useCalls().telephone)).toBe(false);
  });
});
