// Version 2 of HTTP: resources, statuses, problem+json, and the document that describes them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { GENERATIONS, MANY_ADDRESSES, Page, account, goOnAir, offer, present, watch } from '../support/pages.mjs';
import { startServer } from '../support/server.mjs';
import { until } from '../support/until.mjs';

let server;
let user;
before(async () => {
  server = await startServer({ args: MANY_ADDRESSES });
  user = await account(server, 'Somebody');
});
after(() => server.stop());

let asked = 0;
async function call(method, path, { body, token, type = 'application/json', from, headers = {} } = {}) {
  ++asked;
  const all = { 'x-forwarded-for': from ?? `10.2.${asked >> 8}.${asked & 255}`, ...headers };
  if (body !== undefined) all['content-type'] = type;
  if (token !== undefined) all.authorization = `Bearer ${token}`;
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  return fetch(`${server.url}${path}`, { method, headers: all, body: text });
}

async function problem(response, status, code) {
  const what = await response.json();
  assert.equal(response.status, status, JSON.stringify(what));
  assert.match(response.headers.get('content-type'), /^application\/problem\+json/);
  assert.equal(what.code, code);
  assert.equal(what.status, status);
  assert.equal(typeof what.title, 'string');
  return what;
}

const users = '/api/v2/users';
const sessions = '/api/v2/sessions';

test('an account, its session, and its end', async () => {
  const made = await call('POST', users, { body: { nickname: 'Dora', password: 'secret12' } });
  assert.equal(made.status, 201);
  const { token, expires_at, user: dora } = await made.json();
  assert.ok(new Date(expires_at) > new Date());
  const again = await call('POST', sessions, { body: { nickname: 'dora', password: 'secret12' } });
  assert.equal(again.status, 201);
  const second = await again.json();
  const me = await call('GET', '/api/v2/me', { token });
  assert.equal(me.status, 200);
  assert.deepEqual(await me.json(), dora);

  const kinds = [GENERATIONS['first generation'], GENERATIONS['second generation']];
  const pages = kinds.map((kind) => new Page(server, token, kind));
  await Promise.all(pages.map((page) => page.settle()));
  const out = await call('DELETE', `${sessions}/current`, { token });
  assert.equal(out.status, 204);
  for (const page of pages) {
    await page.next('autherror');
    await page.next('disconnect');
  }
  const refused = await call('GET', '/api/v2/me', { token });
  assert.equal(refused.headers.get('www-authenticate'), 'Bearer');
  await problem(refused, 401, 'unauthorized');
  await problem(await call('DELETE', `${sessions}/current`, { token }), 401, 'unauthorized');
  assert.equal((await call('GET', '/api/v2/me', { token: second.token })).status, 200);
});

test('what is refused, and how', async () => {
  const good = { nickname: 'Emil', password: 'secret12' };
  const cases = [
    [{ ...good, nickname: 'SOMEBODY' }, 409, 'nickname_taken'],
    [{ ...good, nickname: '' }, 400, 'nickname_invalid'],
    [{ ...good, nickname: 'a\u202eb' }, 400, 'nickname_invalid'],
    [{ ...good, nickname: 'a\u200bb' }, 400, 'nickname_invalid'],
    [{ ...good, nickname: 'a\nb' }, 400, 'nickname_invalid'],
    [{ ...good, nickname: 'x'.repeat(33) }, 400, 'nickname_too_long'],
    [{ ...good, nickname: 'x'.repeat(3000) }, 400, 'nickname_too_long'],
    [{ ...good, password: '1a2b3c4' }, 400, 'password_too_short'],
    [{ ...good, password: '直播间很好玩' }, 400, 'password_too_short'],
    [{ ...good, password: 'Password' }, 400, 'password_common'],
    [{ ...good, nickname: 'Ѕomebody' }, 409, 'nickname_looks_taken'],
    [{ ...good, nickname: '\u0301\u0301' }, 400, 'nickname_invalid'],
    [{ ...good, password: 'x'.repeat(129) }, 400, 'password_too_long'],
    [{ nickname: 'Emil' }, 400, 'bad_request'],
    ['{', 400, 'bad_json'],
    ['"\ud800"', 400, 'bad_request'],
  ];
  for (const [body, status, code] of cases) await problem(await call('POST', users, { body }), status, code);
  for (const [nickname, password] of [['Somebody', 'secret13'], ['Nobody', 'secret12'], ['', ''], ['x'.repeat(3000), 'x']])
    await problem(await call('POST', sessions, { body: { nickname, password } }), 401, 'bad_credentials');
  for (const path of ['/api/v2/me', '/api/v2/broadcasts', '/api/v2/broadcasts/x'])
    for (const token of [undefined, '', 'x', 'x'.repeat(43)])
      await problem(await call('GET', path, { token }), 401, 'unauthorized');
});

test('odd nicknames are shown as they were given', async () => {
  const odd = ['字'.repeat(32), '❤\ufe0f\u200d🔥', '👩\u200d👧', 'علی\u200cرضا', '😀'.repeat(32), 'O\'Brien & <b>"x"</b>', '../../x', '%2e%2e', 'a b', 'Ångström', 'null'];
  for (const nickname of odd) {
    const made = await call('POST', users, { body: { nickname, password: 'secret12' } });
    assert.equal(made.status, 201, nickname);
    assert.equal((await made.json()).user.nickname, nickname);
    const login = await call('POST', sessions, { body: { nickname, password: 'secret12' } });
    assert.equal((await login.json()).user.nickname, nickname);
  }
  const trimmed = await call('POST', users, { body: { nickname: ' \u3000 Frida \u00a0 B ', password: 'secret12' } });
  assert.equal((await trimmed.json()).user.nickname, 'Frida B');
});

test('broadcasts', async () => {
  const page = new Page(server, user.token, GENERATIONS['second generation']);
  const { id, sender } = await goOnAir(server, user, page);
  const viewer = await watch(server, user, GENERATIONS['second generation'], id);
  const one = await (await call('GET', `/api/v2/broadcasts/${id}`, { token: user.token })).json();
  assert.deepEqual(Object.keys(one).sort(), ['id', 'started_at', 'user', 'viewers']);
  assert.equal(one.viewers, 1);
  assert.ok(Math.abs(new Date(one.started_at) - Date.now()) < 30_000);
  const list = await (await call('GET', '/api/v2/broadcasts', { token: user.token })).json();
  assert.deepEqual(list, { broadcasts: [one], page: 1, size: 24, total: 1 });
  page.close();
  await viewer.page.next('presentorgone');
  sender.stop();
  viewer.page.close();
  await problem(await call('GET', `/api/v2/broadcasts/${id}`, { token: user.token }), 404, 'not_found');
});

test('every operation that is described is there, and answers as described', async () => {
  const response = await call('GET', '/api/v2/openapi.json');
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type'), /json/);
  const document = await response.json();
  assert.match(document.openapi, /^3\.1\./);
  const described = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).filter((method) => method !== 'parameters').map((method) => [path, method, item[method]]));
  assert.ok(described.length >= 10);
  const resolve = (ref) => ref.slice(2).split('/').reduce((node, key) => node[key], document);
  for (const reference of JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g))
    assert.ok(resolve(reference[1]), reference[1]);
  for (const [path, method, operation] of described) {
    const actual = path.replaceAll(/\{\w+\}/g, 'none');
    const answer = await call(method.toUpperCase(), actual, method === 'get' ? {} : { body: '{}' });
    await answer.text();
    assert.notEqual(answer.status, 405, `${method} ${path}`);
    const open = Array.isArray(operation.security) && operation.security.length === 0;
    if (!open) assert.equal(answer.status, 401, `${method} ${path}`);
    assert.ok(answer.status in operation.responses, `${method} ${path} answers ${answer.status}`);
    const allowed = (await call('OPTIONS', actual)).headers.get('allow');
    assert.ok(allowed.split(', ').includes(method.toUpperCase()), `${allowed} of ${path}`);
  }
});

test('other methods are 405 and say what is allowed', async () => {
  for (const [method, path, allow] of [
    ['PUT', sessions, /POST/], ['PUT', '/api/v2/me', /GET/], ['PATCH', sessions, /POST/],
    ['PATCH', users, /POST/], ['POST', '/api/v2/openapi.json', /GET/], ['POST', '/healthz', /GET/],
    ['POST', '/', /^GET, HEAD/], ['PUT', '/live/somebody', /^GET, HEAD/]]) {
    const response = await call(method, path, method === 'GET' ? {} : { body: '{}' });
    assert.match(response.headers.get('allow'), allow);
    await problem(response, 405, 'method_not_allowed');
  }
  await problem(await call('GET', '/api/v2/nothing'), 404, 'not_found');
  await problem(await call('POST', '/nothing.js', { body: '' }), 404, 'not_found');
});

test('names and passwords of more than 4 kB, and other bodies of more than 64 kB, are 413', async () => {
  const fits = JSON.stringify({ nickname: 'Somebody', password: 'secret12' });
  const padded = fits + ' '.repeat(4 * 1024 - fits.length);
  assert.equal((await call('POST', sessions, { body: padded })).status, 201);
  await problem(await call('POST', sessions, { body: `${padded} ` }), 413, 'too_large');
  const response = await call('POST', '/whip', { body: 'x'.repeat(200_000), token: user.token, type: 'application/sdp' });
  await problem(response, 413, 'too_large');
});

test('logins are limited: of one nickname from one address, and of one address', async () => {
  const statuses = async (requests) => Promise.all(requests.map(async (r) => (await r).status));
  const victim = await account(server, 'Victim');
  const guess = (from, nickname) => call('POST', sessions, { from, body: { nickname, password: 'guess123' } });
  const many = await statuses(Array.from({ length: 14 }, () => guess('10.3.0.1', 'Victim')));
  assert.ok(many.filter((s) => s === 429).length >= 2, String(many));
  assert.ok(many.filter((s) => s === 401).length >= 10, String(many));
  const limited = await guess('10.3.0.1', 'victim');
  await problem(limited, 429, 'rate_limited');
  // The owner is kept out nowhere, who is signed in is not touched by that, and neither is anybody else.
  const own = { nickname: 'Victim', password: victim.password };
  assert.equal((await call('POST', sessions, { from: '10.3.1.1', body: own })).status, 201);
  const change = { method: 'PUT', headers: { authorization: `Bearer ${victim.token}` } };
  const changed = await fetch(`${server.url}/api/v2/me/password`, {
    ...change, body: JSON.stringify({ old: victim.password, new: 'another one 12' }) });
  assert.equal(changed.status, 204);
  assert.equal((await call('GET', '/api/v2/me', { token: victim.token })).status, 200);
  assert.equal((await guess('10.3.1.2', 'Nobody at all')).status, 401);

  const one = await statuses(Array.from({ length: 40 }, (_, i) => guess('10.4.0.1', `n${i}`)));
  assert.ok(one.includes(429), String(one));
  assert.equal((await guess('10.4.0.2', 'n1')).status, 401);
  const accounts = await statuses(Array.from({ length: 12 }, (_, i) =>
    call('POST', users, { from: '10.5.0.1', body: { nickname: `robot ${i}`, password: 'secret12' } })));
  assert.equal(accounts.filter((s) => s === 201).length, 10, String(accounts));
  const metric = (await server.metrics())['loopcast_http_events_total{event="login_rate_limited"}'];
  assert.ok(metric >= 5);
});

// A fragment of trickle ICE (RFC 8840) with one candidate, or none.
const fragment = (ufrag, candidate = '') =>
  `a=ice-ufrag:${ufrag}\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n${candidate}`;

test('WHIP: PATCHes that arrive together are served one after the other', async () => {
  const sdp = offer('obs_whip');
  const ufrag = /a=ice-ufrag:(\S+)/.exec(sdp)[1];
  const whip = await call('POST', '/whip?record=false', { body: sdp, token: user.token, type: 'application/sdp' });
  assert.equal(whip.status, 201);
  const place = whip.headers.get('location');
  const patch = (body, headers = { 'if-match': '*' }) =>
    call('PATCH', place, { body, token: user.token, type: 'application/trickle-ice-sdpfrag', headers });
  const candidate = (i, of = ufrag) => fragment(of, `a=candidate:1 1 udp 2122260223 127.0.0.1 ${40_000 + i} typ host\r\n`);
  const burst = await Promise.all(Array.from({ length: 60 }, (_, i) => patch(candidate(i))));
  assert.deepEqual([...new Set(burst.map((response) => response.status))], [204]);

  // Restarts among candidates: each has an entity tag of its own, and the one before is stale. Candidates name the
  // tag that they belong to (RFC 9725, section 4.3): with "*" those of an earlier session were a restart.
  const tag = { 'if-match': whip.headers.get('etag') };
  const all = await Promise.all([
    patch(candidate(1), tag), patch(fragment('next1')), patch(fragment('next2')), patch(candidate(2), tag)]);
  for (const { status } of all) assert.ok([200, 204, 412].includes(status), String(status));
  const restarts = all.filter((response) => response.status === 200);
  assert.equal(restarts.length, 2, `${all.map((response) => response.status)}`);
  assert.equal(new Set(restarts.map((response) => response.headers.get('etag'))).size, 2);
  await problem(await patch(fragment('next3'), tag), 412, 'precondition_failed');
  assert.equal((await patch(fragment('next4'))).status, 200);
  // The candidates are those of the first answer; some clients break at more than one in a fragment.
  for (const response of restarts) assert.doesNotMatch(await response.text(), /candidate/);

  // What waits is bounded, and the end is not waited for.
  const [...flood] = await Promise.all([
    ...Array.from({ length: 400 }, (_, i) => patch(candidate(i, 'next4'))),
    call('DELETE', place, { token: user.token }),
  ]);
  assert.equal(flood.pop().status, 200);
  assert.deepEqual(
    [...new Set(flood.map((response) => response.status))].filter((status) => ![204, 404, 429].includes(status)),
    [],
  );
  await problem(await patch(candidate(1)), 404, 'not_found');
});

test('WHIP and WHEP: an answer with everything, and the end', async () => {
  const post = (path, body, type = 'application/sdp') => call('POST', path, { body, token: user.token, type });
  const whip = await post('/whip', offer('obs_whip'));
  assert.equal(whip.status, 201);
  assert.match(whip.headers.get('content-type'), /^application\/sdp/);
  assert.match(whip.headers.get('etag'), /^"[^"]+"$/);
  assert.match(await whip.text(), /a=candidate:/);
  const id = /broadcasts\/([\w-]+)>/.exec(whip.headers.get('link'))[1];
  const whep = await post(`/whep/${id}`, offer('chromium_viewer'));
  assert.equal(whep.status, 201);
  assert.match(await whep.text(), /a=sendonly/);
  const place = whep.headers.get('location');
  const other = await account(server);
  await problem(await call('DELETE', place, { token: other.token }), 404, 'not_found');
  assert.equal((await call('DELETE', place, { token: user.token })).status, 200);
  await problem(await call('DELETE', place, { token: user.token }), 404, 'not_found');
  assert.equal((await call('DELETE', whip.headers.get('location'), { token: user.token })).status, 200);
  await problem(await post(`/whep/${id}`, offer('chromium_viewer')), 404, 'publisher_gone');
  await problem(await post('/whip', 'v=0', 'text/plain'), 415, 'unsupported_media_type');
  await problem(await post('/whip', 'v=0'), 400, 'bad_sdp');
});

test('WHEP: who comes while the presenter is away is told to come back', async () => {
  const { page, id } = await present(server, user, GENERATIONS['second generation']);
  const post = () => call('POST', `/whep/${id}`, { body: offer('chromium_viewer'), token: user.token, type: 'application/sdp' });
  page.close();
  let refused;
  await until(async () => {
    refused = await post();
    return refused.status === 404;
  }, 'the loss to be noticed');
  assert.equal(refused.headers.get('retry-after'), '5');
  await problem(refused, 404, 'publisher_gone');
  const stopping = new Page(server, user.token, GENERATIONS['second generation']);
  await stopping.ask('stopPresentor', { presentorId: id });
  stopping.close();
  const over = await post();
  assert.equal(over.headers.get('retry-after'), null, 'nobody waits any more');
  await problem(over, 404, 'publisher_gone');
});

test('WHIP: what is wrong with an offer, in English for a program that names no language', async () => {
  const refused = async (body, language) => {
    const response = await fetch(`${server.url}/whip?record=false`, {
      method: 'POST', body,
      headers: { authorization: `Bearer ${user.token}`, 'content-type': 'application/sdp',
        // fetch adds one of its own otherwise.
        'accept-language': language } });
    assert.equal(response.headers.get('content-type'), 'application/problem+json');
    return response.json();
  };
  const line = offer('obs_whip').split('\n').findIndex((text) => text.startsWith('a=setup')) + 1;
  const nonsense = offer('obs_whip').replace('a=setup:actpass', 'a=setup:perhaps');
  const told = await refused(nonsense, '');
  assert.equal(told.code, 'bad_sdp');
  assert.match(told.title, /^The media description/);
  assert.equal(told.detail, `Line ${line}: a=setup is malformed.`);
  assert.match((await refused(nonsense, 'zh-CN')).title, /媒体描述/);
  const lite = await refused(offer('obs_whip').replace('t=0 0', 't=0 0\r\na=ice-lite'), '');
  assert.equal(lite.code, 'ice_lite');
  const format = await refused(offer('obs_whip').replaceAll('H264/', 'H265/'), '');
  assert.equal(format.code, 'no_common_codec');
  assert.match(format.detail, /H264 or VP9 or AV1 or VP8; the offer has: H265/);
});
