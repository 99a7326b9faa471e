import { afterEach, describe, expect, it, vi } from 'vitest';
import { is_blank } from '@/composables/blank_picture';
import { day_and_time } from '@/composables/time';
import { call_en } from '@/i18n/call_en';
import { call_zh } from '@/i18n/call_zh';
import { less_than, media_for } from './media';
import { tab_memory } from './memory';
import { incoming_sample, outgoing_loss, quality_between } from './quality';
import { kRing, play_pattern, ring } from './ring';
import { kEndReasons, read_presence, read_reason, read_ring, read_snapshot, read_user } from './wire';

afterEach(() => vi.unstubAllGlobals());

describe('quality', () => {
  const report = (received: number, lost: number, frames: number, rtt: number): Record<string, unknown>[] => [
    { type: 'inbound-rtp', kind: 'video', packetsReceived: received, packetsLost: lost, framesDecoded: frames },
    { type: 'inbound-rtp', kind: 'audio', packetsReceived: 0, packetsLost: -1 },
    { type: 'candidate-pair', nominated: true, currentRoundTripTime: rtt / 1000 },
    { type: 'candidate-pair', nominated: false, currentRoundTripTime: 9 },
  ];

  it.each<[string, number, number, number, string]>([
    ['nothing lost', 0, 40, 0, 'good'],
    ['some lost on the way in', 5, 40, 0, 'fair'],
    ['some lost on the way out', 0, 40, 0.05, 'fair'],
    ['much lost', 20, 40, 0, 'poor'],
    ['far away', 0, 300, 0, 'fair'],
    ['too far away', 0, 700, 0, 'poor'],
  ])('%s', (_, lost, rtt, out, grade) => {
    const before = incoming_sample(report(1000, 10, 300, rtt), 10_000);
    const now = incoming_sample(report(1100 - lost, 10 + lost, 360, rtt), 12_000);
    expect(quality_between(before, now, out, true)).toMatchObject({ grade, frames: 30, round_trip: rtt, loss_out: out });
  });

  it('takes a stream that began anew, and one that is silent, for no loss', () => {
    const before = incoming_sample(report(1000, 10, 300, 40), 0);
    expect(quality_between(before, incoming_sample(report(5, 0, 1, 40), 2000), 0, true)).toMatchObject({ loss_in: 0, frames: 0 });
    expect(quality_between(before, { ...before, at: 2000 }, 0, false).loss_in).toBe(0);
  });

  it.each<[string, number, number, boolean, string]>([
    ['pictures as they come from a camera', 60, 0, true, 'good'],
    ['a camera in the dark', 28, 0, true, 'good'],
    ['a picture that stutters', 20, 0, true, 'fair'],
    ['one picture a second', 2, 0, true, 'poor'],
    ['a screen that stands still, or a camera that is off', 0, 0, false, 'good'],
    ['some sound that is made up', 60, 0.05, true, 'fair'],
    ['much sound that is made up', 60, 0.3, true, 'poor'],
  ])('of %s', (_, frames, concealed, moving, grade) => {
    const sound = (samples: number, made_up: number): Record<string, unknown> => ({
      type: 'inbound-rtp', kind: 'audio', totalSamplesReceived: samples, concealedSamples: 500 + made_up, silentConcealedSamples: 500,
    });
    const before = incoming_sample([...report(1000, 0, 300, 40), sound(0, 0)], 10_000);
    const now = incoming_sample([...report(1100, 0, 300 + frames, 40), sound(96_000, 96_000 * concealed)], 12_000);
    expect(quality_between(before, now, 0, moving).grade).toBe(grade);
  });

  it('takes the worst of what the server reports', () => {
    const reports = [{ type: 'remote-inbound-rtp', fractionLost: 0.1 }, { type: 'remote-inbound-rtp', fractionLost: 0.3 }];
    expect(outgoing_loss([...reports, { type: 'outbound-rtp' }])).toBe(0.3);
    expect(outgoing_loss([])).toBe(0);
  });
});

describe('what the line says', () => {
  const user = { id: 'u', nickname: 'bob', avatar: '/a' };

  it('is read with care', () => {
    for (const nonsense of [null, undefined, 7, 'x', [], {}, { from: {} }, { user: { nickname: '' } }]) {
      expect(read_ring(nonsense)).toBeNull();
      expect(read_snapshot(nonsense)).toBeNull();
      expect(read_presence(nonsense)).toBeNull();
      expect(read_reason(nonsense)).toBe('error');
    }
    expect(read_user('bob')).toEqual({ id: '', nickname: 'bob', avatar: '' });
    expect(read_ring({ from: user, linkId: 'l', callId: 'c' })).toEqual({ call_id: 'c', user, link_id: 'l' });
    expect(read_presence({ user, state: 'live' })).toEqual({ user, state: 'live' });
    expect(read_presence({ user: { nickname: 'no id' }, state: 'live' })).toBeNull();
  });

  it('keeps what is missing apart from what is empty', () => {
    const bare = { callId: 'c', user, role: 'caller', state: 'accepted' };
    expect(read_snapshot(bare)).toMatchObject({
      link_id: null,
      own_id: null,
      since: null,
      recording: { mine: false, theirs: false, on: false },
      // The first generation says nothing of its devices.
      shown: { microphone: true, camera: true, screen: false },
    });
    expect(read_snapshot({ ...bare, linkId: 'l', since: '2030-01-01T00:00:00Z' })).toMatchObject({
      link_id: 'l',
      since: Date.UTC(2030, 0, 1),
    });
  });
});

describe('small parts', () => {
  it.each([...kEndReasons, 'hung_up_here', 'lost_early', 'unseen'])('have a title and a sentence for the end %s', (end) => {
    for (const words of [call_en, call_zh] as unknown as Record<string, string>[])
      for (const key of [`ended_${end}`, `ended_title_${end}`]) expect(words[key], key).toBeTruthy();
  });

  it('open only what is wanted', async () => {
    const base = {
      allowed: vi.fn(async () => false),
      open: vi.fn(async () => ({ audio: 'a', video: 'v' })),
      open_microphone: vi.fn(async () => 'a'),
      open_camera: vi.fn(),
      open_screen: vi.fn(),
    };
    const choice = { camera: '', microphone: '', resolution: '360p' as const };
    const open = (use: 'camera' | 'sound' | 'none'): Promise<unknown> => media_for(base as never, () => use).open(choice);
    expect(await open('camera')).toEqual({ audio: 'a', video: 'v' });
    expect(await open('sound')).toEqual({ audio: 'a', video: null });
    expect(await open('none')).toEqual({ audio: null, video: null });
    expect([base.open, base.open_microphone].map((mock) => mock.mock.calls.length)).toEqual([1, 1]);
    for (const use of ['camera', 'sound', 'none'] as const) await media_for(base as never, () => use).allowed([]);
    expect(base.allowed.mock.calls).toEqual([[['camera', 'microphone']], [['microphone']], [[]]]);
    expect([less_than('camera'), less_than('sound'), less_than('none')]).toEqual(['sound', 'none', null]);
  });

  it('remember the call of a tab, and nothing damaged', () => {
    const call = { call_id: 'c', use: 'sound' as const, microphone: false, camera: true };
    tab_memory.write(call);
    expect(tab_memory.read()).toEqual(call);
    sessionStorage.setItem('loopcast.call', '{"call_id":7');
    expect(tab_memory.read()).toBeNull();
    tab_memory.write(null);
    expect(sessionStorage.length).toBe(0);
  });

  it('tell a camera that is off from a dark room', () => {
    expect(is_blank([0, 1, 2, 255, 3, 0, 0, 255])).toBe(true);
    expect(is_blank([0, 1, 2, 255, 12, 0, 0, 255])).toBe(false);
  });

  it('write the day only of other days', () => {
    const now = new Date(2024, 4, 6, 20, 0).getTime();
    expect(day_and_time(new Date(2024, 4, 6, 9, 5).getTime(), 'en', now)).toBe('09:05');
    expect(day_and_time(new Date(2024, 4, 5, 9, 5).getTime(), 'en', now)).toBe('May 5, 09:05');
  });

  it('ring without a word where there is no sound', () => {
    vi.stubGlobal('AudioContext', undefined);
    expect(() => play_pattern(kRing)()).not.toThrow();
    expect(() => ring()()).not.toThrow();
  });
});
