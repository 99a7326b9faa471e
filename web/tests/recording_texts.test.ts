import { flushPromises, mount, type VueWrapper } from '@vue/test-utils';
import { createPinia, setActivePinia, type Pinia } from 'pinia';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Component } from 'vue';
import { createMemoryHistory, createRouter, type Router } from 'vue-router';
import { i18n } from '@/i18n';
import MyRecordingsPage from '@/pages/MyRecordingsPage.vue';
import RecordingPage from '@/pages/RecordingPage.vue';
import RecordingsPage from '@/pages/RecordingsPage.vue';
import { useSession } from '@/stores/session';
import { recording, serve } from './recording_server';

let pinia: Pinia;
let router: Router;
let mounted: VueWrapper | null = null;
const Empty = { template: '<div />' };
const id = (name: string): string => `[data-testid="${name}"]`;
const kAnn = { id: 'u1', nickname: 'Ann', avatar: '' };
const kBob = { id: 'u2', nickname: 'Bob', avatar: '' };

async function show(component: Component, at: string, props: Record<string, unknown> = {}): Promise<VueWrapper> {
  router = createRouter({
    history: createMemoryHistory(),
    routes: [
      { path: '/', component: Empty },
      { path: '/live', component: Empty },
      { path: '/recordings', name: 'recordings', component: Empty },
      { path: '/recordings/mine', name: 'my_recordings', component: Empty },
      { path: '/recordings/:id', name: 'recording', component: Empty },
    ],
  });
  await router.push(at);
  mounted = mount(component, { props, attachTo: document.body, global: { plugins: [pinia, i18n, router] } });
  await flushPromises();
  return mounted;
}

beforeEach(() => {
  localStorage.clear();
  localStorage.setItem('loopcast.token', 't');
  localStorage.setItem('loopcast.user', JSON.stringify(kAnn));
  pinia = createPinia();
  setActivePinia(pinia);
  i18n.global.locale.value = 'en';
  vi.spyOn(HTMLMediaElement.prototype, 'load').mockImplementation(() => {});
});
afterEach(() => {
  mounted?.unmount();
  mounted = null;
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('a text that is written with an input method', () => {
  // Safari ends the composition first; then only the code tells that the key was the input method's.
  const kinds: [string, KeyboardEventInit][] = [
    ['composing', { isComposing: true }],
    ['Safari', { keyCode: 229 }],
  ];

  it.each(kinds)('is neither saved by Enter nor thrown away by Escape: %s', async (_, mark) => {
    const { asked } = serve([recording({ user: kAnn, title: 'By the sea' })]);
    const page = await show(RecordingPage, '/recordings/r1', { id: 'r1' });
    await page.find(id('title-edit')).trigger('click');
    const field = page.find<HTMLInputElement>(id('title-field'));
    await field.setValue('海边');
    const press = async (key: string, more: KeyboardEventInit): Promise<boolean> => {
      const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more });
      field.element.dispatchEvent(event);
      await flushPromises();
      return event.defaultPrevented;
    };
    expect(await press('Enter', mark)).toBe(false);
    expect(await press('Escape', mark)).toBe(false);
    expect(page.find(id('title-field')).exists()).toBe(true);
    expect(asked.filter((one) => one.startsWith('PATCH'))).toEqual([]);
    await press('Enter', {});
    expect(asked.filter((one) => one.startsWith('PATCH'))).toHaveLength(1);
    expect(page.find('h1').text()).toBe('海边');
  });

  it('is searched for when it is a word', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { asked } = serve([recording()]);
    const page = await show(RecordingsPage, '/recordings');
    const field = page.find<HTMLInputElement>(id('filter-title'));
    await field.trigger('compositionstart');
    field.element.value = "hai'bian";
    await field.trigger('input');
    await vi.advanceTimersByTimeAsync(1000);
    await flushPromises();
    expect(asked).toHaveLength(1);
    field.element.value = '海边';
    await field.trigger('compositionend');
    await vi.advanceTimersByTimeAsync(1000);
    await flushPromises();
    expect(asked.at(-1)).toContain(`q=${encodeURIComponent('海边')}`);
  });
});

describe('a title', () => {
  const edit = async (page: VueWrapper): Promise<HTMLInputElement> => {
    await page.find(id('title-edit')).trigger('click');
    return page.find<HTMLInputElement>(id('title-field')).element;
  };

  it('that nobody gave is not put into the field, and emptying the field takes one back', async () => {
    const all = [recording({ user: kAnn, title: 'Ann' })];
    const { asked } = serve(all);
    const page = await show(RecordingPage, '/recordings/r1', { id: 'r1' });
    const field = await edit(page);
    expect([page.find('h1').text(), field.value, field.placeholder]).toEqual(['Broadcast by Ann', '', 'Broadcast by Ann']);
    await page.find('form').trigger('submit');
    await flushPromises();
    expect(asked.some((one) => one.startsWith('PATCH'))).toBe(false);
    await edit(page);
    await page.find(id('title-field')).setValue('Lake');
    await page.find('form').trigger('submit');
    await flushPromises();
    expect(page.find('h1').text()).toBe('Lake');
    await edit(page);
    await page.find(id('title-field')).setValue(' ');
    await page.find('form').trigger('submit');
    await flushPromises();
    expect([all[0]?.title, page.find('h1').text()]).toEqual(['Ann', 'Broadcast by Ann']);
  });

  it('is as long as the server lets it be, counted in characters', async () => {
    const { asked } = serve([recording({ user: kAnn })]);
    const page = await show(RecordingPage, '/recordings/r1', { id: 'r1' });
    await edit(page);
    await page.find(id('title-field')).setValue('🎬'.repeat(201));
    await page.find('form').trigger('submit');
    await flushPromises();
    expect(page.find(id('error-message')).text()).toContain('200 characters');
    expect(asked.some((one) => one.startsWith('PATCH'))).toBe(false);
    await page.find(id('title-field')).setValue('🎬'.repeat(200));
    await page.find('form').trigger('submit');
    await flushPromises();
    expect(page.find('h1').text()).toBe('🎬'.repeat(200));
  });
});

describe('a recorded call', () => {
  const sides = [
    recording({ id: 'a', user: kAnn, title: 'Ann', call: { id: 'c1', with: kBob } }),
    recording({ id: 'x', user: kAnn, title: 'Lake' }),
    recording({ id: 'b', user: kBob, title: 'Bob', call: { id: 'c1', with: kAnn } }),
    recording({ id: 'c', user: kAnn, title: 'Ann', call: { id: 'c2', with: kBob } }),
  ];

  it('stands together, under the name of the other one', async () => {
    serve([...sides]);
    const page = await show(MyRecordingsPage, '/recordings/mine');
    const groups = page.findAll(id('call-group'));
    expect(groups).toHaveLength(1);
    expect(groups[0]?.find('.name').text()).toBe('Call with Bob');
    expect(groups[0]?.findAll('h2').map((one) => one.text())).toEqual([
      'Picture and sound of Ann',
      'Picture and sound of Bob',
    ]);
    expect(page.findAll(id('my-recording')).map((one) => one.attributes('data-id'))).toEqual(['a', 'b', 'x', 'c']);
    expect(page.find('[data-id="c"] h2').text()).toBe('Call with Bob');
  });

  it('is named by both to those who were not in it', async () => {
    useSession().keep_user({ id: 'u3', nickname: 'Cleo', avatar: '' });
    serve([...sides]);
    const page = await show(RecordingsPage, '/recordings');
    expect(page.findAll(id('recording-card')).map((card) => card.find('strong').text())).toEqual([
      'Call of Ann and Bob',
      'Lake',
      'Call of Bob and Ann',
      'Call of Ann and Bob',
    ]);
  });
});

describe('lists of recordings', () => {
  it.each([
    ['en', 'Broadcast by Ann', 'Ann'],
    ['en', 'broadcast', ''],
    ['en', 'Call with Bob', 'Bob'],
    ['en', 'The lake by night', 'The lake night'],
    ['zh', '小雨的直播', '小雨'],
    ['zh', '小雨 的直播', '小雨'],
    ['zh', '与 阿明 的通话', '阿明'],
  ] as const)('find in %s what a card says: %s', async (language, search, names) => {
    i18n.global.locale.value = language;
    const { asked } = serve([]);
    await show(RecordingsPage, `/recordings?q=${encodeURIComponent(search)}`);
    expect(asked.map((one) => new URL(one.slice(4), 'http://a').searchParams.get('q') ?? '')).toEqual([search, names]);
  });

  it('ask once for what has nothing of the page’s own words, or is found', async () => {
    const { asked } = serve([]);
    await show(RecordingsPage, '/recordings?q=lake');
    expect(asked).toHaveLength(1);
    mounted?.unmount();
    const found = serve([recording()]);
    await show(RecordingsPage, '/recordings?q=Broadcast');
    expect(found.asked).toHaveLength(1);
  });

  it('say so beyond their last page, also those of one’s own', async () => {
    const { asked } = serve([], 30);
    const page = await show(MyRecordingsPage, '/recordings/mine?page=7');
    expect(page.find(id('my-recordings-no-page')).text()).toContain('nothing on this page');
    await page.find(`${id('my-recordings-no-page')} button`).trigger('click');
    await flushPromises();
    expect(asked.at(-1)).toContain('page=1');
  });

  it('know that today is another day after midnight', async () => {
    vi.useFakeTimers({ now: new Date(2026, 4, 20, 23, 59, 50) });
    const { asked } = serve([recording()]);
    await show(RecordingsPage, '/recordings?when=day');
    const day = (days: number): string => encodeURIComponent(new Date(2026, 4, 20 + days).toISOString().replace('.000Z', 'Z'));
    expect(asked.at(-1)).toContain(`from=${day(0)}`);
    await vi.advanceTimersByTimeAsync(60_000);
    await flushPromises();
    expect(asked.at(-1)).toContain(`from=${day(1)}`);
  });
});
