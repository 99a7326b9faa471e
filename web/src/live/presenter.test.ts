import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { choice, FakeTrack, FakeWorld, named, settle } from '../../tests/fakes';
import { Presenter, type PresenterState } from './presenter';

let world: FakeWorld;
let presenter: Presenter;
let states: PresenterState[];

function phases(): string[] {
  return states.map((state) => state.phase).filter((phase, i, all) => phase !== all[i - 1]);
}

async function answer(id: string): Promise<void> {
  await settle();
  world.socket.request('createPresentor').ack({ ok: true, presentorId: id });
  world.socket.receive('startResponse', { sdpAnswer: 'the answer' });
  await settle();
  world.peer.become('connected');
}

async function go_live(): Promise<void> {
  void presenter.start(choice());
  await answer('b1');
}

function sent_tracks(): (string | undefined)[] {
  return world.peer.transceivers.map(({ sender }) => sender.track?.name);
}

beforeEach(() => {
  vi.useFakeTimers();
  world = new FakeWorld();
  states = [];
  presenter = new Presenter(world.environment, 'token', (state) => states.push(state));
});
afterEach(() => {
  vi.useRealTimers();
});

describe('going live', () => {
  it('sends both tracks in one stream, both ways, and is live with its id', async () => {
    await go_live();
    const { transceivers } = world.peer;
    expect(transceivers.map(({ kind, init }) => [kind, init.direction])).toEqual([
      ['audio', 'sendrecv'],
      ['video', 'sendrecv'],
    ]);
    expect(transceivers[0]?.init.streams?.[0]).toBe(transceivers[1]?.init.streams?.[0]);
    expect(sent_tracks()).toEqual(['microphone', 'camera']);
    expect(phases()).toEqual(['permission', 'connecting', 'live']);
    expect(presenter.state).toMatchObject({ broadcast_id: 'b1', live_since: world.clock, link_changed: false });
  });

  it('sends its terms with each offer, and hears about its recording', async () => {
    let record = false;
    const terms = { request: () => ({ record }), accepted: () => {} };
    presenter = new Presenter(world.environment, 'token', (state) => states.push(state), terms);
    await go_live();
    expect(world.socket.request('createPresentor').payload).toEqual({ record: false, sdpOffer: 'the offer' });
    world.socket.receive('recording', { id: 'r1', state: 'recording' });
    presenter.stop();
    // The end of the broadcast leads to its recording.
    expect(presenter.state.recording?.id).toBe('r1');
    record = true;
    void presenter.start(choice());
    await answer('b2');
    expect(world.socket.request('createPresentor').payload).toMatchObject({ record: true });
    expect(presenter.state.recording).toBeNull();
    world.socket.receive('recording', { id: 'r2', state: 'recording' });
    world.socket.receive('recording', 'nonsense');
    expect(presenter.state.recording).toEqual({ id: 'r2', state: 'recording' });
  });

  it('opens the socket while the user is being asked, but offers nothing before', async () => {
    let allow: (tracks: { audio: FakeTrack; video: FakeTrack }) => void = () => {};
    world.media.open.mockReturnValueOnce(new Promise((resolve) => (allow = resolve)));
    void presenter.start(choice());
    await settle();
    expect(presenter.state.phase).toBe('permission');
    expect(world.sockets).toHaveLength(1);
    expect(world.socket.sent).toEqual([]);
    allow({ audio: new FakeTrack('a'), video: new FakeTrack('v') });
    await settle();
    expect(world.socket.events()).toEqual(['createPresentor']);
  });

  it('opens another socket if the first failed while the user was being asked', async () => {
    let allow: (tracks: { audio: FakeTrack; video: FakeTrack }) => void = () => {};
    world.media.open.mockReturnValueOnce(new Promise((resolve) => (allow = resolve)));
    void presenter.start(choice());
    await settle();
    world.socket.receive('disconnect');
    expect(presenter.state.phase).toBe('permission');
    allow({ audio: new FakeTrack('a'), video: new FakeTrack('v') });
    await answer('b1');
    expect(world.sockets).toHaveLength(2);
    expect(presenter.state.phase).toBe('live');
  });

  it('gives the devices back when the user cancels before allowing them', async () => {
    const tracks = { audio: new FakeTrack('a'), video: new FakeTrack('v') };
    let allow: (given: typeof tracks) => void = () => {};
    world.media.open.mockReturnValueOnce(new Promise((resolve) => (allow = resolve)));
    void presenter.start(choice());
    await settle();
    presenter.stop();
    allow(tracks);
    await settle();
    expect(presenter.state.phase).toBe('idle');
    expect([tracks.audio.stopped, tracks.video.stopped]).toEqual([true, true]);
    expect(world.socket.events()).not.toContain('createPresentor');
  });

  it.each([
    ['NotAllowedError', 'device_denied'],
    ['NotFoundError', 'device_missing'],
    ['NotReadableError', 'device_busy'],
    ['OverconstrainedError', 'device_gone'],
    ['InsecurePageError', 'device_insecure'],
    ['TypeError', 'device_failed'],
  ])('explains %s', async (name, code) => {
    world.media.open.mockRejectedValueOnce(named(name));
    await presenter.start(choice());
    expect(presenter.state).toMatchObject({ phase: 'error', error: { code } });
    expect(world.peer.closed).toBe(true);
    expect(world.socket.disconnected_by_us).toBe(true);
  });

  it('stops the devices when the server refuses', async () => {
    void presenter.start(choice());
    await settle();
    const tracks = world.peer.transceivers.map(({ sender }) => sender.track);
    world.socket.request('createPresentor').ack({ error: { code: 'server_full', message: 'full' } });
    expect(presenter.state).toMatchObject({ phase: 'error', error: { code: 'server_full' } });
    expect(tracks.every((track) => track?.stopped)).toBe(true);
    await go_live();
    expect(presenter.state).toMatchObject({ phase: 'live', error: null });
  });
});

describe('on air', () => {
  it('shows what comes back from the server', async () => {
    await go_live();
    world.peer.ontrack?.({ streams: [{ id: 'loopback' }] });
    expect(presenter.state.loopback).toEqual({ id: 'loopback' });
  });

  it('mutes without renegotiating', async () => {
    await go_live();
    presenter.set_microphone(false);
    presenter.set_camera(false);
    expect(world.peer.transceivers.map(({ sender }) => sender.track?.enabled)).toEqual([false, false]);
    expect(presenter.state).toMatchObject({ microphone_on: false, camera_on: false });
  });

  it('switches devices in the running broadcast and keeps them muted', async () => {
    await go_live();
    const before = world.peer.transceivers[0]?.sender.track;
    presenter.set_microphone(false);
    await presenter.switch_microphone(choice());
    await presenter.switch_camera(choice());
    expect(sent_tracks()).toEqual(['other microphone', 'other camera']);
    expect(world.peer.transceivers[0]?.sender.track?.enabled).toBe(false);
    expect(before?.stopped).toBe(true);
    expect(world.peers).toHaveLength(1);
  });

  it('keeps the old device when the new one fails', async () => {
    await go_live();
    world.media.open_camera.mockRejectedValueOnce(named('NotReadableError'));
    await presenter.switch_camera(choice());
    expect(presenter.state).toMatchObject({ phase: 'live', device_error: { code: 'device_busy' } });
    expect(sent_tracks()).toEqual(['microphone', 'camera']);
  });

  it('shares the screen, and goes back to the camera when the browser ends that', async () => {
    await go_live();
    await presenter.share_screen();
    expect(presenter.state.sharing).toBe(true);
    const screen = world.peer.transceivers[1]?.sender.track;
    expect(screen?.name).toBe('screen');
    screen?.onended?.();
    await settle();
    expect(presenter.state.sharing).toBe(false);
    expect(sent_tracks()).toEqual(['microphone', 'camera']);
  });

  it('takes a closed window chooser for an answer', async () => {
    await go_live();
    world.media.open_screen.mockRejectedValueOnce(named('NotAllowedError'));
    await presenter.share_screen();
    expect(presenter.state).toMatchObject({ sharing: false, device_error: null });
  });

  it('says that a device was unplugged, and stays on air', async () => {
    await go_live();
    world.peer.transceivers[1]?.sender.track?.onended?.();
    expect(presenter.state).toMatchObject({ phase: 'live', device_error: { code: 'device_unplugged' } });
  });

  it('counts its viewers', async () => {
    await go_live();
    const viewer = { nickname: 'A', avatar: '/a' };
    world.socket.receive('message', { type: 'viewer-entry', from: viewer });
    world.socket.receive('message', { type: 'viewer-entry', from: { ...viewer, nickname: 'B' } });
    world.socket.receive('message', { type: 'viewer-leave', from: viewer });
    expect(presenter.state.viewers).toBe(1);
    expect(presenter.state.notices).toHaveLength(3);
  });

  it('stops everything', async () => {
    await go_live();
    await presenter.share_screen();
    const tracks = world.peer.transceivers.map(({ sender }) => sender.track);
    presenter.stop();
    presenter.stop();
    expect(world.socket.events().filter((event) => event === 'stopPresentor')).toHaveLength(1);
    expect(tracks.every((track) => track?.stopped)).toBe(true);
    expect(presenter.state).toMatchObject({ phase: 'ended', loopback: null, sharing: false, microphone: null });
  });
});

describe('reconnecting', () => {
  it('comes back with the same devices under a new id, and says so', async () => {
    await go_live();
    world.socket.receive('message', { type: 'viewer-entry', from: { nickname: 'A', avatar: '/a' } });
    world.socket.receive('disconnect', 'transport close');
    expect(presenter.state).toMatchObject({ phase: 'reconnecting', attempt: 1 });
    vi.advanceTimersByTime(500);
    await answer('b2');
    expect(sent_tracks()).toEqual(['microphone', 'camera']);
    expect(world.socket.request('createPresentor').payload).toMatchObject({ replaces: 'b1' });
    expect(presenter.state).toMatchObject({ phase: 'live', broadcast_id: 'b2', link_changed: true, viewers: 0 });
    expect(world.media.open).toHaveBeenCalledTimes(1);
  });

  it('keeps sharing the screen', async () => {
    await go_live();
    await presenter.share_screen();
    world.peer.become('failed');
    vi.advanceTimersByTime(500);
    await settle();
    expect(sent_tracks()).toEqual(['microphone', 'screen']);
  });

  it('tells the server of a stop while it waits to come back', async () => {
    await go_live();
    const dead = world.socket;
    dead.receive('disconnect', 'transport close');
    presenter.stop();
    expect(presenter.state).toMatchObject({ phase: 'ended' });
    expect(world.socket).not.toBe(dead);
    const { payload, ack } = world.socket.request('stopPresentor');
    expect(payload).toEqual({ presentorId: 'b1' });
    ack({ ok: true });
    expect(world.socket.disconnected_by_us).toBe(true);
  });

  it('gives up in the end, and gives the devices back', async () => {
    await go_live();
    const tracks = world.peer.transceivers.map(({ sender }) => sender.track);
    world.socket.receive('disconnect');
    for (let i = 0; i < 60 && presenter.state.phase === 'reconnecting'; ++i) {
      vi.advanceTimersByTime(12_000);
      await settle();
    }
    expect(presenter.state).toMatchObject({ phase: 'error', error: { code: 'connection_lost' } });
    expect(tracks.every((track) => track?.stopped)).toBe(true);
  });
});
