import { flushPromises, mount, type VueWrapper } from '@vue/test-utils';
import { createPinia, setActivePinia, type Pinia } from 'pinia';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Component } from 'vue';
import { createMemoryHistory, createRouter, type Router } from 'vue-router';
import RecordingAfter from '@/components/recordings/RecordingAfter.vue';
import { kAskMs } from '@/composables/recording';
import { i18n } from '@/i18n';
import MyRecordingsPage from '@/pages/MyRecordingsPage.vue';
import RecordingPage from '@/pages/RecordingPage.vue';
import RecordingsPage from '@/pages/RecordingsPage.vue';
import { Recovery } from '@/recordings/recovery';
import { player_action } from '@/recordings/shortcuts';
import { useConnection } from '@/stores/connection';
import { useRecordingNews } from '@/stores/recording_news';
import { FakeSocket } from './fakes';
import { recording, serve } from './recording_server';

let pinia: Pinia;
let mounted: VueWrapper | null = null;
let router: Router;
const Empty = { template: '<div />' };
const id = (name: string): string => `[data-testid="${name}"]`;

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

/** The page's own socket. */
function news(): FakeSocket {
  const connection = useConnection();
  useRecordingNews().follow();
  let socket: FakeSocket | undefined;
  connection.follow((options) => (socket = new FakeSocket(options)));
  return socket as FakeSocket;
}

beforeEach(() => {
  localStorage.clear();
  localStorage.setItem('loopcast.token', 't');
  pinia = createPinia();
  setActivePinia(pinia);
  i18n.global.locale.value = 'en';
  // What jsdom lacks.
  vi.spyOn(HTMLMediaElement.prototype, 'load').mockImplementation(() => {});
  vi.spyOn(HTMLMediaElement.prototype, 'play').mockResolvedValue();
});
afterEach(() => {
  mounted?.unmount();
  mounted = null;
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('past broadcasts', () => {
  const fake_timers = (): unknown => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });

  it('are asked for as the address says', async () => {
    const { asked } = serve([recording()]);
    const page = await show(RecordingsPage, '/recordings?presenter=m&min=5&page=2');
    expect(asked).toEqual(['GET /recordings?page=2&size=24&presenter=m&min_duration=300']);
    expect(page.find<HTMLInputElement>(id('filter-presenter')).element.value).toBe('m');
    const card = page.find(id('recording-card'));
    expect(card.text()).toMatch(/1:40.*By the sea.*小雨.*Lyon/s);
    expect(card.attributes('href')).toBe('/recordings/r1');
  });

  it('follow what is typed, in one step of the history for one text', async () => {
    fake_timers();
    const { asked } = serve([recording()]);
    const page = await show(RecordingsPage, '/recordings?page=3');
    for (const text of ['s', 'se', 'sea']) {
      await page.find(id('filter-title')).setValue(text);
      vi.advanceTimersByTime(100);
    }
    vi.advanceTimersByTime(300);
    await flushPromises();
    await page.find(id('filter-title')).setValue('seaside');
    vi.advanceTimersByTime(400);
    await flushPromises();
    expect(asked.map((request) => new URL(request.slice(4), 'http://a').searchParams.get('q'))).toEqual([
      null,
      'sea',
      'seaside',
    ]);
    // A search begins at its first page.
    expect(router.currentRoute.value.fullPath).toBe('/recordings?q=seaside');
    router.back();
    await vi.waitFor(() => expect(router.currentRoute.value.fullPath).toBe('/recordings?page=3'));
    await flushPromises();
    expect(page.find<HTMLInputElement>(id('filter-title')).element.value).toBe('');
    expect(asked).toHaveLength(4);
  });

  it('take a choice at once, and give it up again', async () => {
    serve([]);
    const page = await show(RecordingsPage, '/recordings');
    expect(page.find(id('recordings-empty')).exists()).toBe(true);
    await page.find(id('filter-length')).setValue('medium');
    await flushPromises();
    expect(router.currentRoute.value.query).toEqual({ min: '5', max: '20' });
    expect(page.find(id('recordings-nothing')).exists()).toBe(true);
    await page.find(id('filter-when')).setValue('range');
    await flushPromises();
    await page.find(id('filter-from')).setValue('2026-01-01');
    await flushPromises();
    expect(router.currentRoute.value.query).toEqual({ min: '5', max: '20', from: '2026-01-01' });
    await page.find(id('filter-clear')).trigger('click');
    await flushPromises();
    expect(router.currentRoute.value.fullPath).toBe('/recordings');
    expect(page.find(id('filter-from')).exists()).toBe(false);
  });

  it('never show the answer to an older question', async () => {
    let answer_first: (response: Response) => void = () => {};
    const page_of = (title: string): Response =>
      new Response(JSON.stringify({ recordings: [recording({ title })], page: 1, size: 24, total: 1 }));
    const fetch = vi
      .fn()
      .mockImplementationOnce(() => new Promise((resolve) => (answer_first = resolve)))
      .mockImplementation(async () => page_of('new'));
    vi.stubGlobal('fetch', fetch);
    const page = await show(RecordingsPage, '/recordings');
    expect(page.find('[aria-busy="true"]').exists()).toBe(true);
    await router.push('/recordings?q=new');
    await flushPromises();
    answer_first(page_of('old'));
    await flushPromises();
    expect(page.find(id('recording-card')).text()).toContain('new');
  });

  it('say what is wrong, and try again', async () => {
    const { refuse } = serve([recording()]);
    refuse.set('GET /recordings', [503, 'store_unavailable']);
    const page = await show(RecordingsPage, '/recordings');
    expect(page.find(id('error-message')).text()).toContain('cannot reach its data');
    refuse.clear();
    await page.find(id('recordings-retry')).trigger('click');
    await flushPromises();
    expect(page.find(id('recording-card')).exists()).toBe(true);
  });

  it('have pages with addresses that keep the filters', async () => {
    serve([recording()], 100);
    const page = await show(RecordingsPage, '/recordings?q=sea&page=2');
    expect(page.find(id('page-3')).attributes('href')).toBe('/recordings?q=sea&page=3');
    expect(page.find(id('page-1')).attributes('href')).toBe('/recordings?q=sea');
    expect(page.find(`${id('page-2')}[aria-current="page"]`).exists()).toBe(true);
  });
});

describe('a recording', () => {
  const state = (page: VueWrapper): string | undefined => page.find(id('recording-page')).attributes('data-state');

  it('plays, and can be changed by its owner', async () => {
    const all = [recording()];
    const { asked, refuse } = serve(all);
    const page = await show(RecordingPage, '/recordings/r1', { id: 'r1' });
    expect(state(page)).toBe('playing');
    expect(page.find(id('recording-facts')).text()).toMatch(/1280 × 720.*H\.264 · Opus.*1\.5 MB/s);
    await page.find(id('title-edit')).trigger('click');
    await page.find(id('title-field')).setValue('  By the lake ');
    await page.find('form').trigger('submit');
    await flushPromises();
    expect(all[0]?.title).toBe('By the lake');
    expect(page.find('h1').text()).toBe('By the lake');
    // The player has not been made anew.
    expect(page.find('video').attributes('src')).toBe('/media/r1.mp4?s=1');

    refuse.set('PATCH /recordings/r1', [403, 'forbidden']);
    const select = page.find<HTMLSelectElement>(id('visibility'));
    await select.setValue('private');
    await flushPromises();
    expect(page.find(id('error-message')).text()).toContain('not allowed');
    expect(select.element.value).toBe('public');
    refuse.clear();
    // By the arrow keys: the select keeps the focus, and the last choice is what is saved in the end.
    select.element.focus();
    await select.setValue('unlisted');
    await select.setValue('private');
    expect(document.activeElement).toBe(select.element);
    await flushPromises();
    expect(asked.filter((what) => what === 'PATCH /recordings/r1')).toHaveLength(4);
    expect([all[0]?.visibility, select.element.value]).toEqual(['private', 'private']);

    await page.find(id('recording-delete')).trigger('click');
    await flushPromises();
    document.querySelector<HTMLElement>(id('delete-confirm'))?.click();
    await flushPromises();
    expect(asked.at(-1)).toBe('DELETE /recordings/r1');
    expect(all).toEqual([]);
    expect(router.currentRoute.value.path).toBe('/recordings/mine');
  });

  it('offers others nothing to change', async () => {
    serve([recording({ mine: false })]);
    const page = await show(RecordingPage, '/recordings/r1', { id: 'r1' });
    for (const name of ['title-edit', 'comments-edit', 'visibility', 'recording-delete'])
      expect(page.find(id(name)).exists()).toBe(false);
  });

  it.each([
    [404, 'not_found', 'not_found'],
    [403, 'forbidden', 'forbidden'],
    [500, 'internal', 'error'],
  ])('with answer %i says so', async (status, code, expected) => {
    const { refuse } = serve([]);
    refuse.set('GET /recordings/r1', [status, code]);
    const page = await show(RecordingPage, '/recordings/r1', { id: 'r1' });
    expect(state(page)).toBe(expected);
    expect(page.find('h1').text()).not.toBe('');
  });

  it('that is being prepared appears by itself', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const all = [recording({ state: 'processing', url: null, mine: false })];
    const { asked } = serve(all);
    const page = await show(RecordingPage, '/recordings/r1', { id: 'r1' });
    expect(state(page)).toBe('processing');
    all[0] = recording({ mine: false });
    vi.advanceTimersByTime(kAskMs);
    await flushPromises();
    expect(state(page)).toBe('playing');
    vi.advanceTimersByTime(60_000);
    expect(asked).toHaveLength(2);
  });

  it('of which nothing is left says so, and one that was repaired plays', async () => {
    serve([recording({ state: 'damaged', url: null, thumbnail: null })]);
    const page = await show(RecordingPage, '/recordings/r1', { id: 'r1' });
    expect(state(page)).toBe('damaged');
    page.unmount();
    serve([recording({ state: 'damaged' })]);
    const repaired = await show(RecordingPage, '/recordings/r1', { id: 'r1' });
    expect(state(repaired)).toBe('playing');
    expect(repaired.text()).toContain('Parts of it may be missing');
  });

  it('goes on at the same place with a new address when the old one has expired', async () => {
    const all = [recording()];
    serve(all);
    const page = await show(RecordingPage, '/recordings/r1', { id: 'r1' });
    const video = page.find('video').element;
    let place = 0;
    Object.defineProperty(video, 'currentTime', { get: () => place, set: (to: number) => (place = to) });
    Object.defineProperty(video, 'duration', { value: 100 });
    Object.defineProperty(video, 'readyState', { value: 4 });
    video.dispatchEvent(new Event('loadedmetadata'));
    video.dispatchEvent(new Event('loadeddata'));
    video.dispatchEvent(new Event('play'));
    place = 42;
    video.dispatchEvent(new Event('timeupdate'));

    all[0] = recording({ url: '/media/r1.mp4?s=2' });
    video.dispatchEvent(new Event('error'));
    await flushPromises();
    expect(video.getAttribute('src')).toBe('/media/r1.mp4?s=2');
    place = 0;
    vi.mocked(video.play).mockClear();
    video.dispatchEvent(new Event('loadedmetadata'));
    expect(place).toBe(42);
    expect(video.play).toHaveBeenCalledOnce();
    expect(page.find(id('player')).attributes('data-failed')).toBe('false');

    // The same error at the same place is no expired address.
    video.dispatchEvent(new Event('error'));
    await flushPromises();
    expect(page.find(id('player')).attributes('data-failed')).toBe('true');
    expect(page.text()).toContain('H.264');
  });

  it('seeks by keys on its bar without the player hearing them too', async () => {
    serve([recording()]);
    const page = await show(RecordingPage, '/recordings/r1', { id: 'r1' });
    const video = page.find('video').element;
    let place = 50;
    Object.defineProperty(video, 'currentTime', { get: () => place, set: (to: number) => (place = to) });
    Object.defineProperty(video, 'readyState', { value: 4 });
    video.dispatchEvent(new Event('loadeddata'));
    video.dispatchEvent(new Event('timeupdate'));
    await flushPromises();
    const bar = page.find(id('seek-bar'));
    expect(bar.attributes()).toMatchObject({ role: 'slider', 'aria-valuenow': '50', 'aria-valuemax': '100' });
    expect(bar.attributes('aria-valuetext')).toBe('50 seconds of 1 minute 40 seconds');
    await bar.trigger('keydown', { key: 'ArrowRight' });
    expect(place).toBe(55);
    await bar.trigger('keydown', { key: 'PageDown' });
    expect(place).toBe(45);
    await bar.trigger('keydown', { key: 'End' });
    expect(place).toBe(100);
    // Elsewhere on the page the player itself hears them.
    window.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft' }));
    expect(place).toBe(95);
  });
});

describe('my recordings', () => {
  it('follow the server while it happens', async () => {
    const socket = news();
    const all = [recording({ state: 'recording', url: null, thumbnail: null, bytes: 0 })];
    const { asked } = serve(all);
    const page = await show(MyRecordingsPage, '/recordings/mine');
    expect(asked).toContain('GET /recordings?mine=1&page=1&size=24');
    const row = (): string | undefined => page.find(id('my-recording')).attributes('data-state');
    expect(row()).toBe('recording');
    expect(page.find(id('my-recording-delete')).attributes('disabled')).toBeDefined();

    socket.receive('recording', { id: 'r1', state: 'recording', trouble: { code: 'disk_full', message: '' } });
    await flushPromises();
    expect(page.find('[role="alert"]').text()).toContain('disk of the server is full');
    all[0] = recording();
    socket.receive('recording', { id: 'r1', state: 'ready' });
    await flushPromises();
    expect(row()).toBe('ready');
    expect(page.find('[role="alert"]').exists()).toBe(false);

    all.unshift(recording({ id: 'r2', state: 'recording' }));
    socket.receive('recording', { id: 'r2', state: 'recording' });
    await flushPromises();
    expect(page.findAll(id('my-recording')).map((one) => one.attributes('data-id'))).toEqual(['r2', 'r1']);
  });

  it('show how full the disk is', async () => {
    serve([recording()]);
    const page = await show(MyRecordingsPage, '/recordings/mine');
    expect(page.find(id('usage')).text()).toMatch(/1 recording.*95 bytes of 100 bytes used.*Almost full/s);
  });

  it('go when they are deleted, and stay when that fails', async () => {
    const { refuse } = serve([recording()]);
    refuse.set('DELETE /recordings/r1', [500, 'internal']);
    const page = await show(MyRecordingsPage, '/recordings/mine');
    await page.find(id('my-recording-delete')).trigger('click');
    await flushPromises();
    const confirm = (): void => document.querySelector<HTMLElement>(id('delete-confirm'))?.click();
    confirm();
    await flushPromises();
    expect(document.querySelector('.el-dialog [role="alert"]')?.textContent).toContain('unexpected');
    expect(page.find(id('my-recording')).exists()).toBe(true);
    refuse.clear();
    confirm();
    await flushPromises();
    expect(page.find(id('my-recordings-empty')).exists()).toBe(true);
  });
});

describe('after a broadcast', () => {
  const after = (): Promise<VueWrapper> =>
    show(RecordingAfter, '/live', { news: { id: 'r1', state: 'recording' } });

  it('leads to the recording once that is ready', async () => {
    const socket = news();
    const { asked } = serve([]);
    const part = await after();
    socket.receive('recording', { id: 'r1', state: 'processing' });
    socket.receive('recording', { id: 'r2', state: 'ready' });
    await flushPromises();
    expect(part.find(id('see-recording')).exists()).toBe(false);
    expect(part.text()).toContain('being prepared');
    socket.receive('recording', { id: 'r1', state: 'ready' });
    await flushPromises();
    expect(part.find(id('see-recording')).exists()).toBe(true);
    expect(asked).toEqual([]);
    part.unmount();
    // Another look at the same page.
    expect((await after()).find(id('see-recording')).exists()).toBe(true);
  });

  it('asks when the news got lost', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    serve([recording()]);
    const part = await after();
    expect(part.find(id('see-recording')).exists()).toBe(false);
    vi.advanceTimersByTime(3000);
    await flushPromises();
    expect(part.find(id('see-recording')).exists()).toBe(true);
  });

  it('says nothing of one that was too short to be kept', async () => {
    const socket = news();
    serve([]);
    const part = await after();
    socket.receive('recording', { id: 'r1', state: 'removed' });
    await flushPromises();
    expect(part.text()).toBe('');
  });
});

describe('keys of the player', () => {
  const key = (name: string, more: object = {}): { key: string; ctrlKey: boolean; metaKey: boolean; altKey: boolean } => ({
    key: name,
    ctrlKey: false,
    metaKey: false,
    altKey: false,
    ...more,
  });

  it('leave fields, buttons and the browser alone', () => {
    const input = document.createElement('input');
    const button = document.createElement('button');
    const body = document.createElement('div');
    expect(player_action(key(' '), body)).toEqual({ kind: 'toggle' });
    expect(player_action(key(' '), button)).toBeNull();
    expect(player_action(key('f'), button)).toEqual({ kind: 'full_screen' });
    expect(player_action(key('f'), input)).toBeNull();
    expect(player_action(key('f', { ctrlKey: true }), body)).toBeNull();
    expect(player_action(key('7'), body)).toEqual({ kind: 'seek_to', share: 0.7 });
    expect(player_action(key('F5'), body)).toBeNull();
    expect(player_action(key('x'), null)).toBeNull();
  });
});

describe('recovery', () => {
  it('ends when the same place fails again soon', () => {
    const recovery = new Recovery();
    expect(recovery.allows(10, 0)).toBe(true);
    expect(recovery.allows(11, 1000)).toBe(false);
    expect(recovery.allows(300, 2000)).toBe(true);
    expect(recovery.allows(300, 100_000)).toBe(true);
    expect(recovery.allows(300, 100_001)).toBe(false);
    recovery.reset();
    expect(recovery.allows(300, 100_002)).toBe(true);
  });
});
