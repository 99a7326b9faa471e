import { mount } from '@vue/test-utils';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ref } from 'vue';
import type { PeoplePage, PersonPresence } from '@/api/types';
import { kPeoplePageSize, usePeople, type People } from './people';

/** Ids in the order of the names; those who are here. */
let everybody: string[];
let here: Set<string>;
let asked: number;
let found: People;
const part = ref('');
const known = vi.fn();

/** As the server pages. */
async function people(wanted: string, only_here: boolean, after: string, size: number): Promise<PeoplePage> {
  asked += 1;
  const all = everybody.filter((id) => id.includes(wanted) && id > after && (!only_here || here.has(id)));
  const shown = all.slice(0, size);
  return {
    people: shown.map((id): PersonPresence => ({ id, nickname: id, avatar: '', state: here.has(id) ? 'online' : 'offline' })),
    next: all.length > size ? (shown.at(-1) ?? null) : null,
  };
}

const ids = (): string[] | undefined => found.people.value?.map(({ id }) => id);
const page = { setup: () => (found = usePeople({ people }, part, known)) && {}, template: '<div />' };

beforeEach(() => {
  vi.useFakeTimers();
  everybody = Array.from({ length: 120 }, (_, i) => `p${String(i).padStart(3, '0')}`);
  here = new Set(['p007', 'p119']);
  asked = 0;
  part.value = '';
});
afterEach(() => {
  vi.useRealTimers();
});

it('shows who is here first, then everybody, nobody twice', async () => {
  const mounted = mount(page);
  await vi.advanceTimersByTimeAsync(0);
  expect(ids()?.slice(0, 4)).toEqual(['p007', 'p119', 'p000', 'p001']);
  expect(ids()).toHaveLength(kPeoplePageSize + 1);
  expect(known).toHaveBeenCalledWith('p007', 'online', expect.any(Number));
  await found.more();
  expect(found.has_more.value).toBe(true);
  await found.more();
  expect(ids()).toEqual(['p007', 'p119', ...everybody.filter((id) => !here.has(id))]);
  expect(found.has_more.value).toBe(false);
  expect(asked).toBe(4);
  mounted.unmount();
});

it('skips and repeats nobody who stays while others come and go', async () => {
  here = new Set(everybody.filter((_, i) => i % 2 === 0));
  const mounted = mount(page);
  await vi.advanceTimersByTimeAsync(0);
  expect(ids()).toHaveLength(kPeoplePageSize);
  here.delete('p000');
  here.add('p001');
  await found.more();
  here.delete('p098');
  for (let i = 0; i < 5; ++i) await found.more();
  expect(found.has_more.value).toBe(false);
  expect([...(ids() ?? [])].sort()).toEqual(everybody);
  mounted.unmount();
});

it('asks for as much as it shows now and then, and begins anew for another part', async () => {
  const mounted = mount(page);
  await vi.advanceTimersByTimeAsync(0);
  await found.more();
  everybody.unshift('p');
  await vi.advanceTimersByTimeAsync(30_000);
  expect(ids()).toHaveLength(2 * kPeoplePageSize + 1);
  expect(ids()).toContain('p');
  part.value = '11';
  await vi.advanceTimersByTimeAsync(300);
  expect(ids()).toEqual(['p119', 'p011', ...everybody.filter((id) => /p11[0-8]/.test(id))]);
  mounted.unmount();
});
