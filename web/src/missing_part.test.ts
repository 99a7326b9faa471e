import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { missing, MissingPart, on_missing_part, part } from './missing_part';

describe('a part of the app that is missing', () => {
  let clock = 1_000_000;
  let busy = false;
  const load = vi.fn();
  const around = { busy: () => busy, load, now: () => clock };
  const serve = (answer: () => Promise<Response>): void => void vi.stubGlobal('fetch', vi.fn(answer));
  const page = (): Promise<Response> => Promise.resolve(new Response('<html>', { status: 200 }));

  beforeEach(() => {
    sessionStorage.clear();
    missing.value = null;
    busy = false;
    load.mockReset();
    serve(page);
  });
  afterEach(() => vi.unstubAllGlobals());

  it('is known as one, whatever the browser calls it', async () => {
    const cause = new TypeError('Importing a module script failed.');
    await expect(part(() => Promise.reject(cause))()).rejects.toMatchObject({ name: 'MissingPart', cause });
    await expect(part(() => Promise.reject(cause))()).rejects.toBeInstanceOf(MissingPart);
    expect(await part(async () => 'there')()).toBe('there');
  });

  it('loads the app anew at the address that was asked for, once', async () => {
    await on_missing_part('/account', around);
    expect(load.mock.calls).toEqual([['/account']]);
    expect(missing.value).toBeNull();
    clock += 5_000;
    await on_missing_part('/account', around);
    expect(load).toHaveBeenCalledOnce();
    expect(missing.value).toEqual({ why: 'broken', path: '/account' });
    // By hand it may be tried as often as somebody likes.
    await on_missing_part('/account', around, true);
    expect(load).toHaveBeenCalledTimes(2);
    // The next upgrade is another matter.
    clock += 3_600_000;
    await on_missing_part('/account', around);
    expect(load).toHaveBeenCalledTimes(3);
  });

  it('ends no broadcast and no call, but says what is to be done', async () => {
    busy = true;
    await on_missing_part('/account', around);
    expect(load).not.toHaveBeenCalled();
    expect(missing.value).toEqual({ why: 'updated', path: '/account' });
    await on_missing_part('/account', around, true);
    expect(load.mock.calls).toEqual([['/account']]);
  });

  it('keeps the page while the server cannot be reached', async () => {
    for (const answer of [() => Promise.reject(new TypeError('failed')), async () => new Response('', { status: 502 })]) {
      serve(answer);
      await on_missing_part('/account', around, true);
      expect(load).not.toHaveBeenCalled();
      expect(missing.value).toEqual({ why: 'unreachable', path: '/account' });
    }
  });
});
