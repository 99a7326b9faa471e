import { flushPromises, mount, type VueWrapper } from '@vue/test-utils';
import { createPinia, setActivePinia } from 'pinia';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { defineComponent, h, nextTick, ref } from 'vue';
import { createMemoryHistory, createRouter, RouterView, type Router } from 'vue-router';
import { useDocumentTitle, usePageTitle } from '@/composables/page_title';
import { i18n } from '@/i18n';
import { useCalls } from '@/stores/calls';

let router: Router;
let app: VueWrapper;
const words = ref<string | null>(null);
const Told = defineComponent({
  setup() {
    usePageTitle(() => words.value);
    return () => h('p');
  },
});

beforeEach(async () => {
  localStorage.clear();
  sessionStorage.clear();
  words.value = null;
  i18n.global.locale.value = 'en';
  vi.stubGlobal('RTCPeerConnection', class {});
  const pinia = createPinia();
  setActivePinia(pinia);
  router = createRouter({
    history: createMemoryHistory(),
    routes: [
      { path: '/', component: { template: '<p />' }, meta: { title: 'home' } },
      { path: '/live', component: Told, meta: { title: 'live' } },
    ],
  });
  await router.push('/live');
  app = mount(
    defineComponent({
      setup() {
        useDocumentTitle();
        return () => h(RouterView);
      },
    }),
    { global: { plugins: [pinia, i18n, router] } },
  );
  await flushPromises();
});
afterEach(() => {
  app.unmount();
  vi.unstubAllGlobals();
});

it('says where the page stands, in its language, and no longer than the page is there', async () => {
  expect(document.title).toBe('Go live · Loopcast');
  words.value = 'On air';
  await nextTick();
  expect(document.title).toBe('On air · Loopcast');
  i18n.global.locale.value = 'zh';
  await nextTick();
  expect(document.title).toBe('On air · Loopcast');
  words.value = null;
  await nextTick();
  expect(document.title).toBe('开始直播 · Loopcast');
  words.value = 'On air';
  await router.push('/');
  await flushPromises();
  expect(document.title).toBe('正在直播 · Loopcast');
});

it('says who is in the call that lies over the page, and afterwards what it said before', async () => {
  words.value = 'A recording';
  const calls = useCalls();
  calls.state = { ...calls.state, phase: 'connected', user: { id: 'u2', nickname: 'Bob', avatar: '' } };
  await nextTick();
  expect(document.title).toBe('Call with Bob · Loopcast');
  calls.state = { ...calls.state, phase: 'ended' };
  await nextTick();
  expect(document.title).toBe('A recording · Loopcast');
});
