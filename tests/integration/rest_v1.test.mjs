// Version 1 of HTTP, as the first-generation page uses it: 200 always, { status, msg, data } inside.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { GENERATIONS, MANY_ADDRESSES, Page, account, goOnAir } from '../support/pages.mjs';
import { startServer } from '../support/server.mjs';

let server;
before(async () => {
  server = await startServer({ args: MANY_ADDRESSES });
});
after(() => server.stop());

let asked = 0;
// Each from an address of its own: the limits of one address are not what is tested here.
async function call(method, path, { body, token, language } = {}) {
  ++asked;
  const headers = { 'x-forwarded-for': `10.1.${asked >> 8}.${asked & 255}`, 'content-type': 'application/json' };
  if (token !== undefined) headers.token = token;
  if (language) headers['accept-language'] = language;
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${server.url}/api/v1/${path}`, { method, headers, body: text });
  assert.equal(response.status, 200, `${method} ${path}`);
  assert.match(response.headers.get('content-type'), /^application\/json/);
  const answer = await response.json();
  assert.deepEqual(Object.keys(answer).sort(), ['data', 'msg', 'status']);
  assert.equal(typeof answer.msg, 'string');
  return answer;
}

function refused(answer, status, pattern) {
  if (status) assert.equal(answer.status, status);
  assert.notEqual(answer.status, 1);
  if (!status) assert.notEqual(answer.status, 403, 'only who is not signed in is sent to the login');
  assert.match(answer.msg, pattern ?? /[\u4e00-\u9fff]/);
  assert.equal(answer.data, null);
}

async function register(nickname, password = 'secret12') {
  const answer = await call('POST', 'user/register', { body: { nickname, password } });
  assert.equal(answer.status, 1, answer.msg);
  return answer.data;
}

async function log_in(nickname, password = 'secret12') {
  const answer = await call('POST', 'user/login', { body: { nickname, password } });
  assert.equal(answer.status, 1, answer.msg);
  return answer.data;
}

test('register and log in', async () => {
  const user = await register('小明 <Ming>');
  assert.deepEqual(Object.keys(user).sort(), ['avatar', 'id', 'nickname']);
  assert.equal(user.nickname, '小明 <Ming>');
  assert.match(user.id, /^[A-Za-z0-9_-]+$/);
  const login = await log_in('小明 <Ming>');
  assert.deepEqual(login.user, user);
  assert.match(login.token, /^[A-Za-z0-9_-]{43}$/);
  assert.notEqual((await log_in('小明 <Ming>')).token, login.token);
});

test('an avatar is a picture', async () => {
  for (const nickname of ['艾', '<&"\'>', 'zoë', '😀 smile']) {
    const user = await register(nickname);
    assert.notEqual(user.avatar, '');
    const response = await fetch(new URL(user.avatar, server.url));
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type'), /^image\/svg\+xml/);
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
    const svg = await response.text();
    assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg".*<\/svg>$/s);
    const shown = /<text[^>]*>([^<]*)<\/text>/.exec(svg);
    assert.ok(shown && [...shown[1].replace(/&#?\w+;/, 'x')].length === 1, svg);
  }
  assert.equal((await fetch(`${server.url}/avatars/nobody.svg`)).status, 404);
});

test('a nickname belongs to one, whatever its case', async () => {
  await register('Anna');
  for (const nickname of ['Anna', 'anna', ' ANNA ']) {
    const answer = await call('POST', 'user/register', { body: { nickname, password: 'secret12' } });
    refused(answer, undefined, /昵称/);
  }
  assert.equal((await log_in('anna')).user.nickname, 'Anna');
});

test('refusals say why, in the language of the user', async () => {
  await register('Bert');
  const requests = [
    { nickname: '', password: 'secret12' },
    { nickname: ' \t ', password: 'secret12' },
    { nickname: 'x'.repeat(33), password: 'secret12' },
    { nickname: 'Carl', password: 'short' },
    { nickname: 'Carl', password: 'x'.repeat(129) },
    { nickname: 'Carl' },
    { password: 'secret12' },
    { nickname: 5, password: 'secret12' },
    { nickname: 'Carl', password: null },
    [],
    null,
    'text',
    '{"nickname":"Carl"',
    '',
    '\xff',
    '['.repeat(1000),
  ];
  for (const body of requests) {
    refused(await call('POST', 'user/register', { body }));
    refused(await call('POST', 'user/login', { body }));
    refused(await call('POST', 'user/register', { body, language: 'en' }), undefined, /^[A-Z][ -~]+$/);
  }
  refused(await call('POST', 'user/login', { body: { nickname: 'Bert', password: 'secret13' } }));
  const unknown = await call('POST', 'user/login', { body: { nickname: 'Nobody', password: 'secret13' } });
  const wrong = await call('POST', 'user/login', { body: { nickname: 'Bert', password: 'secret13' } });
  assert.deepEqual(unknown, wrong, 'nobody learns who has an account');
});

test('who is not signed in is told 403', async () => {
  for (const token of [undefined, '', 'x', 'x'.repeat(43)]) refused(await call('GET', 'presentors', { token }), 403);
});

test('broadcasts: newest first, in pages', async () => {
  const people = [];
  const pages = [];
  for (let i = 0; i < 13; ++i) {
    people.push(await account(server, `presenter ${i}`));
    const page = new Page(server, people[i].token, GENERATIONS['first generation, WebSocket only']);
    pages.push({ page, ...(await goOnAir(server, people[i], page)) });
  }
  const { token } = people[0];
  const expected = people.map((p, i) => ({ id: pages[i].id, user: p.user })).reverse();
  const list = async (query) => {
    const { status, data } = await call('GET', `presentors${query}`, { token });
    assert.equal(status, 1);
    for (const name of ['page', 'size', 'total']) assert.ok(Number.isInteger(data[name]), name);
    assert.deepEqual(Object.keys(data).sort(), ['page', 'presentors', 'size', 'total']);
    assert.equal(data.total, 13);
    return data;
  };
  assert.deepEqual((await list('')).presentors, expected.slice(0, 10));
  assert.deepEqual(await list('?page=1&size=10'),
    { presentors: expected.slice(0, 10), page: 1, size: 10, total: 13 });
  assert.deepEqual((await list('?page=2&size=10')).presentors, expected.slice(10));
  assert.deepEqual((await list('?page=3&size=5')).presentors, expected.slice(10));
  assert.deepEqual((await list('?page=4&size=5')).presentors, []);
  for (const query of ['?page=0', '?page=-1', '?page=x&size=y', '?page=&size=', '?page=1.5', '?size=0', '?page=+1'])
    assert.deepEqual((await list(query)).presentors, expected.slice(0, 10), query);
  assert.equal((await list('?page=99999999999999999999&size=99999999999999999999')).size <= 100, true);
  // The page sends the filters of a search as it has them: a space as '+', nothing for none.
  assert.deepEqual((await list('?page=1&size=10&startTime=2026-01-01+00:00:00&endTime=')).presentors,
    expected.slice(0, 10));
  pages[12].page.emit('stopPresentor');
  await pages[12].page.settle();
  assert.equal((await call('GET', 'presentors', { token })).data.total, 12);
  for (const { page, sender } of pages) {
    page.close();
    sender.stop();
  }
});

test('a session that has ended is none', async () => {
  const { token } = await account(server);
  assert.equal((await call('GET', 'presentors', { token })).status, 1);
  await fetch(`${server.url}/api/v2/sessions/current`, {
    method: 'DELETE', headers: { authorization: `Bearer ${token}` } });
  refused(await call('GET', 'presentors', { token }), 403);
});
