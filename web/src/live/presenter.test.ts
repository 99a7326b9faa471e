import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { choice, FakeTrack, FakeWorld, named, settle } from '../../tests/fakes';
import { device_error, PartFailure } from './devices';
import { Presenter, type PresenterState, type PresenterTerms } from './presenter';

let world: FakeWorld;
let presenter: Presenter;
let states: PresenterState[];
let record: boolean;

/** As the live page makes it. */
const kLivePage: PresenterTerms = { kind: 'public', request: () => ({ record }), accepted: () => {} };

function phases(): string[] {
  return states.map((state) => state.phase).filter((phase, i, all) => phase !== all[i - 1]);
}

async function answer(id: string, replaces?: string): Promise<void> {
  await settle();
  world.socket.request('createPresentor').ack({ ok: true, presentorId: id, replaces });
  world.socket.receive('startResponse', { sdpAnswer: 'the answer' });
  await settle();
  world.peer.become('connected');
}

async function go_live(): Promise<void> {
  void presenter.start(choice());
  await answer('b1');
}

const another = (): ReturnType<typeof choice> => ({ ...choice(), camera: 'another', microphone: 'another' });

function sent_tracks(): (string | undefined)[] {
  return world.peer.transceivers.map(({ sender }) => sender.track?.name);
}

beforeEach(() => {
  vi.useFakeTimers();
  world = new FakeWorld();
  states = [];
  record = true;
  presenter = new Presenter(world.environment, 'token', (state) => states.push(state), kLivePage);
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
    record = false;
    await go_live();
    expect(world.socket.request('createPresentor').payload).toEqual({
      record: false,
      kind: 'public',
      sdpOffer: 'the offer',
    });
    world.socket.receive('recording', { id: 'r1', state: 'recording' });
    presenter.stop();
    // The end of the broadcast leads to its recording.
    expect(presenter.state.recording?.id).toBe('r1');
    record = true;
    void presenter.start(choice());
    await answer('b2');
    expect(world.socket.request('createPresentor').payload).toMatchObject({ record: true });
    expect(presenter.state.recording).toBeNull();
    world.socket.receive('recording', { id: 'r1', state: 'processing' });
    expect(presenter.state.recording).toBeNull();
    world.socket.receive('recording', { id: 'r2', state: 'recording' });
    world.socket.receive('recording', 'nonsense');
    world.socket.receive('recording', { id: 'r1', state: 'ready' });
    world.socket.receive('recording', { id: 'of another broadcast', state: 'recording' });
    expect(presenter.state.recording).toEqual({ id: 'r2', state: 'recording' });
    const trouble = { code: 'disk_full', message: '' };
    world.socket.receive('recording', { id: 'r2', state: 'recording', trouble });
    expect(presenter.state.recording).toEqual({ id: 'r2', state: 'recording', trouble });
  });

  it('hears why there is no recording', async () => {
    await go_live();
    const trouble = { code: 'quota_reached', message: '' };
    world.socket.receive('recording', { id: 'r1', state: 'removed', trouble });
    expect(presenter.state.recording).toEqual({ id: 'r1', state: 'removed', trouble });
  });

  it.each([true, false])('offers nothing before the camera is open, allowed before: %s', async (allowed) => {
    world.media.allowed.mockResolvedValue(allowed);
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

  it('names the one device that failed, and goes live with the other', async () => {
    world.media.open.mockRejectedValueOnce(new PartFailure('camera', named('NotFoundError')));
    await presenter.start(choice());
    expect(presenter.state).toMatchObject({
      phase: 'error',
      error: { code: 'device_camera_missing', failed: 'camera' },
    });
    expect(world.socket.events()).not.toContain('createPresentor');
    world.media.open.mockResolvedValueOnce({ audio: new FakeTrack('microphone'), video: null } as never);
    void presenter.start(choice(), undefined, { wanted: { camera: false, microphone: true } });
    await answer('b1');
    expect(world.media.open).toHaveBeenLastCalledWith(choice(), { camera: false, microphone: true });
    expect(presenter.state).toMatchObject({ phase: 'live', has_camera: false, sending: { sound: true, picture: false } });
    expect(world.socket.request('mediastate').payload).toEqual({ sound: true, picture: false });
    // A camera that is plugged in later can be switched on.
    presenter.set_camera(true);
    await settle();
    expect(sent_tracks()).toEqual(['microphone', 'other camera']);
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
    await presenter.switch_microphone(another());
    await presenter.switch_camera(another());
    expect(sent_tracks()).toEqual(['other microphone', 'other camera']);
    expect(world.peer.transceivers[0]?.sender.track?.enabled).toBe(false);
    expect(before?.stopped).toBe(true);
    expect(world.peers).toHaveLength(1);
  });

  it('keeps the old device when the new one fails', async () => {
    await go_live();
    world.media.open_camera.mockRejectedValueOnce(named('NotReadableError'));
    await presenter.switch_camera(another());
    expect(presenter.state).toMatchObject({ phase: 'live', device_error: { code: 'device_camera_busy' } });
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

  it('says that a device was unplugged, stays on air, and opens it anew when it is back', async () => {
    await go_live();
    world.peer.transceivers[1]?.sender.track?.unplug();
    expect(presenter.state).toMatchObject({
      phase: 'live',
      device_error: { code: 'device_camera_unplugged' },
      has_camera: false,
    });
    expect(world.socket.request('mediastate').payload).toEqual({ sound: true, picture: false });
    world.media.open_camera.mockRejectedValueOnce(named('NotFoundError'));
    await presenter.devices_changed();
    expect(presenter.state.has_camera).toBe(false);
    await presenter.devices_changed();
    expect(presenter.state).toMatchObject({ has_camera: true, device_error: null });
    expect(sent_tracks()).toEqual(['microphone', 'other camera']);
  });

  it('opens a microphone that went away when it is switched on', async () => {
    await go_live();
    world.peer.transceivers[0]?.sender.track?.unplug();
    presenter.set_microphone(true);
    await settle();
    expect(sent_tracks()).toEqual(['other microphone', 'camera']);
  });

  it('tells what it sends, once for each change', async () => {
    await go_live();
    const told = (): unknown[] =>
      world.socket.sent.flatMap(({ event, args }) => (event === 'mediastate' ? [args[0]] : []));
    expect(told()).toEqual([]);
    presenter.set_microphone(false);
    presenter.set_microphone(false);
    presenter.set_camera(false);
    await presenter.share_screen();
    expect(told()).toEqual([
      { sound: false, picture: true },
      { sound: false, picture: false },
      { sound: false, picture: true },
    ]);
    world.socket.receive('disconnect');
    vi.advanceTimersByTime(500);
    await answer('b2', 'b1');
    expect(told()).toEqual([{ sound: false, picture: true }]);
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

describe('devices that come late, or twice', () => {
  /** Tracks that the test gives when it wants to, in the order of the requests. */
  function held(mock: { mockImplementation(of: () => Promise<FakeTrack>): unknown }): ((track: FakeTrack) => void)[] {
    const gives: ((track: FakeTrack) => void)[] = [];
    mock.mockImplementation(() => new Promise((resolve) => gives.push(resolve)));
    return gives;
  }

  it('shares one screen after two clicks', async () => {
    await go_live();
    const gives = held(world.media.open_screen);
    void presenter.share_screen();
    void presenter.share_screen();
    expect(gives).toHaveLength(1);
    gives[0]?.(new FakeTrack('screen'));
    await settle();
    expect(sent_tracks()).toEqual(['microphone', 'screen']);
    await presenter.share_screen();
    expect(gives).toHaveLength(1);
  });

  it('uses the last choice, whichever device opens first, and stops each track once', async () => {
    await go_live();
    const first_camera = world.peer.transceivers[1]?.sender.track;
    const gives = held(world.media.open_camera);
    void presenter.switch_camera({ ...choice(), camera: 'slow' });
    void presenter.switch_camera({ ...choice(), camera: 'quick' });
    const [slow, quick] = [new FakeTrack('slow'), new FakeTrack('quick')];
    gives[1]?.(quick);
    await settle();
    gives[0]?.(slow);
    await settle();
    expect(sent_tracks()).toEqual(['microphone', 'quick']);
    expect([first_camera?.stops, slow.stops, quick.stops]).toEqual([1, 1, 0]);
    presenter.stop();
    expect([first_camera?.stops, slow.stops, quick.stops]).toEqual([1, 1, 1]);
  });

  it('lets go of a device that opens after the stop, or while a sender is changed', async () => {
    await go_live();
    const gives = held(world.media.open_camera);
    void presenter.switch_camera(another());
    presenter.stop();
    const late = new FakeTrack('late');
    gives[0]?.(late);
    await settle();
    expect(late.stops).toBe(1);
    world.media.open_camera.mockResolvedValue(new FakeTrack('next'));
    await go_live();
    let replaced = (): void => {};
    const sender = world.peer.transceivers[1]?.sender;
    if (sender !== undefined) sender.replaceTrack = () => new Promise((resolve) => (replaced = resolve));
    const next = new FakeTrack('next');
    world.media.open_camera.mockResolvedValueOnce(next);
    void presenter.switch_camera(another());
    await settle();
    presenter.stop();
    replaced();
    await settle();
    expect(next.stops).toBe(1);
  });

  it('connects anew if the link was lost while it looked for permission', async () => {
    presenter = new Presenter(world.environment, 'token', (state) => states.push(state), { ...kLivePage, kind: 'call' });
    let allow: (allowed: boolean) => void = () => {};
    world.media.allowed.mockReturnValueOnce(new Promise((resolve) => (allow = resolve)));
    void presenter.start(choice());
    await settle();
    world.socket.receive('disconnect');
    allow(true);
    await answer('b1');
    expect(presenter.state.phase).toBe('live');
  });
});

describe('the size of the picture', () => {
  it('is changed on the track that is there', async () => {
    await go_live();
    await presenter.switch_camera({ ...choice(), resolution: '1080p' });
    expect(world.media.open_camera).not.toHaveBeenCalled();
    expect(presenter.state.camera_size).toEqual({ width: 1920, height: 1080 });
  });

  it('is got by opening the camera anew after it was closed, where the track cannot be changed', async () => {
    await go_live();
    const camera = world.peer.transceivers[1]?.sender.track;
    if (camera) camera.largest = { width: 640, height: 480 };
    world.media.open_camera.mockImplementationOnce(async () => {
      expect(camera?.stopped).toBe(true);
      const track = new FakeTrack('larger');
      track.settings = { width: 1280, height: 720 };
      return track;
    });
    await presenter.switch_camera({ ...choice(), resolution: '1080p' });
    expect(sent_tracks()).toEqual(['microphone', 'larger']);
    expect(presenter.state.camera_size).toEqual({ width: 1280, height: 720 });
  });

  it('goes back to the one before if the camera cannot be opened in another', async () => {
    await go_live();
    const camera = world.peer.transceivers[1]?.sender.track;
    if (camera) camera.largest = { width: 640, height: 480 };
    world.media.open_camera.mockRejectedValueOnce(named('NotReadableError'));
    await presenter.switch_camera({ ...choice(), resolution: '1080p' });
    expect(presenter.state).toMatchObject({ has_camera: true, device_error: { code: 'device_camera_busy' } });
    expect(world.media.open_camera).toHaveBeenLastCalledWith(choice());
  });
});

describe('device errors', () => {
  it('name the device if it is known', () => {
    expect(device_error(named('NotReadableError')).code).toBe('device_busy');
    expect(device_error(named('NotReadableError'), 'microphone').code).toBe('device_microphone_busy');
    expect(device_error(new PartFailure('camera', named('AbortError')))).toMatchObject({
      code: 'device_camera_busy',
      failed: 'camera',
    });
  });
});

describe('reconnecting', () => {
  it('comes back with the same devices and goes on for its viewers, by the links that were shared', async () => {
    await go_live();
    world.socket.receive('disconnect', 'transport close');
    vi.advanceTimersByTime(500);
    await answer('b2', 'b1');
    expect(world.socket.request('createPresentor').payload).toEqual({
      record: true,
      kind: 'public',
      replaces: 'b1',
      sdpOffer: 'the offer',
    });
    expect(presenter.state).toMatchObject({ broadcast_id: 'b2', link_id: 'b1', link_changed: false });
    world.socket.receive('disconnect', 'transport close');
    vi.advanceTimersByTime(1000);
    await answer('b3', 'b2');
    expect(world.socket.request('createPresentor').payload).toMatchObject({ replaces: 'b2' });
    expect(presenter.state.link_id).toBe('b1');
  });

  it('says what it replaces in a call as well', async () => {
    presenter = new Presenter(world.environment, 'token', () => {}, {
      kind: 'call',
      request: () => ({ callId: 'c1', record: false }),
      accepted: () => {},
    });
    await go_live();
    world.socket.receive('disconnect');
    vi.advanceTimersByTime(500);
    await settle();
    expect(world.socket.request('createPresentor').payload).toMatchObject({ callId: 'c1', kind: 'call', replaces: 'b1' });
  });

  it('goes on with what the page before presented', async () => {
    const recording = { id: 'r1', state: 'recording' as const };
    const goes_on = { broadcast_id: 'b1', link_id: 'b0', live_since: 5, recording };
    void presenter.start(choice(), undefined, { goes_on });
    await answer('b2', 'b1');
    expect(world.socket.request('createPresentor').payload).toMatchObject({ replaces: 'b1' });
    expect(presenter.state).toMatchObject({ link_id: 'b0', live_since: 5, link_changed: false, recording });
  });

  it('keeps what the page before presented waiting while the camera is busy', async () => {
    world.media.open.mockRejectedValueOnce(named('NotReadableError'));
    await presenter.start(choice(), undefined, { goes_on: { broadcast_id: 'b1', link_id: 'b1', live_since: 5, recording: null } });
    expect(presenter.state.phase).toBe('error');
    expect(world.sockets.flatMap((socket) => socket.events())).not.toContain('stopPresentor');
  });

  it('says nothing when the page is left, so that another can go on', async () => {
    await go_live();
    const tracks = world.peer.transceivers.map(({ sender }) => sender.track);
    presenter.leave();
    expect(world.socket.events()).not.toContain('stopPresentor');
    expect(world.socket.disconnected_by_us).toBe(true);
    expect(tracks.every((track) => track?.stops === 1)).toBe(true);
    expect(presenter.state.phase).toBe('idle');
  });

  it('gives way to another page that goes on with it, and does not end that one', async () => {
    await go_live();
    world.socket.receive('error', { code: 'media_lost', message: '' });
    vi.advanceTimersByTime(500);
    await settle();
    world.socket.request('createPresentor').ack({ error: { code: 'replaced', message: '' } });
    expect(presenter.state).toMatchObject({ phase: 'error', error: { code: 'replaced' } });
    expect(world.sockets.flatMap((socket) => socket.events())).not.toContain('stopPresentor');
  });

  it('ends when another page has taken its broadcast over', async () => {
    await go_live();
    world.socket.receive('error', { code: 'replaced', message: '' });
    world.peer.become('failed');
    expect(presenter.state).toMatchObject({ phase: 'error', error: { code: 'replaced' } });
    vi.advanceTimersByTime(60_000);
    expect(world.sockets).toHaveLength(1);
    expect(world.socket.events()).not.toContain('stopPresentor');
  });

  it('tells of a stop on another connection if the path was shaky', async () => {
    await go_live();
    world.peer.become('disconnected');
    presenter.stop();
    expect(world.sockets).toHaveLength(2);
    expect(world.socket.request('stopPresentor').payload).toEqual({ presentorId: 'b1' });
  });

  it('leaves a fresh attempt alone, however long the user was asked', async () => {
    let allow: (tracks: { audio: FakeTrack; video: FakeTrack }) => void = () => {};
    world.media.open.mockReturnValueOnce(new Promise((resolve) => (allow = resolve)));
    void presenter.start(choice());
    await settle();
    vi.advanceTimersByTime(20_000);
    allow({ audio: new FakeTrack('a'), video: new FakeTrack('v') });
    await settle();
    presenter.hurry();
    expect(world.sockets).toHaveLength(1);
    vi.advanceTimersByTime(3000);
    presenter.hurry();
    expect(world.sockets).toHaveLength(2);
  });

  it.each(['rate_limited', 'server_full', 'too_many_streams', 'too_many_broadcasts'])('comes back later after %s', async (code) => {
    await go_live();
    world.socket.receive('disconnect');
    vi.advanceTimersByTime(500);
    await settle();
    world.socket.request('createPresentor').ack({ error: { code, message: '' } });
    expect(presenter.state.phase).toBe('reconnecting');
    vi.advanceTimersByTime(1000);
    await answer('b2', 'b1');
    expect(presenter.state.phase).toBe('live');
  });

  it('tells the server of an end that a refusal brought', async () => {
    await go_live();
    world.socket.receive('disconnect');
    vi.advanceTimersByTime(500);
    await settle();
    world.socket.request('createPresentor').ack({ error: { code: 'no_common_codec', message: '' } });
    expect(presenter.state.phase).toBe('error');
    expect(world.socket.request('stopPresentor').payload).toEqual({ presentorId: 'b1' });
  });

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

  it('never gives up, and keeps the devices', async () => {
    await go_live();
    const tracks = world.peer.transceivers.map(({ sender }) => sender.track);
    world.socket.receive('disconnect');
    for (let i = 0; i < 60; ++i) {
      vi.advanceTimersByTime(32_000);
      await settle();
    }
    expect(presenter.state.phase).toBe('reconnecting');
    expect(tracks.some((track) => track?.stopped)).toBe(false);
    await answer('b2');
    expect(presenter.state).toMatchObject({ phase: 'live', link_changed: true, link_id: 'b2' });
  });
});
