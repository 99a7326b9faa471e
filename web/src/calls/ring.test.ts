import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

class FakeContext {
  state = 'suspended';
  currentTime = 0;
  destination = {};
  started = 0;
  allowed = false;
  private listeners_: (() => void)[] = [];
  addEventListener(_: string, listener: () => void): void {
    this.listeners_.push(listener);
  }
  removeEventListener(_: string, listener: () => void): void {
    this.listeners_ = this.listeners_.filter((other) => other !== listener);
  }
  get listeners(): number {
    return this.listeners_.length;
  }
  become(state: string): void {
    this.state = state;
    for (const listener of [...this.listeners_]) listener();
  }
  resume(): Promise<void> {
    if (!this.allowed) return new Promise(() => {});
    this.become('running');
    return Promise.resolve();
  }
  createGain(): object {
    const gain = { value: 0, setValueAtTime: () => {}, linearRampToValueAtTime: () => {} };
    return { gain, connect: () => ({}), disconnect: () => {} };
  }
  createOscillator(): object {
    const connect = (): object => ({ connect: () => ({}) });
    return { frequency: { value: 0 }, connect, start: () => (this.started += 1), stop: () => {} };
  }
}

/** Of all tabs of one browser: one after the other. */
class FakeLocks {
  waiting = 0;
  private last_: Promise<unknown> = Promise.resolve();
  request(_: string, hold: () => Promise<void>): Promise<void> {
    this.waiting += 1;
    const mine = this.last_.then(() => {
      this.waiting -= 1;
      return hold();
    });
    this.last_ = mine.catch(() => {});
    return mine;
  }
}

let locks: FakeLocks;

/** A tab of its own: each has its module, and so its context. */
async function tab(): Promise<{ audio: FakeContext; ring(): () => void; touch(): void }> {
  vi.resetModules();
  const audio = new FakeContext();
  vi.stubGlobal('AudioContext', function () {
    return audio;
  });
  const { allow_ringing_on_touch, kRing, play_pattern, ring } = await import('./ring');
  // The context is made at the first use.
  play_pattern({ ...kRing, notes: [] })();
  allow_ringing_on_touch();
  return {
    audio,
    ring: () => ring(),
    touch: () => {
      audio.allowed = true;
      window.dispatchEvent(new Event('pointerup'));
    },
  };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 30; ++i) await Promise.resolve();
}

beforeEach(() => {
  vi.useFakeTimers();
  locks = new FakeLocks();
  vi.stubGlobal('navigator', { locks });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('the ring of several tabs', () => {
  it('is left to the tab that may make a sound', async () => {
    const [silent, touched] = [await tab(), await tab()];
    touched.audio.allowed = true;
    const stops = [silent.ring(), touched.ring()];
    await settle();
    expect([silent.audio.started, touched.audio.started]).toEqual([0, 6]);
    expect(locks.waiting).toBe(0);
    stops.forEach((stop) => stop());
    await settle();
    expect([silent.audio.listeners, touched.audio.listeners]).toEqual([0, 0]);
  });

  it('begins with the first touch, and goes to the next tab when the first falls asleep', async () => {
    const [first, second] = [await tab(), await tab()];
    const stops = [first.ring(), second.ring()];
    await settle();
    expect(first.audio.started).toBe(0);
    first.touch();
    await settle();
    expect(first.audio.started).toBeGreaterThan(0);
    second.audio.allowed = true;
    second.audio.become('running');
    await settle();
    expect(second.audio.started).toBe(0);
    first.audio.allowed = false;
    first.audio.become('interrupted');
    await settle();
    expect(second.audio.started).toBeGreaterThan(0);
    stops.forEach((stop) => stop());
    await settle();
    const after = [first.audio.started, second.audio.started];
    vi.advanceTimersByTime(10_000);
    expect([first.audio.started, second.audio.started]).toEqual(after);
  });

  it('is that of each where there are no locks', async () => {
    vi.stubGlobal('navigator', {});
    const one = await tab();
    one.audio.allowed = true;
    const stop = one.ring();
    await settle();
    expect(one.audio.started).toBe(6);
    stop();
    await settle();
    vi.advanceTimersByTime(10_000);
    expect(one.audio.started).toBe(6);
  });

  it('wakes a context that fell asleep by any later touch', async () => {
    const one = await tab();
    one.touch();
    expect(one.audio.state).toBe('running');
    one.audio.become('suspended');
    one.touch();
    expect(one.audio.state).toBe('running');
  });
});
