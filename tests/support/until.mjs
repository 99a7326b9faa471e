// Waiting for something to become true, with a time-out that says what was waited for.

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Answers the first truthy value of `condition`. `what` may be a function that describes the state at the end.
export async function until(condition, what, ms = 30_000, every = 50) {
  for (const end = Date.now() + ms; ; ) {
    const value = await condition();
    if (value) return value;
    if (Date.now() >= end) break;
    await sleep(every);
  }
  throw new Error(`timed out after ${ms} ms: ${typeof what === 'function' ? await what() : what}`);
}
