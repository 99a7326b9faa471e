// The settings of an account: nickname, picture, password, sessions, and its end.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { GENERATIONS, MANY_ADDRESSES, Page, account, offer, present, watch } from '../support/pages.mjs';
import { startServer } from '../support/server.mjs';
import { until } from '../support/until.mjs';

let server;
before(async () => {
  server = await startServer({ args: MANY_ADDRESSES });
});
after(() => server.stop());

const picture = (name) => readFileSync(new URL(`../../src/app/testdata/${name}`, import.meta.url));

let asked = 0;
// `body`: text and bytes go as they are, everything else as JSON.
async function call(method, path, { body, token, headers = {} } = {}) {
  ++asked;
  const all = { 'x-forwarded-for': `10.7.${asked >> 8}.${asked & 255}`, 'user-agent': 'test', ...headers };
  if (token !== undefined) all.authorization = `Bearer ${token}`;
  const plain = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
  if (!plain) all['content-type'] ??= 'application/json';
  return fetch(`${server.url}${path}`, { method, headers: all, body: plain ? body : JSON.stringify(body), redirect: 'manual' });
}

async function problem(response, status, code) {
  const what = await response.json();
  assert.equal(response.status, status, JSON.stringify(what));
  assert.match(response.headers.get('content-type'), /^application\/problem\+json/);
  assert.equal(what.code, code);
  return what;
}

async function fine(response) {
  assert.equal(response.status, 200, await response.clone().text());
  return response.json();
}

async function signIn(nickname, password, agent = 'test') {
  const response = await call('POST', '/api/v2/sessions', { body: { nickname, password }, headers: { 'user-agent': agent } });
  assert.equal(response.status, 201, await response.clone().text());
  return response.json();
}

const me = '/api/v2/me';
const avatar = '/api/v2/me/avatar';
const password = '/api/v2/me/password';
const sessions = '/api/v2/sessions';
const isOut = async (token) => assert.equal((await call('GET', me, { token })).status, 401);
const isIn = async (token) => assert.equal((await call('GET', me, { token })).status, 200);

test('everything here is for those who are signed in', async () => {
  for (const [method, path] of [
    ['PATCH', me], ['DELETE', me], ['PUT', avatar], ['DELETE', avatar], ['PUT', password],
    ['GET', sessions], ['DELETE', sessions], ['DELETE', `${sessions}/x`]])
    for (const token of [undefined, 'x'.repeat(43)])
      await problem(await call(method, path, { token, body: method === 'GET' ? undefined : '{}' }), 401, 'unauthorized');
});

test('a nickname is changed', async () => {
  const { token, user } = await account(server, 'Bea', 'secret12');
  await account(server, 'Émile');
  const renamed = await fine(await call('PATCH', me, { token, body: { nickname: '  Zoe\u0308  Ｂ ' } }));
  assert.deepEqual(renamed, { id: user.id, nickname: 'Zoë Ｂ', avatar: `/avatars/${user.id}.5a.svg` });
  assert.deepEqual(await fine(await call('GET', me, { token })), renamed);
  assert.deepEqual(await fine(await call('PATCH', me, { token, body: {} })), renamed);
  // What is shown of it, whatever its capitals and widths, signs in; the old name does not.
  assert.equal((await signIn('ZOË b', 'secret12')).user.id, user.id);
  await problem(await call('POST', sessions, { body: { nickname: 'Bea', password: 'secret12' } }), 401, 'bad_credentials');
  await account(server, 'bea');
  // The picture moved with the letter in it, and pages that still have the old one are led there.
  const before = await call('GET', user.avatar);
  assert.equal(before.status, 302);
  assert.equal(before.headers.get('location'), renamed.avatar);
  assert.match(await (await call('GET', renamed.avatar)).text(), />Z<\/text>/);

  for (const [body, status, code] of [
    [{ nickname: 'ÉMILE' }, 409, 'nickname_taken'],
    [{ nickname: 'E\u0301mile' }, 409, 'nickname_taken'],
    [{ nickname: 'Éｍile' }, 409, 'nickname_taken'],
    [{ nickname: '' }, 400, 'nickname_invalid'],
    [{ nickname: ' \u3000 ' }, 400, 'nickname_invalid'],
    [{ nickname: 'a\u202eb' }, 400, 'nickname_invalid'],
    [{ nickname: 'a\u200bb' }, 400, 'nickname_invalid'],
    [{ nickname: 'a\u0000b' }, 400, 'nickname_invalid'],
    [{ nickname: '字'.repeat(33) }, 400, 'nickname_too_long'],
    [{ nickname: 7 }, 400, 'bad_request'],
    [[], 400, 'bad_request'],
    ['{', 400, 'bad_json'],
  ])
    await problem(await call('PATCH', me, { token, body }), status, code);
  assert.deepEqual(await fine(await call('GET', me, { token })), renamed);
});

test('changing a nickname again and again is limited', async () => {
  const { token } = await account(server);
  const statuses = [];
  for (let i = 0; i < 12; ++i) statuses.push((await call('PATCH', me, { token, body: { nickname: `restless ${i}` } })).status);
  assert.deepEqual([...new Set(statuses)], [200, 429]);
  assert.equal(statuses.filter((s) => s === 200).length, 10);
});

// Width and height of a JPEG, by its frame header.
function sizeOf(jpeg) {
  const at = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
  return [jpeg.readUInt16BE(at + 7), jpeg.readUInt16BE(at + 5)];
}

test('a picture is made small and square, whatever it was', async () => {
  const { token, user } = await account(server, 'Carl');
  const seen = new Set([user.avatar]);
  for (const name of ['rgba.png', 'progressive.jpg', 'lossy.webp', 'mono.png', 'turned.jpg']) {
    // What it says it is does not matter.
    const changed = await fine(await call('PUT', avatar, { token, body: picture(name), headers: { 'content-type': 'image/png' } }));
    assert.match(changed.avatar, new RegExp(`^/avatars/${user.id}\\.[0-9a-f]{16}\\.jpg$`));
    assert.ok(!seen.has(changed.avatar), name);
    seen.add(changed.avatar);
    const shown = await call('GET', changed.avatar);
    assert.equal(shown.status, 200);
    assert.equal(shown.headers.get('content-type'), 'image/jpeg');
    assert.match(shown.headers.get('cache-control'), /immutable/);
    assert.equal(shown.headers.get('x-content-type-options'), 'nosniff');
    assert.deepEqual(sizeOf(Buffer.from(await shown.arrayBuffer())), [256, 256]);
    assert.deepEqual(await fine(await call('GET', me, { token })), changed);
    for (const old of seen)
      if (old !== changed.avatar) assert.equal((await call('GET', old)).headers.get('location'), changed.avatar);
  }
  assert.deepEqual(await fine(await call('DELETE', avatar, { token })), user);
  assert.equal((await call('GET', user.avatar)).status, 200);
  assert.deepEqual(await fine(await call('DELETE', avatar, { token })), user);
});

test('notices of a socket that was open before show the new name and picture', async () => {
  const kind = GENERATIONS['second generation'];
  const [host, guest] = [await account(server), await account(server)];
  const { page, id } = await present(server, host, kind);
  const early = new Page(server, guest.token, kind, { presentorId: id });
  await early.settle();
  const changed = await fine(await call('PUT', avatar, { token: guest.token, body: picture('rgba.png') }));
  early.emit('createViewer', { sdpOffer: offer('chromium_viewer') });
  const [notice] = await page.next('message');
  assert.equal(notice.from.avatar, changed.avatar);
  early.close();
  page.close();
});

function png(width, height, ...chunks) {
  const chunk = (type, data) => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(data.length);
    head.write(type, 4, 'latin1');
    return Buffer.concat([head, data, Buffer.alloc(4)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const all = [['IHDR', header], ...chunks, ['IEND', Buffer.alloc(0)]];
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...all.map(([type, data]) => chunk(type, data))]);
}

test('hostile pictures are refused, quickly and without filling memory', async () => {
  const users = await Promise.all(Array.from({ length: 2 }, () => account(server)));
  // 512 MB of zeros, packed.
  const bomb = deflateSync(Buffer.alloc(512 * 1024 * 1024));
  const progressive = picture('progressive.jpg');
  const scan = progressive.subarray(progressive.lastIndexOf(Buffer.from([0xff, 0xda])), -2);
  const scans = Buffer.concat([progressive.subarray(0, -2), ...Array.from({ length: 5000 }, () => scan), progressive.subarray(-2)]);
  const before = await server.figures();
  const cases = {
    nothing: Buffer.alloc(0),
    text: Buffer.from('hello'),
    svg: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
    html: Buffer.from('<html><script>alert(1)</script></html>'),
    gif: Buffer.from('GIF89a\x01\x00\x01\x00\x00\x00\x00;', 'latin1'),
    cut: picture('lossless.webp').subarray(0, 30),
    'without picture': png(64, 64),
    'too many pixels': png(5000, 5000, ['IDAT', deflateSync(Buffer.alloc(5001 * 5000))]),
    'no pixels': png(0, 0, ['IDAT', bomb.subarray(0, 1000)]),
    'endless scans': scans,
  };
  let i = 0;
  for (const [name, body] of Object.entries(cases)) {
    const { token } = users[i++ % users.length];
    const started = performance.now();
    const what = await problem(await call('PUT', avatar, { token, body, headers: { 'accept-language': 'en' } }), 422, 'image_invalid');
    assert.match(what.title, /PNG, JPEG or WebP/);
    assert.ok(performance.now() - started < 2000, name);
  }
  // What unpacks to far more than the picture needs: in a text, in a profile, in the picture itself.
  const { token } = await account(server);
  const pixels = deflateSync(Buffer.alloc(65 * 64));
  for (const body of [
    png(64, 64, ['zTXt', Buffer.concat([Buffer.from('a\0\0'), bomb])], ['IDAT', pixels]),
    png(64, 64, ['iCCP', Buffer.concat([Buffer.from('a\0\0'), bomb])], ['IDAT', pixels]),
    png(64, 64, ['IDAT', bomb]),
  ])
    assert.equal((await call('PUT', avatar, { token, body })).status, 200);
  const after = await server.figures();
  assert.ok(after.rss - before.rss < 100 * 1024, `${before.rss} → ${after.rss} KiB`);
});

test('a picture of more than 5 MB is refused before it is read', async () => {
  const { token } = await account(server);
  const body = Buffer.alloc(5 * 1024 * 1024 + 1);
  await problem(await call('PUT', avatar, { token, body }), 413, 'too_large');
  await problem(await call('PUT', avatar, { token, body: body.subarray(1) }), 422, 'image_invalid');
  // Other addresses take no more than they did.
  await problem(await call('PATCH', me, { token, body: body.subarray(0, 65 * 1024) }), 413, 'too_large');
});

test('only so many large bodies at once, so that nobody fills the memory', async () => {
  const { token } = await account(server);
  const figure = async () => (await server.metrics())['loopcast_http_events_total{event="request_over_large_limit"}'];
  const before = await figure();
  // The heads of `count` uploads, each over a connection of its own, whose bodies do not come.
  const begin = (count, from, headers = `Authorization: Bearer ${token}\r\n`) => Array.from({ length: count }, (_, i) => {
    const socket = net.connect(server.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.answer = '';
    socket.on('data', (data) => (socket.answer += data));
    socket.write(`PUT ${avatar} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${from(i)}\r\n${headers}Content-Length: 1000000\r\n\r\n`);
    return socket;
  });
  const answered = (sockets, status) => sockets.filter((s) => s.answer.startsWith(`HTTP/1.1 ${status}`)).length;
  const seen = (sockets) => () => sockets.map((s) => s.answer.slice(0, 20)).join();
  const end = (sockets) => sockets.forEach((socket) => socket.destroy());
  const upload = () => call('PUT', avatar, { token, body: Buffer.alloc(100_000) });
  const given_back = () => until(async () => (await upload()).status === 422, 'places to be given back', 10_000, 200);

  // Who has not signed in takes no place.
  const strangers = begin(20, (i) => `10.8.1.${i}`, '');
  await until(() => answered(strangers, 401) === 20, seen(strangers));
  const one = begin(6, () => '10.8.2.1');
  await until(() => answered(one, 503) === 2, seen(one));
  end([...strangers, ...one]);
  await given_back();
  const many = begin(20, (i) => `10.8.3.${i}`);
  await until(() => answered(many, 503) === 4, seen(many));
  assert.equal(answered(many, 503), 4);
  end(many);
  await given_back();
  assert.ok((await figure()) - before >= 6);
});

test('uploads are limited, and hold up nobody else', async () => {
  const { token } = await account(server);
  // The largest that there may be: 16 megapixels.
  const noise = Buffer.alloc(4097 * 4096);
  for (let i = 0; i < noise.length; i += 7) noise[i] = i % 4097 === 0 ? 0 : (i * 2654435761) >>> 24;
  for (let row = 0; row < 4096; ++row) noise[row * 4097] = 0;
  const large = png(4096, 4096, ['IDAT', deflateSync(noise, { level: 1 })]);
  let slowest = 0;
  let done = false;
  const others = (async () => {
    while (!done) {
      const started = performance.now();
      await (await fetch(`${server.url}/healthz`)).text();
      slowest = Math.max(slowest, performance.now() - started);
    }
  })();
  const started = performance.now();
  if (large.length <= 5 * 1024 * 1024) assert.equal((await call('PUT', avatar, { token, body: large })).status, 200);
  const took = performance.now() - started;
  done = true;
  await others;
  console.log(`16 megapixels, ${large.length} bytes: ${took.toFixed(0)} ms; meanwhile others waited ${slowest.toFixed(0)} ms at most`);
  assert.ok(slowest < 500, `${slowest} ms`);
  const statuses = [];
  for (let i = 0; i < 11; ++i) statuses.push((await call('PUT', avatar, { token, body: 'x' })).status);
  assert.ok(statuses.includes(429), String(statuses));
});

test('a new password ends the other sessions, with their sockets and streams', async () => {
  const kind = GENERATIONS['second generation'];
  const here = await account(server, 'Dana', 'secret12');
  const there = await signIn('Dana', 'secret12');
  const viewer = await account(server);
  const [mine, theirs] = [new Page(server, here.token, kind), new Page(server, there.token, GENERATIONS['first generation'])];
  await Promise.all([mine.settle(), theirs.connected()]);
  const whip = await call('POST', '/whip', { token: there.token, body: offer('obs_whip'), headers: { 'content-type': 'application/sdp' } });
  assert.equal(whip.status, 201);
  const id = /broadcasts\/([\w-]+)>/.exec(whip.headers.get('link'))[1];
  const watching = await watch(server, viewer, kind, id);

  const change = (body, token = here.token) => call('PUT', password, { token, body });
  await problem(await change({ old: 'wrong123', new: 'better12' }), 403, 'wrong_password');
  await problem(await change({ old: 'secret12', new: '12345' }), 400, 'password_too_short');
  await problem(await change({ old: 'secret12', new: 'x'.repeat(129) }), 400, 'password_too_long');
  await problem(await change({ old: 'x'.repeat(5000), new: 'better12' }), 403, 'wrong_password');
  await problem(await change({ old: 'secret12' }), 400, 'bad_request');
  await problem(await change({ new: 'better12' }), 400, 'bad_request');
  await problem(await change('{'), 400, 'bad_json');
  await isIn(there.token);

  assert.equal((await change({ old: 'secret12', new: 'better12' })).status, 204);
  await theirs.next('autherror');
  await theirs.next('disconnect');
  await watching.page.next('presentorgone');
  await isOut(there.token);
  await isIn(here.token);
  assert.ok((await mine.settle()).ok);
  assert.equal(mine.count('autherror'), 0);
  await problem(await call('POST', sessions, { body: { nickname: 'Dana', password: 'secret12' } }), 401, 'bad_credentials');
  await signIn('dana', 'better12');
  mine.close();
  watching.page.close();
});

test('guessing the password of an open session is limited, and locks nobody else out', async () => {
  const { token, nickname } = await account(server);
  const statuses = [];
  for (let i = 0; i < 13; ++i)
    statuses.push((await call('PUT', password, { token, body: { old: `guess ${i}`, new: 'better12' } })).status);
  assert.ok(statuses.filter((s) => s === 403).length >= 10, String(statuses));
  assert.equal(statuses.at(-1), 429, String(statuses));
  await problem(await call('DELETE', me, { token, body: { password: 'secret12' } }), 429, 'rate_limited');
  await isIn(token);
  // Whoever guesses in one session keeps the owner out of no other.
  const elsewhere = await signIn(nickname, 'secret12');
  assert.equal((await call('PUT', password, { token: elsewhere.token, body: { old: 'secret12', new: 'better12' } })).status, 204);
});

test('sessions are listed, and ended one by one or all at once', async () => {
  const here = await account(server, 'Eve', 'secret12');
  const phone = await signIn('Eve', 'secret12', 'A telephone \u00ff');
  const other = await account(server);
  const list = async (token) => (await fine(await call('GET', sessions, { token }))).sessions;
  const listed = await list(here.token);
  assert.equal(listed.length, 2);
  for (const session of listed) {
    assert.deepEqual(Object.keys(session).sort(), ['created_at', 'current', 'id', 'last_used_at', 'user_agent']);
    assert.ok(Math.abs(new Date(session.created_at) - Date.now()) < 60_000);
    assert.ok(!JSON.stringify(listed).includes(here.token));
  }
  const far = listed.find((s) => !s.current);
  assert.match(far.user_agent, /^A telephone/);
  assert.equal((await list(phone.token)).find((s) => s.current).id, far.id);
  assert.ok(!(await list(other.token)).some((s) => s.id === far.id));

  for (const id of ['x', '0'.repeat(32), '%00', `${far.id}0`])
    await problem(await call('DELETE', `${sessions}/${id}`, { token: here.token }), id === '%00' ? 400 : 404, id === '%00' ? 'bad_request' : 'not_found');
  await problem(await call('DELETE', `${sessions}/${far.id}`, { token: other.token }), 404, 'not_found');
  await isIn(phone.token);
  const page = new Page(server, phone.token, GENERATIONS['second generation']);
  await page.settle();
  assert.equal((await call('DELETE', `${sessions}/${far.id}`, { token: here.token })).status, 204);
  await page.next('autherror');
  await page.next('disconnect');
  await isOut(phone.token);
  await problem(await call('DELETE', `${sessions}/${far.id}`, { token: here.token }), 404, 'not_found');

  const tablet = await signIn('Eve', 'secret12');
  const pages = [here, tablet].map(({ token }) => new Page(server, token, GENERATIONS['first generation']));
  await Promise.all(pages.map((p) => p.connected()));
  assert.equal((await call('DELETE', sessions, { token: here.token })).status, 204);
  for (const p of pages) await p.next('autherror');
  await isOut(here.token);
  await isOut(tablet.token);
  await isIn(other.token);
});

test('an account is deleted with everything', async () => {
  const kind = GENERATIONS['second generation'];
  const gone = await account(server, 'Finn', 'secret12');
  const other = await signIn('Finn', 'secret12');
  const viewer = await account(server);
  await fine(await call('PUT', avatar, { token: gone.token, body: picture('rgba.png') }));
  const { avatar: path } = await fine(await call('GET', me, { token: gone.token }));
  const { page, id } = await present(server, gone, kind);
  const watching = await watch(server, viewer, kind, id);

  const remove = (body, token = gone.token) => call('DELETE', me, { token, body });
  await problem(await remove({ password: 'wrong123' }), 403, 'wrong_password');
  await problem(await remove({}), 400, 'bad_request');
  await problem(await remove('{'), 400, 'bad_json');
  await isIn(other.token);
  assert.equal((await remove({ password: 'secret12' })).status, 204);
  await watching.page.next('presentorgone');
  await page.next('autherror');
  await isOut(gone.token);
  await isOut(other.token);
  assert.equal((await call('GET', path)).status, 404);
  await problem(await call('POST', sessions, { body: { nickname: 'Finn', password: 'secret12' } }), 401, 'bad_credentials');
  const again = await account(server, 'finn');
  assert.notEqual(again.user.id, gone.user.id);
  watching.page.close();
});

test('what is kept survives a restart', async () => {
  const { token, nickname } = await account(server);
  const changed = await fine(await call('PUT', avatar, { token, body: picture('lossy.webp') }));
  const bytes = Buffer.from(await (await call('GET', changed.avatar)).arrayBuffer());
  const { data } = server;
  server.kill('SIGKILL');
  await server.exited;
  server = await startServer({ args: MANY_ADDRESSES, data });
  assert.equal((await fine(await call('GET', me, { token }))).avatar, changed.avatar);
  assert.ok(bytes.equals(Buffer.from(await (await call('GET', changed.avatar)).arrayBuffer())));
  assert.equal((await signIn(nickname, 'secret12')).user.avatar, changed.avatar);
});

test('errors speak the language of the client', async () => {
  const ask = async (method, path, language, body) =>
    (await (await call(method, path, { body, headers: language === undefined ? {} : { 'accept-language': language } })).json()).title;
  for (const [method, path, body] of [
    ['GET', '/api/v2/nothing'], ['GET', '/assets/none.js'], ['PATCH', '/api/v2/users', '{}'],
    ['POST', sessions, 'x'.repeat(70_000)], ['GET', me]]) {
    assert.match(await ask(method, path, 'en-GB,en;q=0.9', body), /^[A-Z][\x20-\x7e]+\.$/, path);
    assert.match(await ask(method, path, 'zh-CN', body), /[\u4e00-\u9fff].*。$/, path);
    assert.match(await ask(method, path, undefined, body), /。$/, path);
  }
});
