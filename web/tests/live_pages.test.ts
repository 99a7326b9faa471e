import { flushPromises, mount, type VueWrapper } from '@vue/test-utils';
import { createPinia, setActivePinia, type Pinia } from 'pinia';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Component } from 'vue';
import { createMemoryHistory, createRouter } from 'vue-router';
import { environment } from '@/composables/live';
import { i18n } from '@/i18n';
import { PartFailure } from '@/live/devices';
import LivePage from '@/pages/LivePage.vue';
import WatchPage from '@/pages/WatchPage.vue';
import { FakeWorld, named } from './fakes';

// What this document lacks of a browser.
vi.mock('@/composables/level', async () => {
  const { ref } = await import('vue');
  return { useLevel: () => ref(0) };
});
Object.assign(document, { fullscreenElement: null, exitFullscreen: async () => {} });
Object.assign(HTMLMediaElement.prototype, { play: async () => {}, pause: () => {} });

const kUser = { id: 'u1', nickname: '小雨', avatar: '/avatars/u1.svg' };
const real = { ...environment };
let world: FakeWorld;
let pinia: Pinia;
let page: VueWrapper;

const id = (name: string): string => `[data-testid="${name}"]`;
const sent = (event: string): unknown[] =>
  world.sockets.flatMap((socket) => socket.sent.filter((packet) => packet.event === event).map(({ args }) => args[0]));

async function show(component: Component, props: Record<string, unknown> = {}): Promise<void> {
  const empty = { template: '<div />' };
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/:any*', component: empty }] });
  await router.push('/live');
  page = mount(component, { props, attachTo: document.body, global: { plugins: [pinia, i18n, router] } });
  await flushPromises();
}

async function answer(answered: string, replaces?: string): Promise<void> {
  await flushPromises();
  world.socket.request('createPresentor').ack({ ok: true, presentorId: answered, replaces });
  world.socket.receive('startResponse', { sdpAnswer: 'the answer' });
  await flushPromises();
  world.peer.become('connected');
  await flushPromises();
}

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  localStorage.setItem('loopcast.token', 't1');
  localStorage.setItem('loopcast.user', JSON.stringify(kUser));
  world = new FakeWorld();
  Object.assign(environment, world.environment, { now: real.now });
  pinia = createPinia();
  setActivePinia(pinia);
  i18n.global.locale.value = 'en';
  vi.stubGlobal('RTCPeerConnection', class {});
  vi.stubGlobal('fetch', async () => new Response('{}', { status: 404 }));
});
afterEach(() => {
  page.unmount();
  Object.assign(environment, real);
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('the page of a presenter', () => {
  it('does not take the second click of a double click for a cancel', async () => {
    await show(LivePage);
    world.media.open.mockReturnValueOnce(new Promise(() => {}));
    await page.find(id('go-live')).trigger('click');
    await page.find(id('cancel-live')).trigger('click');
    expect(page.find(id('live-state')).attributes('data-state')).toBe('permission');
    const later = performance.now() + 1000;
    vi.spyOn(performance, 'now').mockReturnValue(later);
    await page.find(id('cancel-live')).trigger('click');
    vi.mocked(performance.now).mockRestore();
    expect(page.find(id('live-state')).attributes('data-state')).toBe('idle');
  });

  it('offers to go on after it was loaded again, with one press', async () => {
    await show(LivePage);
    await page.find(id('go-live')).trigger('click');
    await answer('b1');
    expect(page.find(id('live-state')).attributes('data-state')).toBe('live');
    window.dispatchEvent(new Event('pagehide'));
    page.unmount();
    expect(sent('stopPresentor')).toEqual([]);

    world.sockets.length = 0;
    await show(LivePage);
    // A camera that the page of before has not quite let go of is no reason to give up.
    world.media.open.mockRejectedValueOnce(named('NotReadableError'));
    await page.find(id('go-on')).trigger('click');
    await flushPromises();
    expect(page.find(id('live-state')).attributes('data-state')).toBe('error');
    await page.find(id('go-live')).trigger('click');
    await answer('b2', 'b1');
    expect(sent('createPresentor')).toMatchObject([{ kind: 'public', record: true, replaces: 'b1' }]);
    expect((page.find(id('share-link')).element as HTMLInputElement).value).toMatch(/\/watch\/b1$/);
    expect(page.find(id('go-on')).exists()).toBe(false);
  });

  it('says that it is recorded also after it was loaded again, and leads to that recording', async () => {
    await show(LivePage);
    await page.find(id('go-live')).trigger('click');
    await answer('b1');
    world.socket.receive('recording', { id: 'r1', state: 'recording' });
    await flushPromises();
    window.dispatchEvent(new Event('pagehide'));
    page.unmount();
    world.sockets.length = 0;
    await show(LivePage);
    await page.find(id('go-on')).trigger('click');
    await answer('b2', 'b1');
    expect(page.find(id('recording-sign')).attributes()).toMatchObject({ 'data-state': 'on', 'data-id': 'r1' });
  });

  it('keeps the keyboard at the button in the place of the one that was pressed', async () => {
    await show(LivePage);
    (page.find(id('go-live')).element as HTMLElement).focus();
    await page.find(id('go-live')).trigger('click');
    await answer('b1');
    expect(document.activeElement).toBe(page.find(id('stop-live')).element);
  });

  it('ends what was interrupted when the user says so, and offers nothing that is long over', async () => {
    const stored = { broadcast_id: 'b1', link_id: 'b1', live_since: 1, recorded: false, left_at: Date.now() };
    sessionStorage.setItem('loopcast.live', JSON.stringify(stored));
    await show(LivePage);
    await page.find(id('end-interrupted')).trigger('click');
    expect(sent('stopPresentor')).toEqual([{ presentorId: 'b1' }]);
    expect(page.find(id('go-on')).exists()).toBe(false);
    page.unmount();
    sessionStorage.setItem('loopcast.live', JSON.stringify({ ...stored, left_at: Date.now() - 31_000 }));
    await show(LivePage);
    expect(page.find(id('go-on')).exists()).toBe(false);
  });

  it('goes live without the device that does not work', async () => {
    await show(LivePage);
    world.media.open.mockRejectedValueOnce(new PartFailure('camera', named('NotFoundError')));
    await page.find(id('go-live')).trigger('click');
    await flushPromises();
    expect(page.find(id('error-message')).text()).toContain('No camera was found');
    world.media.open.mockImplementationOnce(async (...args: unknown[]) => {
      expect(args[1]).toEqual({ camera: false, microphone: true });
      return { audio: (await world.media.open_microphone()) as never, video: null as never };
    });
    await page.find(id('go-live-without')).trigger('click');
    await answer('b1');
    expect(page.find(id('live-state')).attributes('data-state')).toBe('live');
    // No picture is on its way.
    expect(page.find('.stage').text()).toContain('Only your sound is on air');
    expect(page.find(id('toggle-camera')).classes()).toContain('off');
    world.peer.ontrack?.({ streams: [{ id: 's' }] });
    await flushPromises();
    expect(page.find(id('camera-off')).exists()).toBe(true);
  });
});

describe('the page of a viewer', () => {
  it('says that the presenter is away, and what is off', async () => {
    await show(WatchPage, { id: 'b1' });
    world.socket.receive('startResponse', { sdpAnswer: 'the answer' });
    await flushPromises();
    world.peer.become('connected');
    await flushPromises();
    world.socket.receive('mediastate', { sound: true, picture: true, heard: false });
    await flushPromises();
    expect(page.find(id('presenter-silent')).exists()).toBe(true);
    world.socket.receive('presenteraway');
    await flushPromises();
    expect(page.find(id('watch-state')).attributes('data-state')).toBe('away');
    expect(page.text()).toContain('The presenter’s connection was lost');
    world.socket.receive('presentorgone');
    await flushPromises();
    expect(page.find(id('watch-state')).attributes('data-state')).toBe('ended');
  });

  it('waits for no picture that is not sent, and says how to copy the link where it cannot', async () => {
    await show(WatchPage, { id: 'b1' });
    world.socket.receive('startResponse', { sdpAnswer: 'the answer' });
    await flushPromises();
    world.peer.become('connected');
    await flushPromises();
    expect(page.text()).toContain('Joining the broadcast');
    world.socket.receive('mediastate', { sound: true, picture: false });
    await flushPromises();
    expect(page.find(id('sound-only')).text()).toContain('sound only');
    await page.find(id('watch-share')).trigger('click');
    await flushPromises();
    expect(page.find(id('watch-share')).text()).toBe('Copy it from the address bar');
  });
});
