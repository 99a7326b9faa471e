export const kMaxAttempts = 8;
/** A link that held this long counts as healthy: the next loss starts counting anew. */
export const kStableAfterMs = 10_000;

const kFirstDelayMs = 500;
const kMaxDelayMs = 8000;

/**
 * Delay before try number `attempt` (1 is the first after a loss). `random` in [0, 1) spreads the
 * delay by a quarter either way, so that an audience does not come back in one burst.
 */
export function backoff_ms(attempt: number, random: number): number {
  const base = Math.min(kFirstDelayMs * 2 ** (attempt - 1), kMaxDelayMs);
  return Math.round(base * (0.75 + random * 0.5));
}
