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
 * Browsers play nothing before the page was touched. A context that is woken by a touch can ring later,
 * whenever that is. Which events count as a touch differs, and a context may fall asleep again (another
 * app takes the sound): so each of them wakes one that sleeps.
 */
export function allow_ringing_on_touch(): void {
  const wake = (): void => {
    const audio = context();
    if (audio !== null && audio.state !== 'running') void audio.resume().catch(() => {});
  };
  for (const kind of ['pointerdown', 'pointerup', 'keydown'] as const)
    window.addEventListener(kind, wake, { capture: true, passive: true });
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

/** Runs `hold` when no other tab of this browser does the same. Without locks each of them does. */
async function in_turn(hold: () => Promise<void>): Promise<void> {
  if (navigator.locks === undefined) return hold();
  let held = false;
  try {
    await navigator.locks.request('loopcast-ring', () => {
      held = true;
      return hold();
    });
  } catch (cause) {
    // Pages without storage have no locks either.
    if (held) throw cause;
    await hold();
  }
}

/**
 * The same, but in one tab only: several tabs of one browser would ring out of step. It is one that may
 * make a sound: a tab asks for its turn when its context runs, and gives it away when that falls asleep.
 */
export function ring(pattern: Pattern = kRing): () => void {
  const audio = context();
  if (audio === null) return () => {};
  let over = false;
  let in_line = false;
  let give_away = (): void => {};

  const hold = async (): Promise<void> => {
    if (over || audio.state !== 'running') return;
    const stop = play_pattern(pattern);
    await new Promise<void>((resolve) => {
      give_away = resolve;
    });
    give_away = () => {};
    stop();
  };
  const look = (): void => {
    if (over || audio.state !== 'running') {
      give_away();
      return;
    }
    if (in_line) return;
    in_line = true;
    const done = (): void => {
      in_line = false;
      look();
    };
    void in_turn(hold).then(done, () => {});
  };

  audio.addEventListener('statechange', look);
  // Comes to pass at once, at the first touch, or never.
  void audio.resume().then(look, () => {});
  return () => {
    over = true;
    audio.removeEventListener('statechange', look);
    give_away();
  };
}
