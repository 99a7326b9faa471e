import { describe, expect, it } from 'vitest';
import { recording_news } from '@/api/recordings';
import {
  filters_from_query,
  filters_to_query,
  filters_to_request,
  is_filtered,
  no_filters,
  page_from_query,
  page_steps,
  page_to_query,
} from './filters';
import { bytes_text, codecs_text, known_place, position_text, seconds_text, spoken_time, when_text } from './format';
import { centered_within, share_of_bar, sprite_style, sprite_tile } from './sprite';

// Noon of the reader's own calendar, whatever the zone.
const kNow = new Date(2026, 4, 20, 12).getTime();
const local = (year: number, month: number, day: number): string =>
  new Date(year, month - 1, day).toISOString().replace('.000Z', 'Z');

describe('filters', () => {
  it('go into the address and come back', () => {
    const all = { ...no_filters(), q: '海边', presenter: 'maya', location: 'Lyon', min: 5, max: 20 };
    for (const filters of [
      no_filters(),
      { ...all, when: 'week' as const },
      { ...all, when: 'range' as const, from: '2026-01-31', to: '2026-02-01' },
      { ...no_filters(), when: 'range' as const },
      { ...no_filters(), min: 0, max: 0 },
    ])
      expect(filters_from_query(filters_to_query(filters))).toEqual(filters);
  });

  it('leave a plain address plain', () => {
    expect(filters_to_query({ ...no_filters(), q: '   ' })).toEqual({});
    expect(is_filtered(no_filters())).toBe(false);
    expect(is_filtered({ ...no_filters(), max: 5 })).toBe(true);
  });

  it.each([
    [{ when: 'century', from: '2026-02-30', to: 'soon', min: '-1', max: 'NaN' }],
    [{ q: null, presenter: undefined, location: [], min: '1e9', max: '' }],
    [{ when: 'toString', from: '31.01.2026' }],
  ])('make nothing of %j', (query) => {
    expect(filters_from_query(query as Record<string, unknown>)).toEqual(no_filters());
  });

  it('take the first of several and cut what is endless', () => {
    const filters = filters_from_query({ q: ['one', 'two'], presenter: 'x'.repeat(5000) });
    expect(filters.q).toBe('one');
    expect(filters.presenter).toHaveLength(100);
    // As the server counts: 100 characters of any language, whole ones.
    expect(filters_from_query({ q: '直'.repeat(120) }).q).toBe('直'.repeat(100));
    expect(filters_from_query({ q: '🎬'.repeat(120) }).q).toBe('🎬'.repeat(100));
    expect(filters_to_request({ ...no_filters(), q: '🎬'.repeat(120) }, kNow).q).toBe('🎬'.repeat(100));
  });

  it('ask the server in its own terms', () => {
    const filters = { ...no_filters(), q: ' sea ', presenter: 'm', location: 'L', min: 5, max: 20 };
    expect(filters_to_request(filters, kNow)).toEqual({
      q: 'sea',
      presenter: 'm',
      location: 'L',
      min_duration: '300',
      max_duration: '1200',
    });
  });

  it('count days by the calendar of the reader', () => {
    const from = (when: 'day' | 'week'): string | undefined =>
      filters_to_request({ ...no_filters(), when }, kNow).from;
    expect(from('day')).toBe(local(2026, 5, 20));
    expect(from('week')).toBe(local(2026, 5, 14));
    const range = { ...no_filters(), when: 'range' as const, from: '2026-03-01', to: '2026-03-31' };
    expect(filters_to_request(range, kNow)).toEqual({
      from: local(2026, 3, 1),
      to: new Date(2026, 2, 31, 23, 59, 59).toISOString().replace('.000Z', '.999999Z'),
    });
    expect(filters_to_request({ ...range, from: '' }, kNow).from).toBeUndefined();
  });
});

describe('pages', () => {
  it('have numbers from 1', () => {
    expect(['3', '0', '-1', '1.5', 'x', undefined, ['2']].map((page) => page_from_query({ page }))).toEqual([
      3, 1, 1, 1, 1, 1, 2,
    ]);
    expect(page_to_query(1)).toEqual({});
    expect(page_to_query(4)).toEqual({ page: '4' });
  });

  it.each([
    [1, 1, [1]],
    [1, 3, [1, 2, 3]],
    [1, 9, [1, 2, null, 9]],
    [4, 9, [1, 2, 3, 4, 5, null, 9]],
    [5, 9, [1, null, 4, 5, 6, null, 9]],
    [9, 9, [1, null, 8, 9]],
    [7, 0, []],
  ])('offer around %i of %i: %j', (current, count, expected) => {
    expect(page_steps(current, count)).toEqual(expected);
  });
});

describe('sprite', () => {
  const sprite = { url: '/s.jpg', interval: 10, columns: 5, rows: 3, width: 160, height: 90, count: 12 };

  it.each([
    [0, 0, 0],
    [9.99, 0, 0],
    [10, 160, 0],
    [49, 640, 0],
    [50, 0, 90],
    [119, 160, 180],
    // Behind the last picture there is the last picture.
    [5000, 160, 180],
    [-3, 0, 0],
  ])('at %d s has its picture at %d, %d', (seconds, x, y) => {
    expect(sprite_tile(sprite, seconds)).toEqual({ x, y, width: 160, height: 90 });
  });

  it.each([[{ count: 0 }], [{ interval: 0 }], [{ columns: 0 }], [{ width: 0 }]])('without sense (%j) shows nothing', (wrong) => {
    expect(sprite_tile({ ...sprite, ...wrong }, 1)).toBeNull();
  });

  it('scales', () => {
    expect(sprite_style(sprite, 50, 80)).toEqual({
      inlineSize: '80px',
      blockSize: '45px',
      backgroundImage: 'url("/s.jpg")',
      backgroundSize: '400px 135px',
      backgroundPosition: '0px -45px',
    });
  });

  it('stays on its bar', () => {
    expect([0, 100, 350, 900].map((x) => share_of_bar(x, 100, 500))).toEqual([0, 0, 0.5, 1]);
    expect(share_of_bar(5, 0, 0)).toBe(0);
    expect([10, 250, 495].map((at) => centered_within(at, 160, 500))).toEqual([0, 170, 340]);
    expect(centered_within(50, 160, 100)).toBe(0);
  });
});

describe('words', () => {
  it('for sizes', () => {
    expect([0, 999, 1000, 1_536_000, 9_960_000, 999_600_000, 42e9].map((bytes) => bytes_text(bytes, 'en'))).toEqual([
      '0 bytes',
      '999 bytes',
      '1 kB',
      '1.5 MB',
      '10 MB',
      '1 GB',
      '42 GB',
    ]);
  });

  it('for times', () => {
    expect([0, 0.4, 75.9, 3675, NaN].map(seconds_text)).toEqual(['0:00', '0:01', '1:15', '1:01:15', '0:00']);
    expect(position_text(7, 60)).toBe('0:07');
    expect(position_text(7, 3600)).toBe('0:00:07');
    expect(position_text(754, 3600)).toBe('0:12:34');
    expect(position_text(3661, 7200)).toBe('1:01:01');
    expect(spoken_time(3725, 'en')).toBe('1 hour 2 minutes 5 seconds');
    expect(spoken_time(0, 'en')).toBe('0 seconds');
    expect(spoken_time(120, 'en')).toBe('2 minutes');
    expect(when_text('no date', 'en')).toBe('');
    expect(when_text(new Date(2026, 1, 3, 0, 7).toISOString(), 'en')).toBe('Feb 3, 2026, 00:07');
  });

  it('for formats and places', () => {
    expect(codecs_text('h264', 'opus')).toBe('H.264 · Opus');
    expect(codecs_text('', 'opus')).toBe('Opus');
    expect(codecs_text('hevc')).toBe('hevc');
    expect(['', 'unknown', 'Unknown', 'Lyon'].map(known_place)).toEqual([false, false, false, true]);
  });
});

describe('news of a recording', () => {
  it('is checked', () => {
    expect(recording_news({ id: 'a', state: 'ready' })).toEqual({ id: 'a', state: 'ready' });
    expect(recording_news({ id: 'a', state: 'recording', trouble: { code: 'disk_full' } })).toEqual({
      id: 'a',
      state: 'recording',
      trouble: { code: 'disk_full', message: '' },
    });
    for (const wrong of [null, 'ready', {}, { id: 7, state: 'ready' }]) expect(recording_news(wrong)).toBeNull();
  });
});
