import { flushPromises, mount, type VueWrapper } from '@vue/test-utils';
import { createPinia, setActivePinia, type Pinia } from 'pinia';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Component } from 'vue';
import { createMemoryHistory, createRouter } from 'vue-router';
import AudienceList from '@/components/AudienceList.vue';
import ConnectionBanner from '@/components/ConnectionBanner.vue';
import LiveNow from '@/components/LiveNow.vue';
import SharePanel from '@/components/SharePanel.vue';
import { ago_text, clock_time, duration_text, wait_text } from '@/composables/time';
import { kRefreshMs } from '@/composables/broadcasts';
import { i18n } from '@/i18n';
import AuthPage from '@/pages/AuthPage.vue';
import { safe_next } from '@/router';
import { useConnection } from '@/stores/connection';

let pinia: Pinia;
let mounted: VueWrapper | null = null;
const Empty = { template: '<div />' };

async function show(component: Component, at = '/', props: Record<string, unknown> = {}): Promise<VueWrapper> {
  const router = createRouter({
    history: createMemoryHistory(),
    routes: [
      { path: '/', component: Empty },
      { path: '/login', name: 'login', component: Empty },
      { path: '/register', name: 'register', component: Empty },
      { path: '/live', component: Empty },
      { path: '/watch/:id', component: Empty },
    ],
  });
  await router.push(at);
  mounted = mount(component, { props, attachTo: document.body, global: { plugins: [pinia, i18n, router] } });
  return mounted;
}

function serve(...answers: [number, unknown][]): ReturnType<typeof vi.fn> {
  const fetch = vi.fn(async () => {
    const [status, body] = (answers.length > 1 ? answers.shift() : answers[0]) ?? [500, {}];
    return new Response(JSON.stringify(body), { status });
  });
  vi.stubGlobal('fetch', fetch);
  return fetch;
}

const id = (name: string): string => `[data-testid="${name}"]`;

beforeEach(() => {
  localStorage.clear();
  pinia = createPinia();
  setActivePinia(pinia);
  i18n.global.locale.value = 'en';
});
afterEach(() => {
  mounted?.unmount();
  mounted = null;
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('sign in and register', () => {
  it('asks nothing of the server while a field is empty, and goes to that field', async () => {
    const fetch = serve([500, {}]);
    const page = await show(AuthPage, '/login');
    await page.find(id('auth-nickname')).setValue('小雨');
    await page.find('form').trigger('submit');
    await flushPromises();
    expect(fetch).not.toHaveBeenCalled();
    expect(page.find(id('error-message')).text()).toBe('Please enter your password.');
    expect(document.activeElement).toBe(page.find(id('auth-password')).element);
  });

  it('checks a new password, but not one that exists', async () => {
    const fetch = serve([401, { code: 'bad_credentials' }]);
    const register = await show(AuthPage, '/register');
    await register.find(id('auth-nickname')).setValue('小雨');
    await register.find(id('auth-password')).setValue('short');
    await register.find('form').trigger('submit');
    await flushPromises();
    expect(fetch).not.toHaveBeenCalled();
    expect(register.find(id('error-message')).text()).toContain('at least 8');
    register.unmount();
    const login = await show(AuthPage, '/login');
    await login.find(id('auth-nickname')).setValue('小雨');
    await login.find(id('auth-password')).setValue('short');
    await login.find('form').trigger('submit');
    await flushPromises();
    expect(fetch).toHaveBeenCalledOnce();
    expect(login.find(id('error-message')).text()).toContain('wrong');
  });

  it('shows the server’s refusal at its field, in the language of the moment', async () => {
    serve([409, { code: 'nickname_taken', detail: 'in the words of the server' }]);
    const page = await show(AuthPage, '/register');
    await page.find(id('auth-nickname')).setValue('小雨');
    await page.find(id('auth-password')).setValue('secret12');
    await page.find('form').trigger('submit');
    await flushPromises();
    expect(page.find('#nickname-hint').text()).toContain('This nickname is taken');
    i18n.global.locale.value = 'zh';
    await flushPromises();
    expect(page.find('#nickname-hint').text()).toContain('已被使用');
  });

  it('falls back to the server’s sentence for a code that it does not know', async () => {
    serve([418, { code: 'teapot', detail: 'I am a teapot.' }]);
    const page = await show(AuthPage, '/login');
    await page.find(id('auth-nickname')).setValue('a');
    await page.find(id('auth-password')).setValue('b');
    await page.find('form').trigger('submit');
    await flushPromises();
    expect(page.find(id('error-message')).text()).toBe('I am a teapot.');
  });

  it('says when another try makes sense, if the server said so', async () => {
    vi.stubGlobal('fetch', async () => {
      return new Response('{"code":"rate_limited"}', { status: 429, headers: { 'Retry-After': '42' } });
    });
    const page = await show(AuthPage, '/login');
    await page.find(id('auth-nickname')).setValue('a');
    await page.find(id('auth-password')).setValue('b');
    await page.find('form').trigger('submit');
    await flushPromises();
    expect(page.find(id('error-message')).text()).toBe('Too many attempts. Please try again in 42 seconds.');
    i18n.global.locale.value = 'zh';
    await flushPromises();
    expect(page.find(id('error-message')).text()).toBe('操作过于频繁，请在42秒钟后重试。');
  });

  it('asks once, however often the button is pressed, which keeps the focus', async () => {
    let answer = (_: Response): void => {};
    const fetch = vi.fn(() => new Promise<Response>((resolve) => (answer = resolve)));
    vi.stubGlobal('fetch', fetch);
    const page = await show(AuthPage, '/login');
    await page.find(id('auth-nickname')).setValue('a');
    await page.find(id('auth-password')).setValue('b');
    const button = page.find<HTMLButtonElement>(id('auth-submit'));
    button.element.focus();
    for (let i = 0; i < 3; ++i) button.element.click();
    await flushPromises();
    expect(button.attributes()).toMatchObject({ 'aria-busy': 'true' });
    expect(document.activeElement).toBe(button.element);
    button.element.click();
    answer(new Response('{"code":"bad_credentials"}', { status: 401 }));
    await flushPromises();
    expect(fetch).toHaveBeenCalledOnce();
    expect(document.activeElement).toBe(button.element);
  });

  it('reveals the password on request', async () => {
    const page = await show(AuthPage, '/login');
    expect(page.find(id('auth-password')).attributes('type')).toBe('password');
    await page.find('.reveal').trigger('click');
    expect(page.find(id('auth-password')).attributes('type')).toBe('text');
  });

  it('leads only to places in this app', () => {
    expect(['/watch/a', '//evil.example', '/\\evil.example', 'https://evil.example', undefined].map(safe_next)).toEqual([
      '/watch/a',
      '/',
      '/',
      '/',
      '/',
    ]);
  });
});

describe('live now', () => {
  const broadcast = {
    id: 'b1',
    user: { id: 'u1', nickname: '小雨', avatar: '/avatars/u1.svg' },
    started_at: new Date().toISOString(),
    viewers: 3,
  };
  const list = (...broadcasts: object[]): [number, unknown] => [
    200,
    { broadcasts, page: 1, size: 24, total: broadcasts.length },
  ];

  it('shows a skeleton, then cards, and renews them without a flicker', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    serve(list(broadcast), list({ ...broadcast, viewers: 4 }));
    const page = await show(LiveNow);
    expect(page.find('[aria-busy="true"]').exists()).toBe(true);
    await flushPromises();
    const card = page.find(id('broadcast-card'));
    expect(card.attributes('data-id')).toBe('b1');
    expect(card.find('.viewers').text()).toContain('3');
    vi.advanceTimersByTime(kRefreshMs);
    await flushPromises();
    expect(page.find(id('broadcast-card')).element).toBe(card.element);
    expect(card.find('.viewers').text()).toContain('4');
  });

  it('invites to go live when nobody is', async () => {
    serve(list());
    const page = await show(LiveNow);
    await flushPromises();
    expect(page.find(id('home-empty')).exists()).toBe(true);
  });

  it('keeps the list when a refresh fails, and offers a retry when nothing was ever loaded', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    serve([503, { code: 'store_unavailable' }], list(broadcast), [503, { code: 'overloaded' }]);
    const page = await show(LiveNow);
    await flushPromises();
    expect(page.find(id('error-message')).text()).toContain('cannot reach its data');
    await page.find('button').trigger('click');
    await flushPromises();
    expect(page.find(id('broadcast-card')).exists()).toBe(true);
    vi.advanceTimersByTime(kRefreshMs);
    await flushPromises();
    expect(page.find(id('broadcast-card')).exists()).toBe(true);
    expect(page.find(id('error-message')).text()).toContain('busy');
  });
});

describe('parts', () => {
  it('announces people who come and go', async () => {
    const at = Date.now();
    const page = await show(AudienceList, '/', {
      viewers: 1,
      unnamed: 0,
      notices: [
        { key: 2, kind: 'leave', at, person: { nickname: 'B', avatar: '' } },
        { key: 1, kind: 'entry', at, person: { nickname: 'A', avatar: '' } },
      ],
    });
    expect(page.find(id('notice-list')).attributes('aria-live')).toBe('polite');
    expect(page.find(id('notice-entry')).text()).toMatch(/A.*joined/s);
    expect(page.find(id('notice-leave')).text()).toMatch(/B.*left/s);
  });

  it('names who was here before, and says how many more are watching than it can name', async () => {
    const person = (name: string): object => ({ id: name, nickname: name, avatar: '' });
    const page = await show(AudienceList, '/', { viewers: 5, notices: [], here: [person('B'), person('A')], unnamed: 2 });
    expect(page.find(id('here-list')).findAll('li').map((row) => row.find('.who').text())).toEqual(['B', 'A']);
    expect(page.find(id('here-list')).attributes('aria-live')).toBeUndefined();
    expect(page.find('.empty').exists()).toBe(false);
    expect(page.find(id('audience-unnamed')).text()).toBe('2 more people are watching.');
    await page.setProps({ here: [], unnamed: 0 });
    expect(page.find(id('here-list')).exists()).toBe(false);
    expect(page.find('.empty').exists()).toBe(true);
    expect(page.find(id('audience-unnamed')).exists()).toBe(false);
    await page.setProps({ here: [person('B')], unnamed: 2, over: true });
    expect(page.find(id('here-list')).exists()).toBe(false);
    expect(page.find(id('audience-unnamed')).exists()).toBe(false);
    expect(page.find('.count').exists()).toBe(false);
  });

  it('says that the network is away only while it is', async () => {
    vi.useFakeTimers();
    const online = vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false);
    const banner = await show(ConnectionBanner);
    useConnection().phase = 'reconnecting';
    await vi.advanceTimersByTimeAsync(3000);
    window.dispatchEvent(new Event('offline'));
    await vi.advanceTimersByTimeAsync(0);
    expect(banner.text()).toContain('You are offline');
    online.mockReturnValue(true);
    window.dispatchEvent(new Event('online'));
    await vi.advanceTimersByTimeAsync(0);
    expect(banner.text()).toContain('Connection to the server lost');
    online.mockRestore();
  });

  it('selects the link when the browser cannot copy', async () => {
    const page = await show(SharePanel, '/', { link: 'https://a.example/watch/b1', changed: true });
    await page.find(id('share-copy')).trigger('click');
    await flushPromises();
    expect(document.activeElement).toBe(page.find(id('share-link')).element);
    expect(page.text()).toContain('Could not copy');
    expect(page.text()).toContain('new link');
  });

  it('writes times', () => {
    expect([0, 75_000, 3_675_000, -5].map(duration_text)).toEqual(['0:00', '1:15', '1:01:15', '0:00']);
    expect([1, 89, 90, 5401].map((seconds) => wait_text(seconds, 'en'))).toEqual([
      '1 second',
      '89 seconds',
      '2 minutes',
      '2 hours',
    ]);
    expect(ago_text(59_000, 'en')).toBeNull();
    expect(ago_text(120_000, 'en')).toBe('2 minutes ago');
    expect(ago_text(7_300_000, 'zh')).toBe('2小时前');
    expect(clock_time(new Date(2024, 1, 2, 0, 3, 4).getTime(), 'en')).toBe('00:03:04');
  });
});
