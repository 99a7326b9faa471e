import { describe, expect, it, vi } from 'vitest';
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
    ['timeout', () => Promise.reject(new DOMException('late', 'TimeoutError'))],
    ['network', () => new Response('<html>Bad gateway</html>', { status: 502 })],
    ['network', () => new Response('<html>Not ours</html>', { status: 200 })],
  ])('calls it %s', async (code, answer) => {
    expect((await error_of(api_with(answer).api.me())).code).toBe(code);
  });
});
