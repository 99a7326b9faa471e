import { afterEach, describe, expect, it, vi } from 'vitest';
import { ago_text, day_and_time } from '@/composables/time';
import { forget_server_time, server_now, set_server_time } from './server_clock';

const kServer = Date.UTC(2026, 4, 6, 12, 0);

afterEach(() => {
  forget_server_time();
  vi.useRealTimers();
});

describe('the clock of the server', () => {
  it('is the browser’s until the server has told', () => {
    vi.useFakeTimers({ now: 1234 });
    expect(server_now()).toBe(1234);
  });

  it.each([3, -3])('is not moved by a browser’s clock that is off by %d hours, nor when that is set right', (hours) => {
    vi.useFakeTimers({ now: kServer + hours * 3_600_000 });
    const asked = performance.now();
    vi.advanceTimersByTime(200);
    set_server_time(kServer, asked, performance.now());
    // Half a round trip has passed since.
    expect(server_now()).toBe(kServer + 100);
    vi.advanceTimersByTime(60_000);
    expect(server_now()).toBe(kServer + 60_100);
    vi.setSystemTime(kServer);
    expect(server_now()).toBe(kServer + 60_100);
    expect(ago_text(server_now() - kServer, 'en')).toBe('1 minute ago');
    expect(day_and_time(kServer, 'en')).toMatch(/^\d\d:00$/);
  });
});
