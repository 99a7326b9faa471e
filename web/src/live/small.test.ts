import { describe, expect, it } from 'vitest';
import { Audience, kMaxNotices } from './audience';
import { backoff_ms } from './backoff';
import { audio_constraints, video_constraints } from './devices';
import { level_of } from './level';

describe('backoff_ms', () => {
  it('doubles up to a ceiling', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8, 9, 1000].map((attempt) => backoff_ms(attempt, 0.5))).toEqual([
      500, 1000, 2000, 4000, 8000, 8000, 8000, 8000, 20_000, 20_000,
    ]);
  });

  it('spreads by a quarter', () => {
    expect(backoff_ms(2, 0)).toBe(750);
    expect(backoff_ms(2, 0.999)).toBeLessThanOrEqual(1250);
  });
});

describe('Audience', () => {
  const person = { nickname: 'A', avatar: '' };

  it('never counts below zero', () => {
    const audience = new Audience();
    audience.add({ kind: 'leave', person }, 1);
    expect(audience.count).toBe(0);
    audience.correct(-4);
    expect(audience.count).toBe(0);
  });

  it('keeps a bounded list with keys that stay unique', () => {
    const audience = new Audience();
    for (let i = 0; i < kMaxNotices + 20; ++i) audience.add({ kind: 'entry', person }, i);
    expect(audience.notices).toHaveLength(kMaxNotices);
    expect(audience.count).toBe(kMaxNotices + 20);
    expect(audience.notices[0]?.at).toBe(kMaxNotices + 19);
    expect(new Set(audience.notices.map(({ key }) => key)).size).toBe(kMaxNotices);
  });
});

describe('who is not named', () => {
  it('was here before this page and those who came later', () => {
    const audience = new Audience();
    const person = (id: string): { id: string; nickname: string; avatar: string } => ({ id, nickname: id, avatar: '' });
    audience.add({ kind: 'entry', person: person('A') }, 1);
    audience.add({ kind: 'leave', person: person('A') }, 2);
    audience.add({ kind: 'leave', person: person('somebody from before') }, 3);
    audience.add({ kind: 'entry', person: person('B') }, 4);
    // This page, B, and three more.
    audience.correct(5);
    expect(audience.unnamed(true)).toBe(3);
    audience.correct(2);
    expect(audience.unnamed(true)).toBe(0);
    audience.correct(0);
    expect(audience.unnamed(true)).toBe(0);
  });
});

describe('who was here before', () => {
  const people = ['a', 'b', 'c'].map((id) => ({ id, nickname: id.toUpperCase(), avatar: '' }));
  const [a, b, c] = people as [(typeof people)[0], (typeof people)[0], (typeof people)[0]];

  it('is named, newest first, until they leave', () => {
    const audience = new Audience();
    audience.begin(people);
    audience.correct(5);
    expect(audience.here.map(({ id }) => id)).toEqual(['c', 'b', 'a']);
    expect(audience.unnamed(true)).toBe(1);
    audience.add({ kind: 'leave', person: b }, 1);
    expect(audience.here.map(({ id }) => id)).toEqual(['c', 'a']);
    expect(audience.unnamed(true)).toBe(1);
    audience.add({ kind: 'entry', person: b }, 2);
    expect(audience.here).toHaveLength(2);
    expect(audience.unnamed(true)).toBe(1);
  });

  it('may watch on several devices, of which some came later', () => {
    const audience = new Audience();
    audience.begin([a, a]);
    audience.correct(2);
    audience.add({ kind: 'entry', person: a }, 1);
    for (const left of [2, 1, 0]) {
      audience.add({ kind: 'leave', person: a }, 2);
      expect(audience.count).toBe(left);
      expect(audience.unnamed(false)).toBe(0);
    }
    expect(audience.here).toEqual([]);
  });

  it('is found anew by a page that comes again', () => {
    const audience = new Audience();
    audience.begin([a, b]);
    audience.add({ kind: 'entry', person: c }, 1);
    audience.begin(people);
    expect(audience.notices).toEqual([]);
    audience.correct(4);
    expect(audience.unnamed(true)).toBe(0);
  });
});

describe('device constraints', () => {
  it('ask for a chosen device exactly, and for sizes only as a wish', () => {
    const choice = { camera: 'c', microphone: '', resolution: '360p' as const };
    expect(video_constraints(choice)).toMatchObject({ deviceId: { exact: 'c' }, width: { ideal: 640 } });
    expect(audio_constraints(choice)).not.toHaveProperty('deviceId');
  });
});

describe('level_of', () => {
  it('is 0 for silence, 1 for full scale, and logarithmic in between', () => {
    expect(level_of(new Float32Array(8))).toBe(0);
    expect(level_of(new Float32Array(8).fill(1))).toBe(1);
    expect(level_of(new Float32Array(8).fill(0.001))).toBeCloseTo(0);
    expect(level_of(new Float32Array(8).fill(0.0316))).toBeCloseTo(0.5, 2);
  });
});
