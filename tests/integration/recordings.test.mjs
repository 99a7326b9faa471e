// The library of recordings: who finds what, who gets a byte of it, and what is deleted. Rows and files are put there
// as if they had been recorded.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { GENERATIONS, MANY_ADDRESSES, Page, account, goOnAir } from '../support/pages.mjs';
import { startServer } from '../support/server.mjs';
import { until } from '../support/until.mjs';

const HOUR = 3600;
const VISIBILITIES = ['public', 'unlisted', 'private'];
const STATES = ['recording', 'processing', 'ready', 'damaged'];
const now = Math.floor(Date.now() / 1000);

const folderOf = (server) => path.join(server.data, 'recordings');
const sql = (server, text) => execFileSync('sqlite3', [path.join(server.data, 'loopcast.db'), text], { encoding: 'utf8' });
const quoted = (text) => `'${String(text).replaceAll("'", "''")}'`;

// A recording of `owner`, with a media file, a thumbnail and sprites. Answers { id, media }.
function put(server, owner, { startedAt = now, duration = 60, location = 'unknown', title = 'a title', comments = '',
  visibility = 'public', state = 'ready', coOwner = null, bytes, extension = 'mp4' } = {}) {
  const id = randomBytes(16).toString('base64url');
  const media = randomBytes(200_000);
  const folder = folderOf(server);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, `${id}.${extension}`), media);
  writeFileSync(path.join(folder, `${id}.jpg`), 'thumbnail');
  writeFileSync(path.join(folder, `${id}.sprite.jpg`), 'sprites');
  const values = [id, owner.user.id, owner.nickname, 'broadcast', title, location, comments, `${id}.${extension}`]
    .map(quoted).join(', ');
  sql(server, `INSERT INTO recordings (id, owner_id, presenter, broadcast_id, title, location, comments, file, co_owner_id, call_id,
    started_at, duration, width, height, video_codec, audio_codec, bytes, visibility, state, thumbnail, sprites)
    VALUES (${values}, ${coOwner ? quoted(coOwner.user.id) : 'NULL'}, '${coOwner ? 'a call' : ''}',
    ${startedAt * 1_000_000}, ${duration * 1_000_000},
    1280, 720, 'h264', 'opus', ${bytes ?? media.length}, ${VISIBILITIES.indexOf(visibility)}, ${STATES.indexOf(state)}, 1,
    '2.5 10 6 160 90 57')`);
  return { id, media };
}

async function ask(server, who, method, where, body) {
  const headers = who ? { authorization: `Bearer ${who.token}` } : {};
  const response = await fetch(`${server.url}${where}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : null };
}
const show = (server, who, id) => ask(server, who, 'GET', `/api/v2/recordings/${id}`);
async function list(server, who, query = '') {
  const { status, body } = await ask(server, who, 'GET', `/api/v2/recordings?${query}`);
  assert.equal(status, 200);
  return body;
}
const ids = (page) => page.recordings.map((r) => r.id);

let server;
let owner;
let friend;
let stranger;
before(async () => {
  server = await startServer({ args: MANY_ADDRESSES });
  [owner, friend, stranger] = [await account(server, 'Owner 小明'), await account(server), await account(server)];
});
after(() => server.stop());

test('who sees, changes and deletes what', async () => {
  const all = {};
  for (const visibility of VISIBILITIES) all[visibility] = put(server, owner, { visibility });
  all.running = put(server, owner, { state: 'recording' });
  all.damaged = put(server, owner, { state: 'damaged' });
  all.call = put(server, owner, { visibility: 'private', coOwner: friend });
  const names = Object.keys(all);
  // [who, finds, sees with the id]
  const matrix = [
    [owner, ['public'], names],
    [friend, ['public'], ['public', 'unlisted', 'damaged', 'call']],
    [stranger, ['public'], ['public', 'unlisted', 'damaged']],
  ];
  for (const [who, finds, sees] of matrix) {
    const found = ids(await list(server, who));
    for (const name of names) {
      const { id } = all[name];
      assert.equal(found.includes(id), finds.includes(name), `${who.nickname} finds ${name}`);
      const { status, body } = await show(server, who, id);
      assert.equal(status, sees.includes(name) ? 200 : 404, `${who.nickname} sees ${name}`);
      if (who === owner) continue;
      const refused = sees.includes(name) ? 403 : 404;
      for (const [method, change] of [['PATCH', { title: 'taken' }], ['DELETE', undefined]])
        assert.equal((await ask(server, who, method, `/api/v2/recordings/${id}`, change)).status, refused);
      if (status === 200) assert.equal(body.mine, false);
    }
  }
  const mine = ids(await list(server, owner, 'mine=1'));
  assert.deepEqual(names.filter((name) => !mine.includes(all[name].id)), []);
  assert.deepEqual(ids(await list(server, friend, 'mine=1')), [all.call.id]);
  for (const where of ['', '/usage', `/${all.public.id}`])
    assert.equal((await ask(server, null, 'GET', `/api/v2/recordings${where}`)).status, 401);
  for (const { id } of Object.values(all)) sql(server, `DELETE FROM recordings WHERE id = '${id}'`);
});

test('not a byte without permission', async () => {
  const { id, media } = put(server, owner, { visibility: 'private', coOwner: friend });
  const get = (where, options) => fetch(`${server.url}${where}`, options);
  const r = (await show(server, owner, id)).body;
  const links = [r.url, r.download_url, r.thumbnail, r.sprite.url];
  for (const link of links) {
    assert.match(link, /^\/media\//);
    assert.equal((await get(link)).status, 200);
    const url = new URL(link, server.url);
    const tampered = (change) => {
      const other = new URL(url);
      change(other);
      return other.pathname + other.search;
    };
    const flipped = url.searchParams.get('s').replace(/^./, (c) => (c === '0' ? '1' : '0'));
    const wrong = [
      url.pathname,
      tampered((u) => u.searchParams.delete('s')),
      tampered((u) => u.searchParams.set('s', flipped)),
      tampered((u) => u.searchParams.set('s', '')),
      tampered((u) => u.searchParams.set('e', String(now + 100 * HOUR))),
      tampered((u) => u.searchParams.set('u', stranger.user.id)),
      tampered((u) => (u.pathname = `/media/${put(server, owner).id}.mp4`)),
      tampered((u) => (u.pathname = '/media/..%2floopcast.db')),
      tampered((u) => (u.pathname = `/media/${id}.part.mp4`)),
    ];
    for (const where of wrong) {
      const response = await get(where);
      assert.ok([400, 403, 404].includes(response.status), `${where}: ${response.status}`);
      assert.match(response.headers.get('content-type'), /problem\+json/);
      // A token does not help either: it is the link that counts.
      assert.notEqual((await get(where, { headers: { authorization: `Bearer ${owner.token}` } })).status, 200);
    }
    assert.notEqual((await get(link, { method: 'HEAD' })).status, 403);
  }
  // What a link allows ends with its user's permission.
  const theirs = (await show(server, friend, id)).body.url;
  assert.equal((await get(theirs)).status, 200);
  sql(server, `UPDATE recordings SET co_owner_id = NULL WHERE id = '${id}'`);
  assert.equal((await get(theirs)).status, 404);
  assert.equal((await get(theirs, { method: 'HEAD' })).status, 404);
  assert.deepEqual(Buffer.from(await (await get(r.url)).arrayBuffer()), media);
  sql(server, 'DELETE FROM recordings');
});

test('a file, whole and in parts', async () => {
  const { id, media } = put(server, owner, { title: 'Über "uns" / 直播', startedAt: 1_769_860_800 });
  const webm = put(server, owner, { extension: 'webm' });
  const r = (await show(server, stranger, id)).body;
  const get = (headers, link = r.url, method = 'GET') => fetch(server.url + link, { headers, method });
  const bytes = async (response) => Buffer.from(await response.arrayBuffer());

  const whole = await get({});
  assert.equal(whole.headers.get('content-type'), 'video/mp4');
  assert.equal(whole.headers.get('accept-ranges'), 'bytes');
  assert.equal(whole.headers.get('content-disposition'), null);
  assert.match(whole.headers.get('cache-control'), /private/);
  assert.deepEqual(await bytes(whole), media);
  const etag = whole.headers.get('etag');
  assert.match(etag, /^"[^"]+"$/);

  const part = await get({ range: 'bytes=1000-1999' });
  assert.equal(part.status, 206);
  assert.equal(part.headers.get('content-range'), `bytes 1000-1999/${media.length}`);
  assert.equal(part.headers.get('content-length'), '1000');
  assert.deepEqual(await bytes(part), media.subarray(1000, 2000));
  assert.deepEqual(await bytes(await get({ range: 'bytes=-7' })), media.subarray(-7));
  assert.deepEqual(await bytes(await get({ range: 'bytes=199990-' })), media.subarray(199_990));
  assert.equal((await bytes(await get({ range: 'bytes=0-1,5-6' }))).length, media.length, 'several: all of it');
  const beyond = await get({ range: 'bytes=200000-' });
  assert.equal(beyond.status, 416);
  assert.equal(beyond.headers.get('content-range'), `bytes */${media.length}`);

  assert.equal((await get({ range: 'bytes=0-9', 'if-range': etag })).status, 206);
  assert.equal((await get({ range: 'bytes=0-9', 'if-range': '"other"' })).status, 200);
  assert.equal((await get({ 'if-none-match': etag })).status, 304);
  const head = await get({}, r.url, 'HEAD');
  assert.equal(head.headers.get('content-length'), String(media.length));
  assert.equal((await bytes(head)).length, 0);

  const download = await get({}, r.download_url);
  assert.equal(download.headers.get('content-disposition'),
    `attachment; filename="recording-2026-01-31.mp4"; filename*=UTF-8''${
      encodeURIComponent('Über _uns_ _ 直播 2026-01-31.mp4')}`);
  assert.equal((await get({}, r.thumbnail)).headers.get('content-type'), 'image/jpeg');
  assert.equal(await (await get({}, r.sprite.url)).text(), 'sprites');
  const { url } = (await show(server, owner, webm.id)).body;
  assert.equal((await get({}, url)).headers.get('content-type'), 'video/webm');
  assert.equal((await get({}, url.replace('.webm', '.mp4'))).status, 403);
  sql(server, 'DELETE FROM recordings');
});

test('a recording as the pages get it', async () => {
  const { id, media } = put(server, owner, { location: 'Berlin, Germany', comments: 'two\nlines', startedAt: 1_769_860_800 });
  const { url, download_url, thumbnail, sprite, ...rest } = (await show(server, owner, id)).body;
  assert.deepEqual(rest, {
    id, title: 'a title', user: owner.user, started_at: '2026-01-31T12:00:00Z', duration: 60, width: 1280, height: 720,
    video_codec: 'h264', audio_codec: 'opus', bytes: media.length, location: 'Berlin, Germany', comments: 'two\nlines',
    visibility: 'public', state: 'ready', mine: true, call: null });
  assert.ok(url.startsWith(`/media/${id}.mp4?`));
  assert.equal(download_url, `${url}&download=1`);
  assert.ok(thumbnail.startsWith(`/media/${id}.jpg?`));
  assert.deepEqual({ ...sprite, url: '' }, { url: '', interval: 2.5, columns: 10, rows: 6, width: 160, height: 90, count: 57 });
  const running = put(server, owner, { state: 'recording' });
  const early = (await show(server, owner, running.id)).body;
  assert.deepEqual([early.url, early.download_url, early.thumbnail, early.sprite], [null, null, null, null]);
  assert.deepEqual((await ask(server, owner, 'GET', '/api/v2/recordings/usage')).body,
    { bytes: media.length * 2, count: 2, seconds: 120, limit_bytes: 50e9, limit_seconds: 360_000 });
  sql(server, 'DELETE FROM recordings');
});

test('search and pages', async () => {
  const other = await account(server, 'Wild 100%_card');
  const made = [
    put(server, owner, { startedAt: now - 50 * HOUR, duration: 30, location: 'Berlin, Germany', title: 'Morning yoga' }),
    put(server, owner, { startedAt: now - 40 * HOUR, duration: 90, location: '上海, China' }),
    put(server, other, { startedAt: now - 30 * HOUR, duration: 600, location: 'Bern, Switzerland' }),
    put(server, other, { startedAt: now - 20 * HOUR, duration: 7200 }),
  ].map((r) => r.id).reverse();
  const at = (hours) => new Date((now - hours * HOUR) * 1000).toISOString();
  const found = async (query) => ids(await list(server, stranger, new URLSearchParams(query)));
  const cases = [
    [{}, made],
    [{ presenter: '', q: '', location: '', from: '', to: '', min_duration: '', max_duration: '', mine: '' }, made],
    [{ presenter: 'OWNER' }, made.slice(2)],
    [{ presenter: '明' }, made.slice(2)],
    [{ presenter: '%' }, made.slice(0, 2)],
    [{ presenter: '_' }, made.slice(0, 2)],
    [{ presenter: 'wild 100%_' }, made.slice(0, 2)],
    [{ presenter: "' OR 1=1 --" }, []],
    [{ q: 'yoga' }, made.slice(3)],
    [{ q: 'wild' }, made.slice(0, 2)],
    [{ location: 'ber' }, [made[1], made[3]]],
    [{ location: '上海' }, [made[2]]],
    [{ from: at(40) }, made.slice(0, 3)],
    [{ to: at(40) }, made.slice(2)],
    [{ from: at(45), to: at(25) }, made.slice(1, 3)],
    [{ min_duration: '90' }, made.slice(0, 3)],
    [{ max_duration: '90' }, made.slice(2)],
    [{ min_duration: '30.5', max_duration: '600' }, made.slice(1, 3)],
    [{ presenter: 'owner', location: 'germany', min_duration: '1', from: at(60), to: at(1) }, [made[3]]],
  ];
  for (const [query, expected] of cases) assert.deepEqual(await found(query), expected, JSON.stringify(query));
  const page = await list(server, stranger, 'page=2&size=3');
  assert.deepEqual([ids(page), page.page, page.size, page.total], [made.slice(3), 2, 3, 4]);
  assert.deepEqual(ids(await list(server, stranger, 'page=3&size=3')), []);
  for (const bad of ['from=yesterday', 'to=2026-02-30', 'min_duration=-1', 'max_duration=x', `q=${'x'.repeat(300)}`])
    assert.equal((await ask(server, stranger, 'GET', `/api/v2/recordings?${bad}`)).status, 400, bad);

  // The same as the first generation asks for it.
  const v1 = async (query) => {
    const response = await fetch(`${server.url}/api/v1/videos?${query}`, { headers: { token: stranger.token } });
    assert.equal(response.status, 200);
    return response.json();
  };
  const local = (hours) => {
    const t = new Date((now - hours * HOUR) * 1000);
    const two = (n) => String(n).padStart(2, '0');
    return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}+${two(t.getHours())}:${two(t.getMinutes())}:${
      two(t.getSeconds())}`;
  };
  const everything = 'page=1&size=10&startTime=&endTime=&minDuration=&maxDuration=&location=&nickname=';
  const { status, data } = await v1(everything);
  assert.equal(status, 1);
  assert.deepEqual([data.videos.map((v) => v.id), data.page, data.size, data.total], [made, 1, 10, 4]);
  const oldest = data.videos[3];
  assert.deepEqual({ ...oldest, uri: '' }, { id: made[3], uri: '', createdAt: local(50).replace('+', ' '),
    location: 'Berlin, Germany', nickname: owner.nickname, duration: 30, comments: '' });
  assert.equal((await fetch(server.url + oldest.uri)).status, 200, 'without a token');
  const v1ids = async (query) => (await v1(query)).data.videos.map((v) => v.id);
  assert.deepEqual(await v1ids(`startTime=${local(45)}&endTime=${local(25)}`), made.slice(1, 3));
  assert.deepEqual(await v1ids(`startTime=${local(40)}&endTime=${local(40)}`), [made[2]]);
  assert.deepEqual(await v1ids('minDuration=31&maxDuration=700'), made.slice(1, 3));
  assert.deepEqual(await v1ids('nickname=100%25_'), made.slice(0, 2));
  assert.deepEqual(await v1ids('location=china'), [made[2]]);
  assert.deepEqual(await v1ids('page=2&size=3'), made.slice(3));
  assert.notEqual((await v1('startTime=yesterday')).status, 1);
  const anonymous = await (await fetch(`${server.url}/api/v1/videos`)).json();
  assert.equal(anonymous.status, 403);
  sql(server, 'DELETE FROM recordings');
});

test('title, comments and visibility', async () => {
  const { id } = put(server, owner);
  const change = (body, who = owner) => ask(server, who, 'PATCH', `/api/v2/recordings/${id}`, body);
  const { status, body } = await change({ title: ' 新标题 ', comments: 'x', visibility: 'unlisted' });
  assert.equal(status, 200);
  assert.deepEqual([body.title, body.comments, body.visibility], ['新标题', 'x', 'unlisted']);
  assert.deepEqual((await change({})).body, body);
  assert.deepEqual(ids(await list(server, stranger)), []);
  for (const [bad, code] of [[{ title: '' }, 'bad_title'], [{ title: 'x'.repeat(201) }, 'bad_title'],
    [{ comments: 'x'.repeat(5001) }, 'bad_comments'], [{ visibility: 'secret' }, 'bad_request'],
    [{ title: 3 }, 'bad_request'], [{ state: 'ready' }, 'bad_request'], [[], 'bad_request']]) {
    const answer = await change(bad);
    assert.deepEqual([answer.status, answer.body.code], [400, code], JSON.stringify(bad).slice(0, 50));
    assert.match(answer.body.title, /[\u4e00-\u9fff]/);
  }
  assert.deepEqual((await show(server, owner, id)).body.title, '新标题');
  const call = put(server, owner, { visibility: 'private', coOwner: friend });
  assert.equal((await ask(server, owner, 'PATCH', `/api/v2/recordings/${call.id}`, { visibility: 'public' })).status, 403);
  sql(server, 'DELETE FROM recordings');
});

test('deleted: row and files together', async () => {
  const { id } = put(server, owner);
  const { url } = (await show(server, owner, id)).body;
  const files = () => readdirSync(folderOf(server)).filter((name) => name.startsWith(id));
  assert.equal(files().length, 3);
  assert.equal((await ask(server, owner, 'DELETE', `/api/v2/recordings/${id}`)).status, 204);
  assert.deepEqual(files(), []);
  assert.equal((await show(server, owner, id)).status, 404);
  assert.equal((await fetch(server.url + url)).status, 404);
  assert.equal((await ask(server, owner, 'DELETE', `/api/v2/recordings/${id}`)).status, 404);
  await until(() => sql(server, `SELECT count(*) FROM recordings WHERE id = '${id}'`) === '0\n', 'the row to go');

  const running = put(server, owner, { state: 'recording' });
  const refused = await ask(server, owner, 'DELETE', `/api/v2/recordings/${running.id}`);
  assert.deepEqual([refused.status, refused.body.code], [409, 'recording_running']);
  sql(server, 'DELETE FROM recordings');
});

test('a presenter is told what becomes of the recording, and where it was made', async () => {
  const { mmdb } = await import('../support/mmdb.mjs');
  const file = path.join(server.data, 'places.mmdb');
  const name = (en) => ({ names: { en } });
  writeFileSync(file, mmdb({
    '198.51.100.0/24': { city: name('Berlin'), country: name('Germany') },
    '203.0.113.0/24': { country: name('China') },
    '2001:db8::/32': { city: { names: { 'zh-CN': '上海' } }, country: name('China') },
    '10.0.0.0/8': { city: name('Nowhere') },
    '192.0.2.0/24': { continent: name('Europe') },
  }));
  const placed = await startServer({ args: [...MANY_ADDRESSES, '--geoip', file] });
  const kind = GENERATIONS['second generation, WebSocket only'];
  const from = async (headers) => {
    const who = await account(placed);
    const page = new Page(placed, who.token, kind, { headers });
    const { sender } = await goOnAir(placed, who, page);
    const [{ id, state }] = await page.next('recording');
    assert.equal(state, 'recording');
    await until(async () => (await list(placed, who, 'mine=1')).total === 1, 'the row');
    const [r] = (await list(placed, who, 'mine=1')).recordings;
    assert.equal(r.id, id);
    assert.equal(r.title, who.nickname);
    page.close();
    sender.stop();
    return r.location;
  };
  const forwarded = (address) => ({ 'x-forwarded-for': address });
  assert.equal(await from(forwarded('198.51.100.7')), 'Berlin, Germany');
  assert.equal(await from(forwarded('203.0.113.9')), 'China');
  assert.equal(await from(forwarded('2001:db8::5')), '上海, China');
  assert.equal(await from(forwarded('10.1.2.3')), 'unknown', 'private');
  assert.equal(await from(forwarded('192.0.2.1')), 'unknown', 'neither city nor country');
  assert.equal(await from(forwarded('8.8.8.8')), 'unknown', 'not in the file');
  assert.equal(await from(forwarded('203.0.113.1, 198.51.100.7')), 'Berlin, Germany', 'who the proxy saw');
  assert.equal(await from({ 'x-real-ip': '198.51.100.7' }), 'Berlin, Germany');
  assert.equal(await from({}), 'unknown', 'loopback');
  await placed.stop();
  // Nobody who is no proxy says where he is.
  const direct = await startServer({ args: ['--geoip', file] });
  const who = await account(direct);
  const page = new Page(direct, who.token, kind, { headers: forwarded('198.51.100.7') });
  const { sender } = await goOnAir(direct, who, page);
  await page.next('recording');
  assert.equal((await list(direct, who, 'mine=1')).recordings[0].location, 'unknown');
  page.close();
  sender.stop();
  await direct.stop();
  writeFileSync(file, 'no database');
  await assert.rejects(startServer({ args: ['--geoip', file] }), /--geoip .*places\.mmdb/);
});

test('a call of the first generation is not recorded', async () => {
  const who = await account(server);
  const page = new Page(server, who.token, GENERATIONS['first generation']);
  const { sender } = await goOnAir(server, who, page, { record: false });
  await page.settle().catch(() => {});
  assert.equal((await list(server, who, 'mine=1')).total, 0);
  page.close();
  sender.stop();
});

test('whose account is deleted: the recordings go too', async () => {
  const data = mkdtempSync(path.join(tmpdir(), 'loopcast-gone-'));
  const first = await startServer({ data, args: MANY_ADDRESSES });
  const [leaving, staying] = [await account(first), await account(first)];
  const alone = put(first, leaving);
  const shared = put(first, leaving, { visibility: 'private', coOwner: staying });
  const { url } = (await show(first, staying, alone.id)).body;
  assert.equal((await ask(first, leaving, 'DELETE', '/api/v2/me', { password: leaving.password })).status, 204);
  assert.equal((await show(first, staying, alone.id)).status, 404);
  assert.equal((await fetch(first.url + url)).status, 404);
  assert.equal((await show(first, staying, shared.id)).status, 404, 'nor does what shows them stay with the other one');
  await first.stop();
  const second = await startServer({ data, args: MANY_ADDRESSES });
  const file = (id) => path.join(folderOf(second), `${id}.mp4`);
  await until(() => !existsSync(file(alone.id)) && !existsSync(file(shared.id)), 'the files to go');
  await second.stop();
  rmSync(data, { recursive: true });
});

test('retention: by age, by size, and only said', async () => {
  const data = mkdtempSync(path.join(tmpdir(), 'loopcast-retention-'));
  const first = await startServer({ data, args: MANY_ADDRESSES });
  const who = await account(first);
  const day = 24 * HOUR;
  const old = [9, 8].map((days) => put(first, who, { startedAt: now - days * day, bytes: 1000 }).id);
  const young = [3, 2, 1].map((days) => put(first, who, { startedAt: now - days * day, bytes: 1000, visibility: 'private' }).id);
  const left = (s) => sql(s, 'SELECT id FROM recordings ORDER BY started_at').split('\n').filter(Boolean);
  await first.stop();

  const dry = await startServer({ data,
    args: [...MANY_ADDRESSES, '--retention-days', '5', '--retention-dry-run'] });
  await until(() => /retention would delete 2:/.test(dry.log), 'the dry run');
  for (const id of old) assert.ok(dry.log.includes(id));
  for (const id of young) assert.ok(!dry.log.includes(id));
  await dry.stop();
  assert.deepEqual(left(first), [...old, ...young]);

  const byAge = await startServer({ data, args: [...MANY_ADDRESSES, '--retention-days', '5'] });
  await until(() => left(first).length === 3, 'the old ones to go');
  assert.deepEqual(left(first), young);
  for (const id of old) assert.ok(!existsSync(path.join(folderOf(first), `${id}.mp4`)));
  await byAge.stop();

  const bySize = await startServer({ data, args: [...MANY_ADDRESSES, '--retention-bytes', '2K'] });
  await until(() => left(first).length === 2, 'the oldest to go');
  assert.deepEqual(left(first), young.slice(1));
  await bySize.stop();
  rmSync(data, { recursive: true });
});

test('large files: nothing of them is held for who reads slowly', async () => {
  const { id } = put(server, owner);
  const size = 2 ** 30;
  truncateSync(path.join(folderOf(server), `${id}.mp4`), size);
  const { url } = (await show(server, owner, id)).body;
  const before = await server.figures();
  const sent = async () => (await server.metrics()).loopcast_http_sent_by_kernel_bytes_total;
  const sentBefore = await sent();
  const request = `GET ${url} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  const readers = await Promise.all(Array.from({ length: 50 }, async () => {
    const socket = net.connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.pause();
    socket.write(request);
    return socket;
  }));
  // They fill what the system holds for them, and then nothing moves.
  let last = -1;
  await until(async () => {
    const now = await sent();
    const still = now === last && now > sentBefore;
    last = now;
    return still;
  }, 'the readers to stall', 10_000, 100);
  const during = await server.figures();
  assert.ok(during.rss - before.rss < 20_000, `${during.rss - before.rss} KiB for 50 readers`);
  // Meanwhile others are served.
  const tail = await fetch(server.url + url, { headers: { range: 'bytes=-1000' } });
  assert.equal((await tail.arrayBuffer()).byteLength, 1000);
  for (const socket of readers) socket.destroy();
  await until(async () => (await server.figures()).fds <= before.fds, 'descriptors to be closed');

  // All of it, as fast as it goes.
  const whole = await fetch(server.url + url);
  assert.equal(whole.headers.get('content-length'), String(size));
  let length = 0;
  for await (const chunk of whole.body) length += chunk.length;
  assert.equal(length, size);
  const after = await server.figures();
  assert.ok(after.rss - before.rss < 20_000, `${after.rss - before.rss} KiB`);
  assert.ok((await sent()) - sentBefore >= size, 'the kernel sent it by itself');
  sql(server, 'DELETE FROM recordings');
});

test('with an account go the files of its recordings, and its half of a call', async () => {
  const leaver = await account(server);
  const own = ['public', 'private'].map((visibility) => put(server, leaver, { visibility }));
  const call = put(server, leaver, { visibility: 'private', coOwner: friend });
  const half = put(server, friend, { visibility: 'private', coOwner: leaver });
  const filesOf = ({ id }) => readdirSync(folderOf(server)).filter((name) => name.startsWith(id)).length;
  assert.deepEqual([...own, call].map(filesOf), [3, 3, 3]);
  assert.equal((await ask(server, leaver, 'DELETE', '/api/v2/me', { password: leaver.password })).status, 204);
  await until(() => [...own, call].every((one) => filesOf(one) === 0), () => readdirSync(folderOf(server)).join(), 10_000);
  for (const { id } of [...own, call]) assert.equal((await show(server, friend, id)).status, 404);
  const kept = await show(server, friend, half.id);
  assert.equal(kept.status, 200);
  assert.equal(kept.body.user.nickname, friend.nickname);
  assert.equal(kept.body.call.with, null);
  assert.equal(filesOf(half), 3);
  // What was between two is published by none of them, also when the other one is gone.
  for (const visibility of ['public', 'unlisted'])
    assert.equal((await ask(server, friend, 'PATCH', `/api/v2/recordings/${half.id}`, { visibility })).status, 403);
});
