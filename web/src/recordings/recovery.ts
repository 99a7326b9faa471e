// Nearer to each other than this, two errors have the same cause.
const kSamePlaceSeconds = 2;
const kForgetMs = 60_000;

/**
 * Whether a player that has met an error should fetch a new address and go on: addresses expire, and
 * networks break. An error that comes back at the same place is neither.
 */
export class Recovery {
  private place_ = NaN;
  private at_ = -Infinity;

  /** `place` in seconds of the recording, `now` in milliseconds of any clock. */
  allows(place: number, now: number): boolean {
    const again = now - this.at_ < kForgetMs && Math.abs(place - this.place_) < kSamePlaceSeconds;
    this.place_ = place;
    this.at_ = now;
    return !again;
  }

  reset(): void {
    this.at_ = -Infinity;
  }
}
