import { afterEach, describe, expect, it, vi } from 'vitest';
import { Api } from './client';
import { as_api_error, type ApiError } from './errors';

function api_with(answer: () => Promise<Response> | Response): {
  api: Api;
  fetch: ReturnType<typeof vi.fn>;
  signed_out: ReturnType<typeof vi.fn>;
} {
  const fetch = vi.fn(async () => answer());
  const signed_out = vi.fn();
  return { api: new Api({ fetch, token: () => 'secret', signed_out }), fetch, signed_out };
}

async function error_of(promise: Promise<unknown>): Promise<ApiError> {
  return promise.then(
    () => {
      throw new Error('should have failed');
    },
    (cause: unknown) => as_api_error(cause),
  );
}

const json = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status });

describe('Api', () => {
  it('sends the token and parses the answer', async () => {
    const { api, fetch } = api_with(() => json({ broadcasts: [], page: 1, size: 10, total: 0 }));
    expect(await api.broadcasts(1, 10)).toMatchObject({ total: 0 });
    const [url, init] = fetch.mock.calls[0] as [string, RequestInit];
    expect(url).toBe('/api/v2/broadcasts?page=1&size=10');
    expect(init.headers).toMatchObject({ Authorization: 'Bearer secret' });
  });

  it('escapes ids', async () => {
    const { api, fetch } = api_with(() => json({}));
    await api.broadcast('../me');
    expect(fetch.mock.calls[0]?.[0]).toBe('/api/v2/broadcasts/..%2Fme');
  });

  it('understands an empty answer', async () => {
    const { api } = api_with(() => new Response(null, { status: 204 }));
    expect(await api.sign_out()).toBeUndefined();
  });

  it('turns a problem into its code', async () => {
    const { api, signed_out } = api_with(() => json({ code: 'nickname_taken', detail: 'taken', status: 409 }, 409));
    expect(await error_of(api.register('a', 'b'))).toMatchObject({
      code: 'nickname_taken',
      message: 'taken',
      status: 409,
    });
    expect(signed_out).not.toHaveBeenCalled();
  });

  it('hears when another try makes sense', async () => {
    const limited = (wait?: string): Response =>
      new Response('{"code":"rate_limited"}', { status: 429, headers: wait === undefined ? {} : { 'Retry-After': wait } });
    expect(await error_of(api_with(() => limited('42')).api.me())).toMatchObject({ retry_after: 42 });
    for (const wait of [undefined, 'soon', '0', '-1'])
      expect(await error_of(api_with(() => limited(wait)).api.me())).toMatchObject({ retry_after: null });
  });

  it('ends the session when the server does not know it, but not for a wrong password', async () => {
    const known = api_with(() => json({ code: 'unauthorized' }, 401));
    await error_of(known.api.me());
    expect(known.signed_out).toHaveBeenCalledOnce();
    const wrong = api_with(() => json({ code: 'bad_credentials' }, 401));
    await error_of(wrong.api.sign_in('a', 'b'));
    expect(wrong.signed_out).not.toHaveBeenCalled();
  });

  it.each<[string, () => Promise<Response> | Response]>([
    ['network', () => Promise.reject(new TypeError('failed to fetch'))],
    ['network', () => new Response('<html>Bad gateway</html>', { status: 502 })],
    ['network', () => new Response('<html>Not ours</html>', { status: 200 })],
  ])('calls it %s', async (code, answer) => {
    expect((await error_of(api_with(answer).api.me())).code).toBe(code);
  });

  describe('how long it waits', () => {
    afterEach(() => {
      vi.useRealTimers();
      vi.unstubAllGlobals();
    });

    /** Answers the code of the error and after how many seconds it came. */
    async function waits(ask: (api: Api) => Promise<unknown>, fetch: typeof globalThis.fetch): Promise<[string, number]> {
      vi.useFakeTimers();
      const api = new Api({ fetch, token: () => null, signed_out: () => {} });
      let code = '';
      void ask(api).catch((cause: unknown) => {
        code = as_api_error(cause).code;
      });
      let seconds = 0;
      for (; code === '' && seconds < 100; ++seconds) await vi.advanceTimersByTimeAsync(1000);
      return [code, seconds];
    }
    const silent = (_: unknown, init?: RequestInit): Promise<Response> =>
      new Promise((_resolve, reject) => init?.signal?.addEventListener('abort', () => reject(new Error('aborted'))));

    it('gives up, also in a browser without AbortSignal.timeout', async () => {
      vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => {
        throw new TypeError('AbortSignal.timeout is not a function');
      });
      expect(await waits((api) => api.me(), silent)).toEqual(['timeout', 10]);
      const { api } = api_with(() => json({ nickname: 'Ann' }));
      expect(await api.me()).toMatchObject({ nickname: 'Ann' });
    });

    it('gives up on an answer that begins and does not end', async () => {
      const stalled = async (_: unknown, init?: RequestInit): Promise<Response> => {
        const body = new ReadableStream({
          start: (controller) => init?.signal?.addEventListener('abort', () => controller.error(new Error('aborted'))),
        });
        return new Response(body, { status: 200 });
      };
      expect(await waits((api) => api.me(), stalled)).toEqual(['timeout', 10]);
    });

    it('leaves the server more time to remove a recording', async () => {
      expect(await waits((api) => api.delete_recording('r1'), silent)).toEqual(['timeout', 30]);
    });

    it('counts only the time in which an upload does not move, and hears its refusal', async () => {
      let sent: FakeRequest | null = null;
      class FakeRequest {
        status = 200;
        responseText = '{"nickname":"Ann"}';
        upload: { onprogress?: () => void } = {};
        onload = (): void => {};
        onabort = (): void => {};
        open(): void {}
        setRequestHeader(): void {}
        getResponseHeader(name: string): string | null {
          return name === 'Retry-After' && this.status === 429 ? '7' : null;
        }
        abort(): void {
          this.onabort();
        }
        send(): void {
          sent = this;
        }
      }
      vi.stubGlobal('XMLHttpRequest', FakeRequest);
      vi.useFakeTimers();
      const api = new Api({ token: () => null, signed_out: () => {} });
      const request = (): FakeRequest => sent as unknown as FakeRequest;
      const slow = api.set_avatar(new Blob(['picture']));
      for (let i = 0; i < 5; ++i) {
        await vi.advanceTimersByTimeAsync(20_000);
        request().upload.onprogress?.();
      }
      request().onload();
      expect(await slow).toMatchObject({ nickname: 'Ann' });

      const limited = error_of(api.set_avatar(new Blob(['picture'])));
      Object.assign(request(), { status: 429, responseText: '{"code":"rate_limited"}' }).onload();
      expect(await limited).toMatchObject({ code: 'rate_limited', retry_after: 7 });

      const stuck = error_of(api.set_avatar(new Blob(['picture'])));
      await vi.advanceTimersByTimeAsync(30_000);
      expect((await stuck).code).toBe('timeout');
    });
  });
});
