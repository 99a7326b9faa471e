import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeWorld, settle } from '../../tests/fakes';
import { kQuickAttempts, kStableAfterMs } from './backoff';
import { kAwayTimeoutMs, kConnectTimeoutMs, kUnstableTimeoutMs } from './link';
import { Viewer, type ViewerState } from './viewer';

let world: FakeWorld;
let viewer: Viewer;
let states: ViewerState[];

function phases(): string[] {
  return states.map((state) => state.phase).filter((phase, i, all) => phase !== all[i - 1]);
}

async function join(): Promise<void> {
  viewer.start();
  await settle();
  world.socket.receive('startResponse', { sdpAnswer: 'the answer' });
  await settle();
  world.peer.become('connected');
}

beforeEach(() => {
  vi.useFakeTimers();
  world = new FakeWorld();
  states = [];
  viewer = new Viewer(world.environment, 'token', 'b1', (state) => states.push(state));
});
afterEach(() => {
  vi.useRealTimers();
});

describe('joining', () => {
  it('asks at once, for sound and picture, without waiting for the socket', async () => {
    viewer.start();
    await settle();
    expect(world.socket.options).toEqual({ token: 'token', presentorId: 'b1' });
    expect(world.peer.transceivers.map(({ kind, init }) => [kind, init.direction])).toEqual([
      ['audio', 'recvonly'],
      ['video', 'recvonly'],
    ]);
    expect(world.socket.request('createViewer').payload).toEqual({ sdpOffer: 'the offer', follow: true });
  });

  it('is live when the media path is up', async () => {
    await join();
    expect(world.peer.remoteDescription).toEqual({ type: 'answer', sdp: 'the answer' });
    expect(phases()).toEqual(['connecting', 'live']);
  });

  it('knows who was here before, and follows who comes and goes', async () => {
    viewer.start();
    await settle();
    const watching = [{ id: 'a', nickname: 'Ada', avatar: '/a' }, { id: 'b', nickname: 'Ben' }, { id: 'c' }, null];
    world.socket.receive('startResponse', { sdpAnswer: 'the answer', watching });
    await settle();
    world.peer.become('connected');
    viewer.correct_viewers(3);
    expect(viewer.state.here.map(({ nickname }) => nickname)).toEqual(['Ben', 'Ada']);
    expect(viewer.state.unnamed).toBe(0);
    world.socket.receive('message', { type: 'viewer-leave', from: { id: 'a', nickname: 'Ada' } });
    expect(viewer.state.here.map(({ nickname }) => nickname)).toEqual(['Ben']);
    expect(viewer.state.notices.map(({ kind }) => kind)).toEqual(['leave']);
  });

  it('sends its candidates and keeps early ones of the server until the answer', async () => {
    viewer.start();
    await settle();
    world.peer.onicecandidate?.({ candidate: { candidate: 'mine', toJSON: () => ({ candidate: 'mine' }) } });
    world.peer.onicecandidate?.({ candidate: null });
    expect(world.socket.sent.filter(({ event }) => event === 'onIceCandidate')).toHaveLength(1);
    world.socket.receive('iceCandidate', { candidate: { candidate: 'theirs' } });
    expect(world.peer.candidates).toEqual([]);
    world.socket.receive('startResponse', { sdpAnswer: 'the answer' });
    await settle();
    expect(world.peer.candidates).toEqual([{ candidate: 'theirs' }]);
  });

  it('knows a broadcast that does not exist from one that is over', async () => {
    viewer.start();
    await settle();
    world.socket.receive('presentorgone');
    expect(viewer.state.phase).toBe('unknown');
    expect(world.peer.closed).toBe(true);
    expect(world.socket.disconnected_by_us).toBe(true);
  });

  it('fails with the reason when the server refuses, however often it says so', async () => {
    viewer.start();
    await settle();
    world.socket.request('createViewer').ack({ error: { code: 'broadcast_full', message: 'full' } });
    world.socket.receive('error', { code: 'internal', message: 'again' });
    expect(viewer.state).toMatchObject({ phase: 'failed', error: { code: 'broadcast_full', message: 'full' } });
    expect(states.filter(({ phase }) => phase === 'failed')).toHaveLength(1);
    viewer.retry();
    expect(viewer.state.phase).toBe('connecting');
    expect(world.sockets).toHaveLength(2);
  });

  it('fails clearly when the browser cannot use the answer', async () => {
    viewer.start();
    await settle();
    world.peer.refuse_answer = true;
    world.socket.receive('startResponse', { sdpAnswer: 'nonsense' });
    await settle();
    expect(viewer.state.error?.code).toBe('webrtc_failed');
  });

  it('reports an ended session', async () => {
    viewer.start();
    world.socket.receive('autherror');
    expect(viewer.state.phase).toBe('signed_out');
  });
});

describe('watching', () => {
  it('ends when the broadcast ends', async () => {
    await join();
    world.socket.receive('presentorgone');
    expect(viewer.state).toMatchObject({ phase: 'ended', stream: null });
  });

  it('counts people and lists them, newest first', async () => {
    await join();
    viewer.correct_viewers(3);
    world.socket.receive('message', { type: 'viewer-entry', time: '10:00:00', from: { nickname: 'A', avatar: '/a' } });
    world.socket.receive('message', { type: 'viewer-leave', time: '10:00:01', from: { nickname: 'B', avatar: '/b' } });
    world.socket.receive('message', { type: 'something-new', from: { nickname: 'C' } });
    world.socket.receive('message', null);
    expect(viewer.state.viewers).toBe(3);
    expect(viewer.state.notices.map(({ kind, person }) => [kind, person.nickname])).toEqual([
      ['leave', 'B'],
      ['entry', 'A'],
    ]);
  });

  it('says goodbye', async () => {
    await join();
    viewer.stop();
    viewer.stop();
    expect(world.socket.events().filter((event) => event === 'stopViewer')).toHaveLength(1);
    expect(world.peer.closed).toBe(true);
  });
});

describe('reconnecting', () => {
  it('comes back after the transport was lost', async () => {
    await join();
    world.socket.receive('disconnect', 'transport close');
    expect(viewer.state).toMatchObject({ phase: 'reconnecting', attempt: 1 });
    expect(world.sockets).toHaveLength(1);
    vi.advanceTimersByTime(500);
    expect(world.sockets).toHaveLength(2);
    await settle();
    world.socket.receive('startResponse', { sdpAnswer: 'another answer' });
    await settle();
    world.peer.become('connected');
    expect(phases()).toEqual(['connecting', 'live', 'reconnecting', 'live']);
  });

  it('rides out a short break of the media path', async () => {
    await join();
    world.peer.become('disconnected');
    expect(viewer.state).toMatchObject({ phase: 'reconnecting', attempt: 0 });
    vi.advanceTimersByTime(kUnstableTimeoutMs - 1);
    world.peer.become('connected');
    vi.advanceTimersByTime(kUnstableTimeoutMs);
    expect(viewer.state.phase).toBe('live');
    expect(world.sockets).toHaveLength(1);
  });

  it('starts anew after a long break of the media path', async () => {
    await join();
    world.peer.become('disconnected');
    vi.advanceTimersByTime(kUnstableTimeoutMs);
    expect(viewer.state.attempt).toBe(1);
    expect(world.peers[0]?.closed).toBe(true);
  });

  it('never gives up: after quick attempts come slow ones', async () => {
    viewer.start();
    const tried: number[] = [];
    for (let second = 0; second < 3600; ++second) {
      await settle();
      if (world.sockets.length > tried.length) tried.push(second);
      vi.advanceTimersByTime(1000);
    }
    expect(viewer.state.phase).toBe('reconnecting');
    expect(tried.length).toBeGreaterThan(100);
    const pauses = tried.map((at, i) => at - (tried[i - 1] ?? 0) - kConnectTimeoutMs / 1000);
    expect(Math.max(...pauses.slice(1, 1 + kQuickAttempts))).toBeLessThan(10);
    expect(Math.min(...pauses.slice(2 + kQuickAttempts))).toBeGreaterThan(15);
  });

  it('does not count what is tried without a network, and tries at once when it is back', async () => {
    await join();
    world.online = false;
    for (let i = 0; i < 20; ++i) {
      world.socket.receive('disconnect');
      expect(viewer.state.attempt).toBe(1);
      vi.advanceTimersByTime(500);
      await settle();
    }
    world.socket.receive('disconnect');
    const before = world.sockets.length;
    world.online = true;
    viewer.hurry();
    expect(world.sockets).toHaveLength(before + 1);
  });

  it('replaces an attempt that hangs since there was no network, but no fresh one and no path that may recover', async () => {
    await join();
    world.peer.become('disconnected');
    viewer.hurry();
    expect(world.sockets).toHaveLength(1);
    world.socket.receive('disconnect');
    viewer.hurry();
    viewer.hurry();
    expect(world.sockets).toHaveLength(2);
    const hanging = world.socket;
    vi.advanceTimersByTime(3000);
    viewer.hurry();
    expect(world.sockets).toHaveLength(3);
    expect(hanging.disconnected_by_us).toBe(true);
    vi.advanceTimersByTime(kConnectTimeoutMs - 3000);
    expect(world.sockets).toHaveLength(3);
  });

  it('tries again from a refusal when the network is back, unless this browser is to blame', async () => {
    viewer.start();
    await settle();
    world.socket.request('createViewer').ack({ error: { code: 'server_full', message: '' } });
    viewer.hurry();
    expect(viewer.state.phase).toBe('connecting');
    await settle();
    world.socket.request('createViewer').ack({ error: { code: 'no_common_codec', message: '' } });
    viewer.hurry();
    expect(viewer.state.phase).toBe('failed');
  });

  it('counts anew once a connection has been stable', async () => {
    await join();
    world.socket.receive('disconnect');
    vi.advanceTimersByTime(500);
    await settle();
    world.peer.become('connected');
    world.clock += kStableAfterMs - 1;
    world.socket.receive('disconnect');
    expect(viewer.state.attempt).toBe(2);
    vi.advanceTimersByTime(1000);
    await settle();
    world.peer.become('connected');
    world.clock += kStableAfterMs;
    world.socket.receive('disconnect');
    expect(viewer.state.attempt).toBe(1);
  });

  it('does not wait when the network is back', async () => {
    await join();
    world.socket.receive('disconnect');
    viewer.hurry();
    expect(world.sockets).toHaveLength(2);
    vi.advanceTimersByTime(20_000 - kConnectTimeoutMs);
    expect(world.sockets).toHaveLength(2);
  });

  it('tries again when a refusal is a passing one', async () => {
    viewer.start();
    await settle();
    world.socket.receive('error', { code: 'server_stopping', message: '' });
    expect(viewer.state.phase).toBe('reconnecting');
  });

  it('ends if the broadcast went away meanwhile', async () => {
    await join();
    world.socket.receive('disconnect');
    vi.advanceTimersByTime(500);
    await settle();
    world.socket.receive('error', { code: 'not_found', message: '' });
    expect(viewer.state.phase).toBe('ended');
  });

  it('does not come back after a stop', async () => {
    await join();
    world.socket.receive('disconnect');
    viewer.stop();
    vi.advanceTimersByTime(60_000);
    expect(world.sockets).toHaveLength(1);
    expect(viewer.state.phase).toBe('ended');
  });
});

describe('a presenter who is lost', () => {
  it('is waited for with the last picture, and followed when back', async () => {
    await join();
    world.peer.ontrack?.({ streams: [{ id: 's' }] });
    const first = world.socket;
    first.receive('mediastate', { sound: false, picture: true });
    expect(viewer.state.sending).toEqual({ sound: false, picture: true, heard: true });
    first.receive('mediastate', { sound: true, picture: true, heard: false });
    expect(viewer.state).toMatchObject({ phase: 'live', sending: { heard: false } });
    first.receive('presenteraway');
    expect(viewer.state).toMatchObject({
      phase: 'away',
      stream: { id: 's' },
      sending: { sound: true, picture: true, heard: true },
    });
    expect([world.peer.closed, first.disconnected_by_us]).toEqual([true, false]);
    viewer.hurry();
    vi.advanceTimersByTime(29_000);
    expect(world.sockets).toHaveLength(1);
    first.receive('presenterback', { presentorId: 'b2' });
    expect(first.disconnected_by_us).toBe(true);
    vi.advanceTimersByTime(400);
    expect(viewer.state.phase).toBe('away');
    await settle();
    expect(world.sockets).toHaveLength(2);
    // The link that it was opened by leads to what goes on.
    expect(world.socket.options.presentorId).toBe('b1');
    world.socket.receive('startResponse', { sdpAnswer: 'the answer' });
    await settle();
    world.peer.become('connected');
    expect(phases()).toEqual(['connecting', 'live', 'away', 'live']);
  });

  it('who does not come back has ended the broadcast, also for who came meanwhile', async () => {
    viewer.start();
    await settle();
    world.socket.request('createViewer').ack({ ok: true, away: true });
    world.socket.receive('presenteraway');
    expect(viewer.state.phase).toBe('away');
    vi.advanceTimersByTime(kConnectTimeoutMs + kUnstableTimeoutMs);
    expect(viewer.state.phase).toBe('away');
    world.socket.receive('presentorgone');
    expect(viewer.state.phase).toBe('ended');
  });

  it('is asked for anew if the line is lost, or the server says nothing more', async () => {
    await join();
    world.socket.receive('presenteraway');
    world.socket.receive('disconnect');
    expect(viewer.state.phase).toBe('reconnecting');
    vi.advanceTimersByTime(500);
    world.socket.receive('presenteraway');
    expect(viewer.state.phase).toBe('away');
    vi.advanceTimersByTime(kAwayTimeoutMs);
    expect(viewer.state.phase).toBe('reconnecting');
  });
});
