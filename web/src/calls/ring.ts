/** One note: `at` and `length` in seconds from the start of the pattern, `pitch` in hertz. */
interface Note {
  at: number;
  length: number;
  pitch: number;
}

interface Pattern {
  notes: readonly Note[];
  /** Seconds until it begins again. */
  period: number;
  /** 0 to 1. */
  loudness: number;
}

/** At the callee: a rising chord, twice, like a small bell. */
export const kRing: Pattern = {
  notes: [0, 0.9].flatMap((start) =>
    [659.26, 830.61, 987.77].map((pitch, i) => ({ at: start + i * 0.14, length: 0.7, pitch })),
  ),
  period: 3,
  loudness: 0.22,
};

/** At the caller: the quiet tone of a telephone that rings somewhere else. */
export const kRingback: Pattern = { notes: [{ at: 0, length: 1, pitch: 425 }], period: 5, loudness: 0.05 };

let shared: AudioContext | null = null;

function context(): AudioContext | null {
  try {
    shared ??= new AudioContext();
  } catch {
    // No sound device: the ring is still to be seen.
  }
  return shared;
}

/**
 * Browsers play nothing before the page was touched. A context that is made, or woken, at the first
 * touch can ring later, whenever that is.
 */
export function allow_ringing_on_touch(): void {
  const kinds = ['pointerdown', 'keydown'] as const;
  const wake = (): void => {
    for (const kind of kinds) window.removeEventListener(kind, wake, true);
    void context()?.resume().catch(() => {});
  };
  for (const kind of kinds) window.addEventListener(kind, wake, { capture: true, passive: true });
}

function strike(audio: AudioContext, out: AudioNode, note: Note, from: number): void {
  const tone = audio.createOscillator();
  const shape = audio.createGain();
  const start = from + note.at;
  tone.frequency.value = note.pitch;
  shape.gain.setValueAtTime(0, start);
  shape.gain.linearRampToValueAtTime(1, start + 0.02);
  shape.gain.setValueAtTime(1, start + note.length * 0.4);
  shape.gain.linearRampToValueAtTime(0, start + note.length);
  tone.connect(shape).connect(out);
  tone.start(start);
  tone.stop(start + note.length);
}

/** Plays the pattern again and again; answers what stops it. Silent where the browser forbids sound. */
export function play_pattern(pattern: Pattern): () => void {
  const audio = context();
  if (audio === null) return () => {};
  const out = audio.createGain();
  out.gain.value = pattern.loudness;
  out.connect(audio.destination);
  const once = (): void => {
    // Notes of a sleeping context would all sound together when it wakes.
    if (audio.state === 'running') for (const note of pattern.notes) strike(audio, out, note, audio.currentTime);
  };
  let stopped = false;
  void audio
    .resume()
    .then(() => {
      if (!stopped) once();
    })
    .catch(() => {});
  const timer = setInterval(once, pattern.period * 1000);
  return () => {
    stopped = true;
    clearInterval(timer);
    out.disconnect();
  };
}

/**
 * The same, but in one tab only: several tabs of one browser would ring out of step. Without locks
 * each of them rings.
 */
export function ring(pattern: Pattern = kRing): () => void {
  let stop = (): void => {};
  let over = false;
  let release = (): void => {};
  const start = (): void => {
    if (!over) stop = play_pattern(pattern);
  };
  if (navigator.locks === undefined) start();
  else
    void navigator.locks
      .request('loopcast-ring', () => {
        start();
        return new Promise<void>((resolve) => {
          release = resolve;
          if (over) resolve();
        });
      })
      .catch(start);
  return () => {
    over = true;
    stop();
    release();
  };
}
