import type { Notice } from './types';

/** Older notices leave the list: a busy broadcast runs for hours. */
export const kMaxNotices = 100;

/** Who came and went, newest first, and how many are here. */
export class Audience {
  private notices_: readonly Notice[] = [];
  private count_ = 0;
  private next_key_ = 1;

  get notices(): readonly Notice[] {
    return this.notices_;
  }

  get count(): number {
    return this.count_;
  }

  add(notice: Omit<Notice, 'key' | 'at'>, at: number): void {
    this.count_ = Math.max(0, this.count_ + (notice.kind === 'entry' ? 1 : -1));
    this.notices_ = [{ ...notice, key: this.next_key_++, at }, ...this.notices_].slice(0, kMaxNotices);
  }

  /** The server's own count, which also knows of viewers from before this page joined. */
  correct(count: number): void {
    this.count_ = Math.max(0, Math.trunc(count));
  }
}
