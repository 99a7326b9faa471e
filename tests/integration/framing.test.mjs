// The letters of HTTP/1.1 (RFC 9112) and of the WebSocket handshake (RFC 6455): what a server must refuse, it refuses, and
// what it must take, it takes; and who is refused reads why.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import net from 'node:net';
import tls from 'node:tls';
import { GENERATIONS, Page, account } from '../support/pages.mjs';
import { raw } from '../support/raw_http.mjs';
import { startServer } from '../support/server.mjs';
import { sleep } from '../support/until.mjs';

let server;
let user;
before(async () => {
  server = await startServer({ https: true });
  user = await account(server);
});
after(() => server.stop());

const HOST = 'Host: x\r\n';
const NEXT = `GET /healthz HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`;

test('what comes behind a request whose end is not known is no request', async () => {
  const login = `POST /api/v2/sessions HTTP/1.1\r\n${HOST}Content-Type: application/json\r\n`;
  const cases = [
    ['Transfer-Encoding: gzip\r\n', 400],
    ['Transfer-Encoding: identity\r\n', 400],
    ['Transfer-Encoding: chunked, gzip\r\n', 400],
    ['Transfer-Encoding: gzip, chunked\r\n', 501],
    ['Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n', 501],
    ['Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n', 400],
    ['Transfer-Encoding: chunked\r\nContent-Length: 3\r\n', 400],
    ['Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', 400],
    ['Transfer-Encoding : chunked\r\n', 400],
    ['Transfer-Encoding:\x0bchunked\r\n', 400],
    ['Transfer-Encoding: \r\n chunked\r\nTransfer-Encoding: gzip\r\n', 400],
    ['Content-Length: 3\r\nContent-Length: 4\r\n', 400],
    ['Content-Length: 3, 4\r\n', 400],
    ['Content-Length: +3\r\n', 400],
    ['Content-Length: 3 \x00\r\n', 400],
  ];
  for (const [fields, expected] of cases) {
    const { statuses, closed } = await raw(server, `${login}${fields}\r\n${NEXT}`);
    assert.deepEqual(statuses, [expected], fields);
    assert.ok(closed, fields);
  }
  const old = await raw(server, `POST /api/v2/sessions HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${NEXT}`);
  assert.deepEqual(old.statuses, [400]);
});

test('chunks as clients send them', async () => {
  const chunked = await raw(server,
    `POST /api/v2/sessions HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nTransfer-Encoding: Chunked\r\n\r\n` +
    `2;name=value\r\n{}\r\n0\r\nTrailer: x\r\n\r\n${NEXT}`);
  assert.deepEqual(chunked.statuses, [400, 200]);
  assert.match(chunked.answer, /"bad_request"/);
});

test('hosts', async () => {
  for (const host of ['a b', 'a/b', 'user@a', '[::1', 'a:b', '::1'])
    assert.equal((await raw(server, `GET /healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status, 400, host);
  for (const host of ['', 'x', 'example.org:8080', '[::1]:80'])
    assert.equal((await raw(server, `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).status, 200, host);
  assert.equal((await raw(server, `GET /healthz HTTP/1.1\r\n${HOST}Host: x\r\n\r\n`)).status, 400);
  assert.equal((await raw(server, 'GET /healthz HTTP/1.1\r\n\r\n')).status, 400);
  assert.equal((await raw(server, 'GET /healthz HTTP/1.0\r\n\r\n')).status, 200);
  assert.equal((await raw(server, `GET http://user@x/healthz HTTP/1.1\r\n${HOST}\r\n`)).status, 400);
  assert.equal((await raw(server, `GET http://x/healthz HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`)).status, 200);
});

test('empty lines, expectations, methods', async () => {
  assert.equal((await raw(server, `\r\n${NEXT}`)).status, 200);
  assert.equal((await raw(server, `${'\r\n'.repeat(1000)}${NEXT}`)).status, 400);
  const old = await raw(server, 'POST /api/v2/sessions HTTP/1.0\r\nHost: x\r\nContent-Type: application/json\r\n' +
    'Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}');
  assert.deepEqual(old.statuses, [400]);
  assert.equal((await raw(server, `GET /healthz HTTP/1.1\r\n${HOST}Expect: wonders\r\n\r\n`)).status, 417);
  for (const method of ['POST', 'DELETE', 'BREW']) {
    const { status, answer } = await raw(server, `${method} / HTTP/1.1\r\n${HOST}Content-Length: 0\r\nConnection: close\r\n\r\n`);
    assert.equal(status, 405, method);
    assert.match(answer, /^Allow: GET, HEAD, OPTIONS\r$/m);
  }
  assert.equal((await raw(server, `POST /assets/none.js HTTP/1.1\r\n${HOST}Content-Length: 0\r\nConnection: close\r\n\r\n`)).status, 404);
});

const websocket = ({ version = 13, key = 'dGhlIHNhbXBsZSBub25jZQ==', http = '1.1', more = '', connection = 'Connection: Upgrade\r\n' } = {}) =>
  `GET /socket.io/webrtc/?EIO=4&transport=websocket&token=${user.token} HTTP/${http}\r\n${HOST}Upgrade: websocket\r\n${connection}` +
  `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: ${version}\r\n${more}\r\n`;

test('WebSocket handshakes', async () => {
  const other = await raw(server, websocket({ version: 12 }));
  assert.equal(other.status, 426);
  assert.match(other.answer, /^Sec-WebSocket-Version: 13\r$/m);
  for (const key of ['YWI=', 'dGhlIHNhbXBsZSBub25jZQ', 'dGhlIHNhbXBsZSBub25jZSE=', ''])
    assert.equal((await raw(server, websocket({ key }))).status, 400, key);
  assert.equal((await raw(server, websocket({ http: '1.0' }))).status, 400);
  for (const connection of ['Connection: keep-alive, Upgrade\r\n', 'Connection: keep-alive\r\nConnection: Upgrade\r\n'])
    assert.equal((await raw(server, websocket({ connection }), { ms: 500 })).status, 101, connection);
});

// A close frame with this code, masked with zeros.
const closing = (code) => Buffer.from([0x88, 0x82, 0, 0, 0, 0, code >> 8, code & 255]);

test('close codes', async () => {
  const answered = async (frame) => {
    const socket = net.connect(server.port, '127.0.0.1');
    const got = [];
    socket.on('data', (data) => got.push(data));
    socket.on('error', () => {});
    socket.write(websocket());
    await sleep(300);
    got.length = 0;
    socket.write(frame);
    await sleep(500);
    socket.destroy();
    const bytes = Buffer.concat(got);
    const at = bytes.indexOf(0x88);
    return at < 0 ? null : bytes.readUInt16BE(at + 2);
  };
  assert.equal(await answered(closing(1000)), 1000);
  assert.equal(await answered(closing(4999)), 4999);
  for (const code of [5000, 65535, 999, 1005, 1006])
    assert.ok([null, 1002].includes(await answered(closing(code))), String(code));
});

test('who sends too much reads so, over TLS too', async () => {
  const announced = 6_000_000;
  const head = `PUT /api/v2/me/avatar HTTP/1.1\r\n${HOST}Authorization: Bearer ${user.token}\r\nContent-Type: image/png\r\n` +
    `Content-Length: ${announced}\r\n\r\n`;
  for (const [port, connect] of [[server.port, undefined], [server.securePort, tls.connect]])
    for (let i = 0; i < 3; ++i) {
      const { status, answer } = await raw({ port }, head + 'x'.repeat(announced), { connect });
      assert.equal(status, 413, port);
      assert.match(answer, /"too_large"/);
    }
});

test('who stops in the middle reads so', async () => {
  const { status, closed } = await raw(server, `GET / HTTP/1.1\r\n${HOST}`, { ms: 15_000 });
  assert.equal(status, 408);
  assert.ok(closed);
});

test('strangers take no places of uploads', async () => {
  const head = `PUT /api/v2/me/avatar HTTP/1.1\r\n${HOST}Content-Type: image/png\r\nContent-Length: 5000000\r\n\r\nx`;
  const strangers = Array.from({ length: 30 }, () => raw(server, head, { ms: 2000 }));
  await sleep(300);
  const { status } = await fetch(`${server.url}/api/v2/me/avatar`, {
    method: 'PUT', headers: { authorization: `Bearer ${user.token}`, 'content-type': 'image/png' }, body: new Uint8Array(100_000) });
  assert.equal(status, 422);
  for (const stranger of await Promise.all(strangers)) assert.equal(stranger.status, 401);
});

test('numbers that JSON cannot say', async () => {
  const page = new Page(server, user.token, GENERATIONS['second generation, WebSocket only']);
  await page.settle();
  page.socket.io.engine.write('42["createPresentor",13E456]');
  await page.next('disconnect');
  page.close();
  const { status } = await fetch(`${server.url}/api/v2/sessions`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"nickname":"a","password":"b","x":1E999}' });
  assert.equal(status, 400);
});
