import { recording_news } from '@/api/recordings';
import type { Interrupted } from './presenter';

/** The broadcast that this tab presents, for the page after a reload. */
export interface Remembered extends Interrupted {
  recorded: boolean;
  /** When the page went away, in milliseconds since 1970; null: it did not say so. */
  left_at: number | null;
}

/** The server waits this long for a presenter who was lost. */
export const kWaitsMs = 30_000;

const kKey = 'loopcast.live';

/** sessionStorage belongs to one tab and survives its reload, which is just what is needed. */
export function read_broadcast(): Remembered | null {
  try {
    const stored = JSON.parse(sessionStorage.getItem(kKey) ?? 'null') as Partial<Remembered> | null;
    if (typeof stored?.broadcast_id !== 'string') return null;
    return {
      broadcast_id: stored.broadcast_id,
      link_id: typeof stored.link_id === 'string' ? stored.link_id : stored.broadcast_id,
      live_since: typeof stored.live_since === 'number' ? stored.live_since : Date.now(),
      recording: recording_news(stored.recording),
      recorded: stored.recorded !== false,
      left_at: typeof stored.left_at === 'number' ? stored.left_at : null,
    };
  } catch {
    return null;
  }
}

export function remember_broadcast(broadcast: Remembered | null): void {
  try {
    if (broadcast === null) sessionStorage.removeItem(kKey);
    else sessionStorage.setItem(kKey, JSON.stringify(broadcast));
  } catch {
    // Without storage nothing can be gone on with after a reload; everything else works.
  }
}
