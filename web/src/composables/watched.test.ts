import { mount } from '@vue/test-utils';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { useWatched } from './watched';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it('asks again and again until the broadcast is over', async () => {
  const broadcast = vi.fn(async () => ({ viewers: 3 }) as never);
  const counted = vi.fn();
  let over = false;
  const Page = {
    setup: () => useWatched({ broadcast }, 'x', counted, () => over),
    template: '<div />',
  };
  const page = mount(Page);
  await vi.advanceTimersByTimeAsync(25_000);
  expect(broadcast).toHaveBeenCalledTimes(3);
  expect(counted).toHaveBeenLastCalledWith(3);
  over = true;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(broadcast).toHaveBeenCalledTimes(3);
  page.unmount();
});
