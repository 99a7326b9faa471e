/** Ends what takes too long. Browsers older than `AbortSignal.timeout` can do that, too. */
export interface TimeLimit {
  readonly signal: AbortSignal;
  /** The time is over, as opposed to another reason. */
  readonly over: boolean;
  /** There was progress: the time begins anew. */
  extend(): void;
  /** It is done; nothing is ended any more. */
  stop(): void;
}

/** `milliseconds` without progress are too long. */
export function time_limit(milliseconds: number): TimeLimit {
  const controller = new AbortController();
  let over = false;
  const start = (): ReturnType<typeof setTimeout> =>
    setTimeout(() => {
      over = true;
      controller.abort();
    }, milliseconds);
  let timer = start();
  return {
    signal: controller.signal,
    get over() {
      return over;
    },
    extend() {
      clearTimeout(timer);
      timer = start();
    },
    stop() {
      clearTimeout(timer);
    },
  };
}
