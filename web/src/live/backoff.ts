/** So many attempts follow each other quickly; from then on they are slow, but never cease. */
export const kQuickAttempts = 8;
/** A link that held this long counts as healthy: the next loss starts counting anew. */
export const kStableAfterMs = 10_000;

const kFirstDelayMs = 500;
const kMaxQuickDelayMs = 8000;
const kSlowDelayMs = 20_000;

/**
 * Delay before try number `attempt` (1 is the first after a loss). `random` in [0, 1) spreads the
 * delay by a quarter either way, so that an audience does not come back in one burst.
 */
export function backoff_ms(attempt: number, random: number): number {
  const quick = Math.min(kFirstDelayMs * 2 ** (attempt - 1), kMaxQuickDelayMs);
  return Math.round((attempt > kQuickAttempts ? kSlowDelayMs : quick) * (0.75 + random * 0.5));
}

/**
 * When a link that was lost is tried again: for as long as the page is open, since a network may be
 * away for hours and nobody may be there to press a button.
 */
export class Retry {
  private attempt_ = 0;
  private timer_: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly environment_: { random(): number; online(): boolean },
    private readonly connect_: () => void,
  ) {}

  /** Which attempt is under way or waited for; 0 before the first loss. */
  get attempt(): number {
    return this.attempt_;
  }

  /** The link was lost, `held_ms` after it had connected; null: it never did. */
  after_loss(held_ms: number | null): void {
    if (held_ms !== null && held_ms >= kStableAfterMs) this.attempt_ = 0;
    // Without a network no attempt says anything about the server.
    if (this.environment_.online() || this.attempt_ === 0) this.attempt_ += 1;
    this.in_ms(backoff_ms(this.attempt_, this.environment_.random()));
  }

  in_ms(delay_ms: number): void {
    clearTimeout(this.timer_);
    this.timer_ = setTimeout(() => this.connect_(), delay_ms);
  }

  now(): void {
    clearTimeout(this.timer_);
    this.connect_();
  }

  /** No attempt is made until the next loss. */
  stop(): void {
    clearTimeout(this.timer_);
  }

  /** Counts from the beginning. */
  reset(): void {
    this.stop();
    this.attempt_ = 0;
  }
}
