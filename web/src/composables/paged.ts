/** The server gives no more at once. */
export const kMaxPageSize = 96;

export interface Page<Item> {
  items: Item[];
  total: number;
}

/**
 * The first `wanted` items of a list that the server gives by pages, by as many requests as that takes. An item that
 * moves from one page to the next between two answers is there once.
 */
export async function first_items<Item extends { id: string }>(
  wanted: number,
  ask: (page: number, size: number) => Promise<Page<Item>>,
): Promise<Page<Item>> {
  const size = Math.min(wanted, kMaxPageSize);
  const pages = Math.ceil(wanted / size);
  const answers = await Promise.all(Array.from({ length: pages }, (_, i) => ask(i + 1, size)));
  const all = new Map(answers.flatMap(({ items }) => items).map((item) => [item.id, item]));
  return { items: [...all.values()], total: answers[0]?.total ?? 0 };
}
