import { beforeEach, describe, expect, it, vi } from 'vitest';
import { choice, FakeTrack, named, settle } from '../../tests/fakes';
import {
  each_test_in_a_world_of_its_own,
  connect,
  dial,
  kBob,
  kQuiet,
  open_sockets,
  own_socket,
  phases,
  presenting,
  reload,
  remember,
  said,
  snapshot,
  states,
  stored,
  talk,
  telephone,
  watched,
  world,
} from '../../tests/telephone_world';
import { kLineAwayMs, kRingCheckMs, kStateLimitMs } from './telephone';

each_test_in_a_world_of_its_own();

describe('calling', () => {
  it('presents by invitation, unrecorded, rings, and watches who accepts', async () => {
    telephone.call(kBob);
    await settle();
    const payload = { sdpOffer: 'the offer', invite: 'bob', kind: 'call', record: false };
    expect(own_socket().request('createPresentor').payload).toEqual(payload);
    await presenting({ callId: 'c1' });
    telephone.on_snapshot(snapshot());
    expect(telephone.state.phase).toBe('ringing');
    telephone.on_accepted({ to: kBob, linkId: 'theirs', callId: 'c1' });
    expect(watched()).toEqual(['theirs']);
    await settle();
    world.clock += 500;
    connect();
    expect(phases()).toEqual(['preparing', 'calling', 'ringing', 'connecting', 'connected']);
    expect(telephone.state).toMatchObject({ accepted: true, connected_at: world.clock, role: 'caller' });
  });

  it('understands an acceptance of the first generation, which names no call', async () => {
    await dial();
    telephone.on_accepted({ to: 'bob', linkId: 'theirs' });
    expect(telephone.state.phase).toBe('connecting');
    expect(watched()).toEqual(['theirs']);
  });

  it.each<[string, object, string]>([
    ['cannot be reached', { code: 'cannot_be_reached', message: '' }, 'offline'],
    ['is busy', { code: 'busy', message: '' }, 'busy'],
    ['may not be called now', { code: 'rate_limited', message: 'wait' }, 'error'],
  ])('ends when the other %s, however the server says it', async (_, error, reason) => {
    telephone.call(kBob);
    await settle();
    const socket = own_socket();
    socket.request('createPresentor').ack({ error });
    telephone.on_error(error);
    expect(telephone.state).toMatchObject({ phase: 'ended', reason, ended_here: false });
    expect(open_sockets()).toEqual([]);
    expect(states.filter(({ phase }) => phase === 'ended')).toHaveLength(1);
  });

  it('keeps the words of a refusal that it has no reason for', () => {
    telephone.call(kBob);
    telephone.on_error({ code: 'rate_limited', message: 'wait' });
    expect(telephone.state.error).toEqual({ code: 'rate_limited', message: 'wait' });
  });

  it.each(['declined', 'no_answer', 'busy', 'offline', 'lost'])('ends as %s', async (reason) => {
    await dial();
    telephone.on_ended({ callId: 'c1', reason, user: kBob });
    expect(telephone.state).toMatchObject({ phase: 'ended', reason });
    expect(stored).toBeNull();
    telephone.dismiss();
    expect(telephone.state).toMatchObject({ phase: 'idle', user: null });
  });

  it('takes a rejection for what it is, and its second telling for nothing', async () => {
    await dial();
    telephone.on_rejected({ to: kBob, callId: 'c1' });
    telephone.on_ended({ callId: 'c1', reason: 'error', user: kBob });
    expect(telephone.state.reason).toBe('declined');
  });

  it('cancels: on the line, and by stopping its broadcast', async () => {
    await dial();
    const socket = own_socket();
    telephone.hang_up();
    telephone.hang_up();
    expect(said).toEqual([['hangup', { callId: 'c1' }]]);
    expect(socket.events()).toContain('stopPresentor');
    expect(telephone.state).toMatchObject({ phase: 'ended', reason: 'cancelled', ended_here: true });
  });

  it('cancels even before the server has named the call', async () => {
    telephone.call(kBob);
    await settle();
    telephone.hang_up();
    expect(open_sockets()).toEqual([]);
    expect(telephone.state.reason).toBe('cancelled');
  });

  it('is one call when both call each other, whichever the server keeps', async () => {
    telephone.call(kBob);
    await presenting({ callId: 'c1' });
    telephone.on_ring({ from: kBob, linkId: 'theirs', callId: 'c2' });
    expect(telephone.state.phase).toBe('calling');
    telephone.on_snapshot(snapshot({ callId: 'c2', role: 'callee', state: 'accepted', linkId: 'theirs' }));
    expect(telephone.state).toMatchObject({ phase: 'connecting', role: 'callee', accepted: true });
    expect(watched()).toEqual(['theirs']);
    telephone.on_ended({ callId: 'c2', reason: 'hung_up', user: kBob });
    expect(telephone.state.reason).toBe('hung_up');
  });

  it('waits for no answer, and for no connection, longer than the server would', async () => {
    await dial();
    vi.advanceTimersByTime(kStateLimitMs);
    expect(telephone.state).toMatchObject({ phase: 'ended', reason: 'no_answer' });
    expect(said).toEqual([['hangup', { callId: 'c1' }]]);
    telephone.dismiss();
    await dial();
    telephone.on_accepted({ to: kBob, linkId: 'theirs', callId: 'c1' });
    vi.advanceTimersByTime(kStateLimitMs);
    expect(telephone.state).toMatchObject({ phase: 'ended', reason: 'lost', connected_at: null });
  });

  it('does not begin a second call', async () => {
    await dial();
    telephone.call({ ...kBob, nickname: 'carl' });
    expect(world.sockets).toHaveLength(1);
    telephone.on_ring({ from: { ...kBob, nickname: 'carl' }, linkId: 'x', callId: 'c9' });
    expect(telephone.state.user).toEqual(kBob);
  });
});

describe('being called', () => {
  beforeEach(() => telephone.on_ring({ from: kBob, linkId: 'theirs', callId: 'c1' }));

  it('opens nothing before it is answered', () => {
    expect(telephone.state).toMatchObject({ phase: 'incoming', role: 'callee', user: kBob });
    expect(world.sockets).toEqual([]);
    expect(world.media.open).not.toHaveBeenCalled();
  });

  it('answers: presents in that call, accepts on the same socket, and watches the caller at once', async () => {
    telephone.answer();
    await settle();
    expect(own_socket().request('createPresentor').payload).toMatchObject({ callId: 'c1', record: false });
    expect(watched()).toEqual(['theirs']);
    expect(own_socket().events()).not.toContain('acceptcall');
    await presenting({ callId: 'c1' });
    expect(own_socket().request('acceptcall').payload).toEqual({ from: { nickname: 'bob' }, callId: 'c1' });
    connect();
    expect(phases()).toEqual(['incoming', 'preparing', 'connecting', 'connected']);
    expect(watched()).toEqual(['theirs']);
  });

  it('declines without a word too many', () => {
    telephone.hang_up();
    expect(said).toEqual([['hangup', { callId: 'c1' }]]);
    expect(telephone.state.phase).toBe('idle');
    // Late news of it ring nowhere.
    telephone.on_ring({ from: kBob, linkId: 'theirs', callId: 'c1' });
    telephone.on_snapshot(snapshot({ role: 'callee' }));
    telephone.on_ended({ callId: 'c1', reason: 'declined', user: kBob });
    expect(telephone.state.phase).toBe('idle');
  });

  it.each(['cancelled', 'no_answer', 'lost'])('says that a call was missed: %s', (reason) => {
    telephone.on_ended({ callId: 'c1', reason, user: kBob });
    expect(telephone.state).toMatchObject({ phase: 'ended', role: 'callee', accepted: false, user: kBob });
  });

  it('stops ringing when another device answers, and does not take its news for its own', () => {
    telephone.on_ended({ callId: 'c1', reason: 'answered_elsewhere', user: kBob });
    expect(telephone.state.phase).toBe('idle');
    telephone.on_snapshot(snapshot({ role: 'callee', state: 'accepted', linkId: 'theirs' }));
    expect(telephone.state.phase).toBe('idle');
  });

  it('stops ringing when another page of the same device answers', () => {
    telephone.on_snapshot(snapshot({ role: 'callee', state: 'accepted', linkId: 'theirs' }));
    expect(telephone.state.phase).toBe('idle');
  });

  it('knows nothing of a call that was declined on another device', () => {
    telephone.on_ended({ callId: 'c1', reason: 'declined', user: kBob, by: 'you' });
    expect(telephone.state.phase).toBe('idle');
  });

  it('stops ringing when its line is away, and rings again when the call comes back with it', () => {
    telephone.line_is_away();
    vi.advanceTimersByTime(kLineAwayMs - 1);
    expect(telephone.state.phase).toBe('incoming');
    vi.advanceTimersByTime(1);
    expect(telephone.state).toMatchObject({ phase: 'ended', role: 'callee', reason: 'lost' });
    telephone.line_is_back();
    telephone.on_ring({ from: kBob, linkId: 'theirs', callId: 'c1' });
    expect(telephone.state.phase).toBe('incoming');
  });

  it('rings on through a short break of the line', () => {
    telephone.line_is_away();
    vi.advanceTimersByTime(2000);
    telephone.line_is_back();
    telephone.on_ring({ from: kBob, linkId: 'theirs', callId: 'c1' });
    telephone.on_snapshot(snapshot({ role: 'callee', linkId: 'theirs' }));
    vi.advanceTimersByTime(kLineAwayMs);
    expect(telephone.state.phase).toBe('incoming');
  });

  it('stops ringing by itself when nobody says that it is over', () => {
    vi.advanceTimersByTime(kStateLimitMs);
    expect(telephone.state).toMatchObject({ phase: 'ended', role: 'callee', reason: 'no_answer' });
    // It was the page's own guess: nothing is hung up.
    expect(said).toEqual([]);
  });

  it('does not ring for ever when the line comes back to a call that is over', () => {
    telephone.line_is_back();
    vi.advanceTimersByTime(kRingCheckMs);
    expect(telephone.state.phase).toBe('idle');
  });

  it('rings on when the line comes back and the server repeats the call', () => {
    telephone.line_is_back();
    telephone.on_snapshot(snapshot({ role: 'callee', linkId: 'theirs' }));
    vi.advanceTimersByTime(kRingCheckMs);
    expect(telephone.state.phase).toBe('incoming');
  });

  it('is over when it was cancelled while the devices were being opened', async () => {
    let allow: (tracks: { audio: FakeTrack; video: FakeTrack }) => void = () => {};
    world.media.open.mockReturnValueOnce(new Promise((resolve) => (allow = resolve)));
    telephone.answer();
    await settle();
    telephone.on_ended({ callId: 'c1', reason: 'cancelled', user: kBob });
    const tracks = { audio: new FakeTrack('microphone'), video: new FakeTrack('camera') };
    allow(tracks);
    await settle();
    expect([tracks.audio.stopped, tracks.video.stopped]).toEqual([true, true]);
    expect(open_sockets()).toEqual([]);
  });
});

describe('with devices that may be opened without asking', () => {
  let give: (tracks: { audio: FakeTrack; video: FakeTrack }) => void;
  let refuse: (cause: Error) => void;
  beforeEach(() => {
    world.media.allowed.mockResolvedValue(true);
    world.media.open.mockReturnValueOnce(
      new Promise((resolve, reject) => {
        give = resolve;
        refuse = reject;
      }),
    );
  });

  it('rings before the camera is there, which then joins', async () => {
    await dial();
    expect(telephone.state).toMatchObject({ phase: 'ringing', own: { has_camera: false } });
    telephone.presenter?.set_microphone(false);
    const tracks = { audio: new FakeTrack('microphone'), video: new FakeTrack('camera') };
    give(tracks);
    await settle();
    expect(world.peer.transceivers.map(({ sender }) => sender.track?.name)).toEqual(['microphone', 'camera']);
    expect([tracks.audio.enabled, tracks.video.enabled]).toEqual([false, true]);
    expect(telephone.state).toMatchObject({ phase: 'ringing', own: { has_camera: true } });
  });

  it('lets go of a camera that comes too late', async () => {
    await dial();
    telephone.hang_up();
    const tracks = { audio: new FakeTrack('microphone'), video: new FakeTrack('camera') };
    give(tracks);
    await settle();
    expect([tracks.audio.stopped, tracks.video.stopped]).toEqual([true, true]);
  });

  it('stops ringing if the camera does not come, and dials anew without it', async () => {
    await dial();
    refuse(named('NotReadableError'));
    await settle();
    expect(telephone.state).toMatchObject({ phase: 'blocked', error: { code: 'device_busy' } });
    expect(open_sockets()).toEqual([]);
    telephone.on_ended({ callId: 'c1', reason: 'lost', user: kBob });
    expect(telephone.state.phase).toBe('blocked');
    telephone.retry('sound');
    await settle();
    expect(own_socket().request('createPresentor').payload).toMatchObject({ invite: 'bob' });
  });

  it('goes on in the call that was answered if the camera does not come', async () => {
    telephone.on_ring({ from: kBob, linkId: 'theirs', callId: 'c1' });
    telephone.answer();
    await presenting({ callId: 'c1' });
    expect(telephone.state.phase).toBe('connecting');
    const socket = own_socket();
    refuse(named('NotReadableError'));
    await settle();
    // The server must not take it for hanging up.
    expect([socket.disconnected_by_us, socket.events().includes('stopPresentor')]).toEqual([true, false]);
    expect(telephone.state).toMatchObject({ phase: 'connecting', use: 'sound' });
    expect(own_socket().request('createPresentor').payload).toMatchObject({ callId: 'c1' });
  });
});

describe('without devices', () => {
  it('says why, and goes on with sound only, then with nothing', async () => {
    world.media.open.mockRejectedValue(named('NotFoundError'));
    world.media.open_microphone.mockRejectedValueOnce(named('NotFoundError'));
    telephone.call(kBob);
    await settle();
    expect(telephone.state).toMatchObject({ phase: 'blocked', use: 'camera', error: { code: 'device_missing' } });
    expect(open_sockets()).toEqual([]);
    telephone.retry('sound');
    await settle();
    expect(telephone.state).toMatchObject({ phase: 'blocked', use: 'sound' });
    telephone.retry('none');
    await presenting({ callId: 'c1' });
    expect(telephone.state).toMatchObject({ phase: 'calling', use: 'none', own: { has_camera: false, microphone: null } });
  });

  it('declines a ringing call when the user gives up', async () => {
    world.media.open.mockRejectedValue(named('NotAllowedError'));
    telephone.on_ring({ from: kBob, linkId: 'theirs', callId: 'c1' });
    telephone.answer();
    await settle();
    expect(telephone.state.phase).toBe('blocked');
    telephone.hang_up();
    expect(said).toEqual([['hangup', { callId: 'c1' }]]);
    expect(telephone.state.phase).toBe('idle');
  });

  it('a camera can join a call that began with sound', async () => {
    world.media.open.mockRejectedValue(named('NotFoundError'));
    telephone.call(kBob);
    await settle();
    telephone.retry('sound');
    await presenting({ callId: 'c1' });
    await telephone.presenter?.switch_camera(choice());
    expect(telephone.state.own).toMatchObject({ has_camera: true, camera_on: true });
  });
});

describe('talking', () => {
  it('hangs up', async () => {
    await talk();
    world.clock += 60_000;
    telephone.hang_up();
    expect(said.at(-1)).toEqual(['hangup', { callId: 'c1' }]);
    expect(telephone.state).toMatchObject({ phase: 'ended', reason: 'hung_up', ended_here: true });
    expect((telephone.state.ended_at ?? 0) - (telephone.state.connected_at ?? 0)).toBe(60_000);
    expect(open_sockets()).toEqual([]);
    expect(world.peers.every(({ closed }) => closed)).toBe(true);
  });

  it('follows the other through a reload: gone, then there under another link', async () => {
    await talk();
    const viewer = open_sockets().find(({ options }) => options.presentorId === 'theirs');
    viewer?.receive('presentorgone');
    expect(telephone.state.phase).toBe('reconnecting');
    telephone.on_snapshot(snapshot({ state: 'connected', linkId: null }));
    expect(telephone.state.phase).toBe('reconnecting');
    telephone.on_snapshot(snapshot({ state: 'connected', linkId: 'theirs again' }));
    expect(watched()).toEqual(['theirs again']);
    await settle();
    connect();
    expect(telephone.state.phase).toBe('connected');
  });

  it('tries the same link again if it was too early', async () => {
    await dial();
    telephone.on_accepted({ to: kBob, linkId: 'theirs', callId: 'c1' });
    open_sockets().find(({ options }) => options.presentorId === 'theirs')?.receive('presentorgone');
    expect(watched()).toEqual([]);
    telephone.on_snapshot(snapshot({ state: 'accepted', linkId: 'theirs' }));
    expect(watched()).toEqual(['theirs']);
  });

  it('presents again in the same call after a lost connection', async () => {
    await talk();
    own_socket().receive('disconnect', 'transport close');
    expect(telephone.state.phase).toBe('reconnecting');
    vi.advanceTimersByTime(1000);
    await settle();
    expect(own_socket().request('createPresentor').payload).toMatchObject({ callId: 'c1', record: false });
    await presenting({ callId: 'c1' });
    connect();
    expect(telephone.state.phase).toBe('connected');
  });

  it('resumes after a reload, as muted as before', async () => {
    await talk();
    telephone.presenter?.set_microphone(false);
    expect(stored).toEqual({ call_id: 'c1', use: 'camera', microphone: false, camera: true });
    const since = world.clock - 42_000;
    reload();
    const open = world.media.open;
    const microphone = new FakeTrack('microphone');
    open.mockResolvedValue({ audio: microphone, video: new FakeTrack('camera') });
    telephone.on_snapshot(
      snapshot({ state: 'connected', linkId: 'theirs', since: new Date(since).toISOString(), role: 'callee' }),
    );
    expect(telephone.state).toMatchObject({ phase: 'reconnecting', connected_at: since });
    await settle();
    expect(watched()).toEqual(['theirs']);
    expect(own_socket().request('createPresentor').payload).toMatchObject({ callId: 'c1' });
    await presenting({ callId: 'c1' });
    connect();
    expect(telephone.state).toMatchObject({ phase: 'connected', role: 'callee', own: { microphone_on: false } });
    expect(microphone.enabled).toBe(false);
  });

  it('leaves the call to the tab that it was duplicated from, unless that goes', async () => {
    remember({ call_id: 'c1', use: 'camera', microphone: true, camera: true });
    telephone.on_snapshot(snapshot({ state: 'connected', linkId: 'theirs', ownId: 'mine' }));
    expect(telephone.state.phase).toBe('elsewhere');
    expect(world.sockets).toEqual([]);
    telephone.on_snapshot(snapshot({ state: 'connected', linkId: 'theirs', ownId: null }));
    expect(telephone.state.phase).toBe('reconnecting');
    await settle();
    expect(watched()).toEqual(['theirs']);
  });

  it('only tells of a call that another page is in', () => {
    remember({ call_id: 'another', use: 'camera', microphone: true, camera: true });
    telephone.on_snapshot(snapshot({ state: 'connected', linkId: 'theirs' }));
    expect(telephone.state).toMatchObject({ phase: 'elsewhere', user: kBob });
    expect(world.sockets).toEqual([]);
    telephone.hang_up();
    expect(said).toEqual([['hangup', { callId: 'c1' }]]);
    telephone.on_ended({ callId: 'c1', reason: 'hung_up', user: kBob });
    expect(telephone.state.phase).toBe('idle');
  });

  it('says what of its devices is on, once and at each change, and hears the same of the other', async () => {
    await talk();
    const told = (): unknown[] => said.filter(([event]) => event === 'callmedia').map(([, what]) => what);
    const on = { callId: 'c1', microphone: true, camera: true, screen: false };
    expect(told()).toEqual([on]);
    telephone.presenter?.set_microphone(false);
    telephone.presenter?.set_camera(true);
    expect(told()).toEqual([on, { ...on, microphone: false }]);
    expect(telephone.state.shown).toEqual({ microphone: true, camera: true, screen: false });
    telephone.on_snapshot(
      snapshot({ state: 'connected', linkId: 'theirs', shown: { microphone: false, camera: true, screen: true } }),
    );
    expect(telephone.state.shown).toEqual({ microphone: false, camera: true, screen: true });
  });

  it('knows who hung up, also on another device', async () => {
    await talk();
    telephone.on_ended({ callId: 'c1', reason: 'hung_up', user: kBob, by: 'you' });
    expect(telephone.state).toMatchObject({ reason: 'hung_up', ended_here: true });
    telephone.dismiss();
    await talk();
    telephone.on_ended({ callId: 'c1', reason: 'hung_up', user: kBob, by: 'other' });
    expect(telephone.state).toMatchObject({ reason: 'hung_up', ended_here: false });
  });

  it('has lost the call that was over before it was back in it', async () => {
    await talk();
    own_socket().receive('disconnect', 'transport close');
    vi.advanceTimersByTime(1000);
    await settle();
    own_socket().request('createPresentor').ack({ error: { code: 'cannot_be_reached', message: '' } });
    expect(telephone.state).toMatchObject({ phase: 'ended', reason: 'lost', error: null });
    // The server knows better.
    telephone.on_ended({ callId: 'c1', reason: 'hung_up', user: kBob, by: 'other' });
    expect(telephone.state.reason).toBe('hung_up');
  });

  it('keeps the recording of the call for afterwards', async () => {
    await talk();
    own_socket().receive('recording', { id: 'r1', state: 'recording' });
    telephone.hang_up();
    expect(telephone.state).toMatchObject({ phase: 'ended', recording_id: 'r1' });
    telephone.dismiss();
    expect(telephone.state.recording_id).toBeNull();
  });

  it('is recorded only as the server says', async () => {
    await talk();
    telephone.agree_to_recording(true);
    expect(said.at(-1)).toEqual(['callrecording', { callId: 'c1', agree: true }]);
    expect(telephone.state.recording).toEqual({ mine: true, theirs: false, on: false });
    telephone.on_snapshot(snapshot({ state: 'connected', linkId: 'theirs', recording: { mine: true, theirs: true, on: true } }));
    expect(telephone.state.recording.on).toBe(true);
    telephone.on_ended({ callId: 'c1', reason: 'hung_up', user: kBob });
    expect(telephone.state.recording).toEqual(kQuiet);
  });

  it('hangs up when the other’s picture cannot be had at all', async () => {
    await dial();
    telephone.on_accepted({ to: kBob, linkId: 'theirs', callId: 'c1' });
    await settle();
    open_sockets()
      .find(({ options }) => options.presentorId === 'theirs')
      ?.request('createViewer')
      .ack({ error: { code: 'no_common_codec', message: '' } });
    expect(said).toEqual([['hangup', { callId: 'c1' }]]);
    expect(telephone.state).toMatchObject({ phase: 'ended', reason: 'error', error: { code: 'no_common_codec' } });
  });

  it('leaves nothing open when the session ends', async () => {
    await talk();
    telephone.drop();
    expect(telephone.state.phase).toBe('idle');
    expect(open_sockets()).toEqual([]);
    expect(stored).toBeNull();
  });
});

// Whatever arrives in whatever order: no exception, and once the call is over nothing is left open.
describe('any order of events', () => {
  function generator(seed: number): () => number {
    let x = seed * 2654435761 + 1;
    return () => {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      return (x >>> 0) / 2 ** 32;
    };
  }

  it.each(Array.from({ length: 60 }, (_, i) => i + 1))('seed %i', async (seed) => {
    const random = generator(seed);
    const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
    const id = (): string => pick(['c1', 'c2']);
    const link = (): string | null => pick(['a', 'b', null]);
    const user = (): object => pick([kBob, { ...kBob, id: 'u3', nickname: 'carl' }]);
    const events: (() => unknown)[] = [
      () => telephone.call(kBob),
      () => telephone.answer(pick(['camera', 'sound', 'none'] as const)),
      () => telephone.hang_up(),
      () => telephone.dismiss(),
      () => telephone.retry('sound'),
      () => telephone.hurry(),
      () => telephone.line_is_back(),
      () => telephone.agree_to_recording(random() < 0.5),
      () => telephone.on_ring({ from: user(), linkId: link() ?? '', callId: id() }),
      () => telephone.on_snapshot(snapshot({ callId: id(), user: user(), linkId: link(), role: pick(['caller', 'callee']),
        state: pick(['calling', 'ringing', 'accepted', 'connected']) })),
      () => telephone.on_accepted({ to: user(), linkId: link(), callId: id() }),
      () => telephone.on_rejected({ callId: id() }),
      () => telephone.on_error({ callId: pick([id(), undefined]), code: pick(['busy', 'internal']) }),
      () => telephone.on_ended({ callId: id(), user: user(), reason: pick(['hung_up', 'lost', 'answered_elsewhere', 'x']) }),
      () => pick([telephone.on_ring, telephone.on_snapshot, telephone.on_ended]).call(telephone, pick([null, 7, {}, 'x'])),
      () => pick(world.sockets)?.receive(pick(['presentorgone', 'disconnect', 'startResponse', 'autherror']), {}),
      () => pick(world.sockets)?.sent.find(({ event }) => event.startsWith('create'))?.args[1]?.(
        pick([{ presentorId: 'mine', callId: id() }, { error: { code: pick(['busy', 'not_found', 'internal']) } }])),
      () => connect(),
      () => vi.advanceTimersByTime(pick([10, 1000, 15_000])),
      () => settle(),
    ];
    world.media.allowed.mockImplementation(async () => random() < 0.5);
    world.media.open.mockImplementation(async () => {
      if (random() < 0.3) throw named('NotAllowedError');
      return { audio: new FakeTrack('microphone'), video: new FakeTrack('camera') };
    });
    for (let step = 0; step < 120; ++step) {
      await pick(events)();
      const { phase, user } = telephone.state;
      if (phase === 'idle') expect(user).toBeNull();
      if (!telephone.engaged) expect(open_sockets()).toEqual([]);
      expect(open_sockets().length).toBeLessThanOrEqual(2);
    }
    telephone.drop();
    await settle();
    vi.advanceTimersByTime(60_000);
    await settle();
    expect(open_sockets()).toEqual([]);
    expect(world.peers.every(({ closed }) => closed)).toBe(true);
  });
});
