import { DOMWrapper, flushPromises, mount, type VueWrapper } from '@vue/test-utils';
import { createPinia, setActivePinia, type Pinia } from 'pinia';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { i18n } from '@/i18n';
import AccountPage from '@/pages/AccountPage.vue';
import { useSession } from '@/stores/session';

const kUser = { id: 'u1', nickname: '小雨', avatar: '/avatars/u1.5c0f.svg' };
const kHere = {
  id: 's1',
  user_agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  created_at: '2024-01-01T00:00:00Z',
  last_used_at: '2024-01-01T00:00:00Z',
  current: true,
};
const kThere = { ...kHere, id: 's2', user_agent: 'curl/8', current: false };

let pinia: Pinia;
let page: VueWrapper;
/** What the server answers, by "METHOD path"; sessions are there unless a test says otherwise. */
let answers: Record<string, [number, unknown]>;
let asked: { what: string; body: unknown }[];

const id = (name: string): string => `[data-testid="${name}"]`;
const asks = (what: string): unknown[] => asked.filter((one) => one.what === what).map(({ body }) => body);

async function show(): Promise<void> {
  page = mount(AccountPage, { attachTo: document.body, global: { plugins: [pinia, i18n] } });
  await flushPromises();
}

async function submit(testid: string): Promise<void> {
  await page.find(id(testid)).element.closest('form')?.dispatchEvent(new Event('submit', { cancelable: true }));
  await flushPromises();
}

beforeEach(() => {
  localStorage.setItem('loopcast.token', 't1');
  localStorage.setItem('loopcast.user', JSON.stringify(kUser));
  pinia = createPinia();
  setActivePinia(pinia);
  i18n.global.locale.value = 'en';
  asked = [];
  answers = { 'GET /api/v2/sessions': [200, { sessions: [kThere, kHere] }] };
  vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
    const what = `${init.method} ${path}`;
    asked.push({ what, body: typeof init.body === 'string' ? JSON.parse(init.body) : init.body });
    const [status, body] = answers[what] ?? [500, { code: 'internal' }];
    return new Response(body === null ? null : JSON.stringify(body), { status });
  });
});
afterEach(() => {
  page.unmount();
  vi.unstubAllGlobals();
  localStorage.clear();
});

describe('profile', () => {
  it('changes the nickname, here and in the header', async () => {
    answers['PATCH /api/v2/me'] = [200, { ...kUser, nickname: 'Yu' }];
    await show();
    await submit('account-nickname');
    expect(asks('PATCH /api/v2/me')).toEqual([]);
    await page.find(id('account-nickname')).setValue(' Yu ');
    await submit('account-nickname');
    expect(asks('PATCH /api/v2/me')).toEqual([{ nickname: 'Yu' }]);
    expect(useSession().user?.nickname).toBe('Yu');
    expect(JSON.parse(localStorage.getItem('loopcast.user') ?? '').nickname).toBe('Yu');
    expect(page.find(id('done-message')).text()).toBe('Saved');
  });

  it('says at the field why a nickname is refused, until it is changed', async () => {
    answers['PATCH /api/v2/me'] = [409, { code: 'nickname_taken' }];
    await show();
    await page.find(id('account-nickname')).setValue('Yu');
    await submit('account-nickname');
    expect(page.find('#account-nickname-hint').text()).toContain('taken');
    expect(page.find(id('account-nickname')).attributes('aria-invalid')).toBe('true');
    await page.find(id('account-nickname')).setValue('Yun');
    expect(page.find('#account-nickname-hint').text()).toContain('Up to 32');
  });

  it('offers to remove a picture only if there is one', async () => {
    await show();
    expect(page.find(id('avatar-remove')).exists()).toBe(false);
    useSession().keep_user({ ...kUser, avatar: '/avatars/u1.00ff.jpg' });
    await flushPromises();
    answers['DELETE /api/v2/me/avatar'] = [200, kUser];
    await page.find(id('avatar-remove')).trigger('click');
    await flushPromises();
    expect(useSession().user).toEqual(kUser);
    expect(page.find(id('avatar-remove')).exists()).toBe(false);
  });

  it('refuses a file that is no picture without asking the server', async () => {
    vi.stubGlobal('createImageBitmap', async () => Promise.reject(new Error('no picture')));
    await show();
    const input = page.find(id('avatar-file')).element as HTMLInputElement;
    Object.defineProperty(input, 'files', { value: [new File(['x'], 'x.png')] });
    await page.find(id('avatar-file')).trigger('change');
    await flushPromises();
    expect(page.find(id('error-message')).text()).toContain('cannot be read');
    expect(asks('PUT /api/v2/me/avatar')).toEqual([]);
  });
});

describe('password', () => {
  it('asks for both, and goes to the one that is missing', async () => {
    await show();
    await page.find(id('password-old')).setValue('secret12');
    await submit('password-old');
    expect(document.activeElement).toBe(page.find(id('password-new')).element);
    expect(asks('PUT /api/v2/me/password')).toEqual([]);
  });

  it.each([
    ['wrong_password', 403, '#password-old-hint', 'wrong'],
    ['password_too_short', 400, '#password-new-hint', 'at least 8'],
    ['password_common', 400, '#password-new-hint', 'easily guessed'],
  ])('says %s at its field', async (code, status, where, text) => {
    answers['PUT /api/v2/me/password'] = [status, { code }];
    await show();
    await page.find(id('password-old')).setValue('secret12');
    await page.find(id('password-new')).setValue('short');
    await submit('password-old');
    expect(page.find(where).text()).toContain(text);
    expect(useSession().signed_in).toBe(true);
  });

  it('is changed, forgotten by the page, and the list of devices renewed', async () => {
    answers['PUT /api/v2/me/password'] = [204, null];
    await show();
    await page.find(id('password-old')).setValue('secret12');
    await page.find(id('password-new')).setValue('better12');
    await submit('password-old');
    expect(asks('PUT /api/v2/me/password')).toEqual([{ old: 'secret12', new: 'better12' }]);
    expect((page.find(id('password-new')).element as HTMLInputElement).value).toBe('');
    expect(page.find(id('done-message')).text()).toContain('Password changed');
    expect(asks('GET /api/v2/sessions').length).toBe(2);
  });
});

describe('sessions', () => {
  it('names the devices and marks this one', async () => {
    await show();
    const rows = page.findAll(id('session'));
    expect(rows.map((row) => row.find('.name').text())).toEqual(['Firefox on Linux', 'curl']);
    expect(rows[0]?.text()).toContain('This device');
    expect(rows[0]?.find(id('session-end')).exists()).toBe(false);
  });

  it('ends another one, and shows what is left', async () => {
    answers['DELETE /api/v2/sessions/s2'] = [204, null];
    await show();
    answers['GET /api/v2/sessions'] = [200, { sessions: [kHere] }];
    await page.find(id('session-end')).trigger('click');
    await flushPromises();
    expect(page.findAll(id('session')).length).toBe(1);
  });

  it('can be asked for again when they did not come', async () => {
    answers['GET /api/v2/sessions'] = [503, { code: 'store_unavailable' }];
    await show();
    expect(page.find(id('error-message')).text()).toContain('cannot reach its data');
    answers['GET /api/v2/sessions'] = [200, { sessions: [kHere] }];
    await page.find('.retry').trigger('click');
    await flushPromises();
    expect(page.findAll(id('session')).length).toBe(1);
    expect(page.find(id('error-message')).exists()).toBe(false);
  });
});

describe('the end', () => {
  it('is no expired session, whoever tells of it first', async () => {
    await show();
    const session = useSession();
    const told = vi.fn(async () => session.drop(true));
    await session.end_by(told);
    expect(session).toMatchObject({ signed_in: false, expired: false });
  });

  it('leaves the session alone if it did not work', async () => {
    await show();
    const session = useSession();
    await expect(session.end_by(async () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(session.signed_in).toBe(true);
    session.drop(true);
    expect(session.expired).toBe(true);
  });

  it('of an account needs its password', async () => {
    await show();
    await page.find(id('delete-account')).trigger('click');
    // Dialogs stand beside the page.
    const body = new DOMWrapper(document.body);
    await vi.waitFor(() => expect(body.find(id('delete-confirm')).exists()).toBe(true));
    const submit_dialog = async (): Promise<void> => {
      await body.find('#remove-form').trigger('submit');
      await flushPromises();
    };
    expect(body.find(id('delete-confirm')).attributes('disabled')).toBeDefined();
    answers['DELETE /api/v2/me'] = [403, { code: 'wrong_password' }];
    await body.find(id('delete-password')).setValue('wrong123');
    await submit_dialog();
    expect(body.find('#delete-password-hint').text()).toContain('wrong');
    answers['DELETE /api/v2/me'] = [204, null];
    await body.find(id('delete-password')).setValue('secret12');
    await submit_dialog();
    expect(asks('DELETE /api/v2/me').at(-1)).toEqual({ password: 'secret12' });
    expect(useSession()).toMatchObject({ signed_in: false, expired: false });
  });
});
