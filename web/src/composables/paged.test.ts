import { describe, expect, it } from 'vitest';
import { first_items } from './paged';

/** As the server does it: pages of at most 100, whatever is asked for. */
function server_of(count: number): { asked: string[]; ask: Parameters<typeof first_items<{ id: string }>>[1] } {
  const all = Array.from({ length: count }, (_, i) => ({ id: `i${i}` }));
  const asked: string[] = [];
  return {
    asked,
    ask: async (page, wanted) => {
      asked.push(`${page}/${wanted}`);
      const size = Math.min(100, wanted);
      return { items: all.slice((page - 1) * size, page * size), total: count };
    },
  };
}

describe('the first items of a long list', () => {
  it.each([
    [24, 24],
    [96, 96],
    [120, 120],
    [240, 230],
  ])('%i are wanted', async (wanted, there) => {
    const { ask } = server_of(230);
    const { items, total } = await first_items(wanted, ask);
    expect(items.length).toBeGreaterThanOrEqual(there);
    expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
    expect(items[0]?.id).toBe('i0');
    expect(total).toBe(230);
  });

  it('takes one request for what one answer holds', async () => {
    const { ask, asked } = server_of(3);
    await first_items(24, ask);
    expect(asked).toEqual(['1/24']);
  });
});
