import type { Notice, Person } from './types';

/** Older notices leave the list: a busy broadcast runs for hours. */
export const kMaxNotices = 100;

const key_of = (person: Person): string => person.id ?? person.nickname;

/** Who came and went, newest first, who was here before that, and how many are here. */
export class Audience {
  private notices_: readonly Notice[] = [];
  private here_: readonly Person[] = [];
  private count_ = 0;
  private next_key_ = 1;

  get notices(): readonly Notice[] {
    return this.notices_;
  }

  /** Those who were here before this page and still are, newest first. */
  get here(): readonly Person[] {
    return this.here_;
  }

  get count(): number {
    return this.count_;
  }

  /** This page has just come, or come again, and finds these (newest last). */
  begin(people: readonly Person[]): void {
    this.here_ = [...people].reverse();
    this.notices_ = [];
  }

  add(notice: Omit<Notice, 'key' | 'at'>, at: number): void {
    this.count_ = Math.max(0, this.count_ + (notice.kind === 'entry' ? 1 : -1));
    const place = notice.kind === 'entry' ? -1 : this.here_.findIndex((person) => key_of(person) === key_of(notice.person));
    if (place >= 0) this.here_ = this.here_.filter((_, i) => i !== place);
    const added = { ...notice, key: this.next_key_++, at, ...(place >= 0 && { from_before: true }) };
    this.notices_ = [added, ...this.notices_].slice(0, kMaxNotices);
  }

  /** The server's own count, which also knows of viewers from before this page joined. */
  correct(count: number): void {
    this.count_ = Math.max(0, Math.trunc(count));
  }

  /** Those who watch without being named; `itself`: this page watches. */
  unnamed(itself: boolean): number {
    const here = new Map<string, number>();
    // Somebody may watch on several devices.
    for (const { kind, person, from_before } of [...this.notices_].reverse()) {
      if (from_before) continue;
      const key = key_of(person);
      here.set(key, Math.max(0, (here.get(key) ?? 0) + (kind === 'entry' ? 1 : -1)));
    }
    const named = [...here.values()].reduce((sum, count) => sum + count, this.here_.length);
    return Math.max(0, this.count_ - named - (itself ? 1 : 0));
  }
}
