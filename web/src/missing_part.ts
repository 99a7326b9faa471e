import { ref } from 'vue';
import { time_limit } from '@/api/time_limit';
import { read_tab, store_tab } from '@/stores/storage';

/** A part of the app that is loaded on demand, and is not there. */
export class MissingPart extends Error {
  override readonly name = 'MissingPart';

  constructor(override readonly cause: unknown) {
    super(String(cause));
  }
}

/** Makes whatever goes wrong while `load` loads a part of the app known as that. */
export function part<Module>(load: () => Promise<Module>): () => Promise<Module> {
  return () =>
    load().catch((cause: unknown) => {
      throw new MissingPart(cause);
    });
}

/**
 * Why a page could not be opened. `updated`: the server has a newer app, and this page has something to lose by
 * loading it; `unreachable`: the network is away; `broken`: the newest app lacks the part as well.
 */
export interface Missing {
  why: 'updated' | 'unreachable' | 'broken';
  /** The address that was asked for. */
  path: string;
}

/** What the page has to say about that; null while there is nothing. */
export const missing = ref<Missing | null>(null);

const kReloadedKey = 'loopcast.loaded_anew';
const kReachMs = 10_000;
/** A part that is missing again so soon after the app was loaded anew will not come by loading it once more. */
const kOnceMs = 60_000;

export interface Surroundings {
  /** There is something that would end with this page: a broadcast or a call. */
  busy(): boolean;
  /** Loads the app anew at that address. */
  load(path: string): void;
  now(): number;
}

/**
 * A page could not be opened because a part of the app is missing. After an upgrade of the server that is no fault of
 * anybody: the app is loaded anew, once. `by_hand`: somebody pressed the button that asks for it.
 */
export async function on_missing_part(path: string, around: Surroundings, by_hand = false): Promise<void> {
  if (!(await reachable(path))) {
    // Loading would only exchange this page for the browser's own words.
    missing.value = { why: 'unreachable', path };
    return;
  }
  const [at, where] = (read_tab(kReloadedKey) ?? '').split(' ', 2);
  const again = where === path && around.now() - Number(at) < kOnceMs;
  if (!by_hand && (again || around.busy())) {
    missing.value = { why: again ? 'broken' : 'updated', path };
    return;
  }
  store_tab(kReloadedKey, `${around.now()} ${path}`);
  missing.value = null;
  around.load(path);
}

async function reachable(path: string): Promise<boolean> {
  const limit = time_limit(kReachMs);
  try {
    const answer = await fetch(path, { headers: { Accept: 'text/html' }, cache: 'no-store', signal: limit.signal });
    return answer.ok;
  } catch {
    return false;
  } finally {
    limit.stop();
  }
}
