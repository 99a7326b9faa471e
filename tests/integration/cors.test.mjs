// What pages of other origins may do and are told (Fetch standard), and what clients learn from OPTIONS.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { account, offer } from '../support/pages.mjs';
import { startServer } from '../support/server.mjs';

let server;
let user;
before(async () => {
  server = await startServer();
  user = await account(server);
});
after(() => server.stop());

const ORIGIN = { origin: 'http://other.example' };
const ask = (method, path, headers = {}, body) =>
  fetch(`${server.url}${path}`, { method, headers: { ...ORIGIN, ...headers }, body });
const preflight = (path, method, headers) =>
  ask('OPTIONS', path, { 'access-control-request-method': method, 'access-control-request-headers': headers });
const list = (response, name) => (response.headers.get(name) ?? '').toLowerCase().split(/, */);

test('a preflight gets the headers that it asks for', async () => {
  for (const path of ['/whip', '/whep/x', '/api/v2/broadcasts', '/media/x.mp4'])
    for (const header of ['oven-capabilities', 'etag', 'x-requested-with', 'cache-control', 'range']) {
      const response = await preflight(path, path.startsWith('/wh') ? 'POST' : 'GET', `authorization,content-type,${header}`);
      assert.equal(response.status, 204);
      assert.equal(response.headers.get('access-control-allow-origin'), '*');
      assert.ok(list(response, 'access-control-allow-headers').join().includes(header), `${path} ${header}`);
    }
});

test('OPTIONS says what can be sent', async () => {
  for (const path of ['/whip', '/whep/x']) {
    const response = await ask('OPTIONS', path);
    assert.equal(response.headers.get('accept-post'), 'application/sdp');
    for (const method of ['post', 'patch', 'delete', 'options'])
      assert.ok(list(response, 'access-control-allow-methods').includes(method), `${path} ${method}`);
    assert.deepEqual(list(response, 'allow').sort(), ['options', 'post']);
    for (const header of ['location', 'etag', 'link', 'accept-patch', 'accept-post', 'allow', 'retry-after', 'content-range',
      'www-authenticate'])
      assert.ok(list(response, 'access-control-expose-headers').includes(header), header);
  }
  assert.equal((await ask('OPTIONS', '/whip/x')).headers.get('accept-patch'), 'application/trickle-ice-sdpfrag');
});

test('every error can be read', async () => {
  const token = { authorization: `Bearer ${user.token}` };
  const cases = [
    [await ask('POST', '/whip', { ...token, 'content-type': 'application/sdp' }, 'x'.repeat(2_000_000)), 413],
    [await ask('GET', '/api/v2/broadcasts/a%2Fb', token), 400],
    [await preflight('/api/v2/broadcasts/a%2Fb', 'GET', 'authorization'), 400],
    [await ask('GET', '/api/v2/nothing'), 404],
    [await ask('GET', '/api/v2/broadcasts'), 401],
    [await ask('PUT', '/whip'), 405],
    [await ask('POST', '/whip', {}, 'x'.repeat(50_000)), 401],
    [await ask('GET', '/media/none.mp4'), 403],
    [await ask('GET', '/avatars/none'), 404],
  ];
  for (const [response, status] of cases) {
    assert.equal(response.status, status, response.url);
    assert.equal(response.headers.get('access-control-allow-origin'), '*', response.url);
  }
});

test('pictures of users', async () => {
  const response = await ask('GET', user.user.avatar);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('access-control-allow-origin'), '*');
});

test('pages of other origins neither register nor sign in', async () => {
  for (const path of ['/api/v2/users', '/api/v2/sessions']) {
    const asked = await preflight(path, 'POST', 'content-type');
    assert.equal(asked.headers.get('access-control-allow-origin'), null);
    const body = JSON.stringify({ nickname: 'visitor', password: 'secret12' });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'text/plain; application/json', undefined]) {
      const response = await ask('POST', path, type === undefined ? {} : { 'content-type': type }, new TextEncoder().encode(body));
      assert.equal(response.status, 415, `${path} ${type}`);
      assert.equal(response.headers.get('access-control-allow-origin'), null);
    }
  }
  const listed = await ask('GET', '/api/v2/sessions', { authorization: `Bearer ${user.token}` });
  assert.equal(listed.status, 200);
  assert.equal(listed.headers.get('access-control-allow-origin'), '*', 'what needs a token is for every page');
});

test('pages of other sites neither register nor sign in by version 1, and those of this site do', async () => {
  const here = new URL(server.url);
  const elsewhere = [
    ORIGIN, { origin: 'null' }, { ...ORIGIN, 'sec-fetch-site': 'cross-site' },
    { origin: here.origin, 'sec-fetch-site': 'cross-site' }];
  const own = [
    {}, { origin: here.origin }, { origin: here.origin, 'sec-fetch-site': 'same-origin' },
    { origin: `http://${here.hostname}:1` }, { ...ORIGIN, 'sec-fetch-site': 'same-site' }];
  const types = ['application/json;charset=utf-8', 'text/plain;charset=UTF-8', 'application/x-www-form-urlencoded', undefined];
  const send = (headers, type, where, credentials) =>
    fetch(`${server.url}/api/v1/user/${where}`, {
      method: 'POST', headers: { ...headers, ...(type && { 'content-type': type }) },
      body: new TextEncoder().encode(JSON.stringify(credentials)) });
  const known = { nickname: user.user.nickname, password: user.password };
  for (const type of types) {
    for (const headers of elsewhere)
      for (const where of ['login', 'register']) {
        const response = await send(headers, type, where, known);
        assert.equal(response.headers.get('access-control-allow-origin'), null);
        const { status, data } = await response.json();
        assert.equal(status, 400, `${where} ${type} ${JSON.stringify(headers)}`);
        assert.equal(data, null);
      }
    const response = await send({ origin: here.origin }, type, 'login', known);
    assert.equal((await response.json()).status, 1, `${type}`);
  }
  for (const headers of own) {
    const response = await send(headers, types[0], 'login', known);
    assert.equal((await response.json()).status, 1, JSON.stringify(headers));
  }
  for (const headers of elsewhere) {
    const asked = await fetch(`${server.url}/api/v1/user/login`, { method: 'OPTIONS', headers: {
      ...headers, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' } });
    assert.equal(asked.headers.get('access-control-allow-origin'), null);
  }
  const sibling = await preflight('/api/v1/user/login', 'POST', 'content-type');
  assert.equal(sibling.headers.get('access-control-allow-origin'), null);
  assert.equal((await ask('GET', '/api/v1/presentors', { token: user.token })).headers.get('access-control-allow-origin'), '*');
});

test('If-Match of several tags, in one line and in two', async () => {
  const headers = { authorization: `Bearer ${user.token}`, 'content-type': 'application/sdp' };
  const made = await ask('POST', '/whip', headers, offer('obs_whip'));
  assert.equal(made.status, 201);
  const etag = made.headers.get('etag');
  const patch = (match) => ask('PATCH', made.headers.get('location'), { ...headers,
    'content-type': 'application/trickle-ice-sdpfrag', 'if-match': match }, 'a=end-of-candidates\r\n');
  assert.notEqual((await patch(`"x", ${etag}`)).status, 412);
  assert.notEqual((await patch('*')).status, 412);
  assert.equal((await patch('"x", "y"')).status, 412);
  assert.equal((await patch(`W/${etag}`)).status, 412);
  await ask('DELETE', made.headers.get('location'), headers);
});

test('429 says when to come back', async () => {
  let response;
  for (let i = 0; i < 15; ++i) {
    response = await ask('POST', '/api/v2/users', { 'content-type': 'application/json' },
      JSON.stringify({ nickname: `somebody ${i}`, password: 'long enough for anybody' }));
    if (response.status === 429) break;
  }
  assert.equal(response.status, 429);
  const seconds = Number(response.headers.get('retry-after'));
  assert.ok(seconds >= 1 && seconds <= 60, String(seconds));
});
