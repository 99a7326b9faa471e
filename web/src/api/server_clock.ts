/**
 * The server's clock, as far as this page knows it: what it dates ("since", "started_at") is compared with
 * this and not with the browser's, which may be hours off. Counted on from the last word of the server by the
 * clock that nobody sets.
 */
let known: { at: number; when: number } | null = null;

/** The server said that it was `server_ms` (milliseconds since 1970) between two moments of performance.now(). */
export function set_server_time(server_ms: number, asked_at: number, heard_at: number): void {
  known = { at: server_ms, when: (asked_at + heard_at) / 2 };
}

/** Milliseconds since 1970; by the browser's clock until the server has said what time it is. */
export function server_now(): number {
  return known === null ? Date.now() : known.at + performance.now() - known.when;
}

/** For tests. */
export function forget_server_time(): void {
  known = null;
}
