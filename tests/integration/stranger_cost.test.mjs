// What one request of a client that has not signed in costs the thread on which everybody is signed in, listed and rung:
// two milliseconds of processor time at most, whatever it is. Only the dearest of each kind is sent.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { raw } from '../support/raw_http.mjs';
import { startServer } from '../support/server.mjs';
import { HEAD, POLLING, post, Stranger } from '../support/strangers.mjs';
import { sleep } from '../support/until.mjs';

const BOUND_MS = 2;
const TIMES = 40;

let server;
before(async () => {
  const roomy = ['--max-logins-per-ip', '10000', '--max-registrations-per-ip', '10000'];
  server = await startServer({ https: true, args: roomy });
});
after(() => server.stop());

// Processor time of the thread that serves HTTP, in ms: that of the process' first thread, by the scheduler.
const spent = async () => Number((await readFile(`/proc/${server.pid}/task/${server.pid}/schedstat`, 'utf8')).split(' ')[0]) / 1e6;

const request = (method, target, headers = '', body = '') =>
  `${method} ${target} HTTP/1.1\r\n${HEAD}Connection: close\r\n${headers}` +
  (body ? `Content-Length: ${Buffer.byteLength(body)}\r\n` : '') + `\r\n${body}`;
const json = (method, target, body, headers = '') =>
  request(method, target, `Content-Type: application/json\r\n${headers}`, body);
const LONG = 15_000;
const many = (line, bytes = LONG) => line.repeat(bytes / line.length);
const nested = (size) => '['.repeat(size / 2) + ']'.repeat(size / 2);
// Marks and letters that are normalised, compared and looked up.
const HARD = 'ﷺ\u0315\u0300\u05ae\u0344'.repeat(6);

const REQUESTS = {
  'a page': request('GET', '/', 'Accept: text/html\r\n'),
  'the document of the API': request('GET', '/api/v2/openapi.json'),
  'all that is live': request('GET', '/api/v2/broadcasts'),
  'a thousand headers': request('GET', '/', many('a: b\r\n')),
  'one long header': request('GET', '/', `X: ${'x'.repeat(LONG)}\r\n`),
  'a long target': request('GET', `/api/v2/people?${many('q=%F0%9F%98%80&', 7000)}`),
  'a target of many steps': request('GET', many('/%2e/a/..', 7000)),
  'many entity tags': request('GET', '/', `Accept: text/html\r\nIf-None-Match: ${many('"a", ')}"b"\r\n`),
  'many ranges': request('GET', '/', `Accept: text/html\r\nRange: bytes=${many('0-1,')}0-1\r\n`),
  'many languages': request('GET', '/api/v2/me', `Accept-Language: ${many('zh;q=0.5, ')}en\r\n`),
  'many cookies': request('GET', '/api/v2/me', `Cookie: ${many('token=aaaa; ')}a=b\r\n`),
  'many origins': request('OPTIONS', '/api/v2/me',
    `Origin: http://a.example\r\nAccess-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: ${many('a, ')}b\r\n`),
  'a long token': request('GET', '/api/v2/me', `Authorization: Bearer ${'x'.repeat(LONG)}\r\n`),
  'a token in the target': request('GET', `/media/1.mp4?token=${'x'.repeat(7000)}`),
  'a sign-in': json('POST', '/api/v2/sessions', JSON.stringify({ nickname: 'nobody', password: 'p'.repeat(128) })),
  'a hard name': json('POST', '/api/v2/users', JSON.stringify({ nickname: HARD, password: HARD.repeat(4) })),
  'a nested body': json('POST', '/api/v2/users', nested(4000)),
  'a body of many keys': json('POST', '/api/v2/sessions', `{${many('"a":0,', 4000)}"a":0}`),
  'a body of many chunks': request('POST', '/api/v2/sessions',
    'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n') + many('1\r\n \r\n', 24_000) + '0\r\n\r\n',
  'an offer': request('POST', '/whip', 'Content-Type: application/sdp\r\n', many('a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n', 60_000)),
};

async function costs(t, send) {
  await send();
  await sleep(50);
  const begin = await spent();
  for (let i = 0; i < TIMES; ++i) await send();
  await sleep(50);
  const ms = ((await spent()) - begin) / TIMES;
  t.diagnostic(`${ms.toFixed(3)} ms`);
  assert.ok(ms <= BOUND_MS, `${ms} ms`);
}

for (const [name, text] of Object.entries(REQUESTS))
  test(name, (t) =>
    costs(t, async () => {
      const { status } = await raw(server, text);
      assert.ok(status >= 200 && status < 500, `${status}`);
    }));

test('a handshake of TLS', (t) =>
  costs(t, () => new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port: server.securePort, rejectUnauthorized: false }, () => {
      socket.end();
      socket.resume();
    });
    socket.on('close', resolve).on('error', reject);
  })));

test('a hello of TLS that is none', (t) =>
  costs(t, () => new Promise((resolve) => {
    const socket = net.connect(server.securePort, '127.0.0.1', () => {
      socket.write(Buffer.concat([Buffer.from([0x16, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xfb]), Buffer.alloc(0x3ffb, 1)]));
      socket.end();
    });
    socket.resume().on('close', resolve).on('error', () => {});
  })));

// On a session of its own each time, which it does not have to be signed in for.
for (const [name, body] of Object.entries({
  'a body of thousands of packets': many('40/a,\x1e', 4000) + '40/a,',
  'a packet that nests': `42${nested(4000)}`,
  'a packet with a long namespace': `40/${'x'.repeat(4000)},{}`,
}))
  test(name, (t) =>
    costs(t, async () => {
      const stranger = new Stranger(server.port, '127.3.0.4');
      const sid = await stranger.session();
      assert.ok(sid);
      await stranger.ask(post(sid, body));
      await stranger.ask(`GET ${POLLING}&sid=${sid} HTTP/1.1\r\n${HEAD}\r\n`);
      stranger.socket.destroy();
    }));
