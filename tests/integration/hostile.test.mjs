// What nobody in their right mind sends: the server counts it under a name, forgets it, and goes on serving.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { after, afterEach, before, test } from 'node:test';
import { crc32 } from '../support/crc32.mjs';
import { GENERATIONS, MANY_ADDRESSES, Page, account, offer, present } from '../support/pages.mjs';
import { startServer } from '../support/server.mjs';
import { sleep, until } from '../support/until.mjs';

// What a run may leave resident, in KiB: allocators keep some of what was used once.
const GROWTH_KIB = 64 * 1024;

let server;
let user;
let figures;
before(async () => {
  server = await startServer({ args: MANY_ADDRESSES });
  user = await account(server);
  // Once through everything that is normal, so that the growth is not that of first use.
  const { page } = await present(server, user, GENERATIONS['second generation']);
  page.close();
  figures = await server.figures();
});
after(() => server.stop());

const counter = async (name, kind = 'http') =>
  Object.entries(await server.metrics())
    .filter(([key]) => key.startsWith(`loopcast_${kind}_events_total`) && key.includes(`event="${name}"`))
    .reduce((sum, [, value]) => sum + value, 0);

// Runs it and answers by how much the counter has risen, waiting until it has risen by `least`.
async function rise(name, least, run, kind) {
  const start = await counter(name, kind);
  await run();
  await until(async () => (await counter(name, kind)) - start >= least,
    async () => `${name} rose by ${(await counter(name, kind)) - start} instead of ${least}`, 15_000, 100);
}

// After each of them: well, not larger, and good for a normal login and broadcast.
afterEach(async () => {
  assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
  const login = await fetch(`${server.url}/api/v2/sessions`, {
    method: 'POST', body: JSON.stringify({ nickname: user.nickname, password: user.password }),
    headers: { 'content-type': 'application/json', 'x-forwarded-for': `10.9.0.${Math.floor(Math.random() * 255)}` } });
  assert.ok([201, 429].includes(login.status), `login: ${login.status}`);
  const { page } = await present(server, user, GENERATIONS['first generation']);
  page.emit('stopPresentor');
  await page.settle();
  page.close();
  const now = await server.figures();
  assert.ok(now.rss - figures.rss < GROWTH_KIB, `resident ${figures.rss} KiB, now ${now.rss} KiB`);
  assert.equal(await counter('handler_exception'), 0);
});

// One connection: sends the pieces (`greeted`: the second when the first was answered), and answers what came back
// until the server closed it.
async function raw(pieces, { pause = 0, ms = 10_000, end = false, greeted = false } = {}) {
  const socket = net.connect(server.port, '127.0.0.1');
  let answer = '';
  socket.on('data', (data) => (answer += data.toString('latin1')));
  socket.on('error', () => {});
  const closed = once(socket, 'close').then(() => true, () => true);
  for (const piece of [pieces].flat()) {
    if (socket.destroyed) break;
    socket.write(piece);
    if (greeted) await until(() => answer !== '' || socket.destroyed, 'an answer', 10_000, 5);
    if (pause) await sleep(pause);
  }
  if (end) socket.end();
  const done = await Promise.race([closed, sleep(ms)]);
  socket.destroy();
  return { answer, closed: done === true, status: Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]) };
}

// Deterministic noise: xorshift32.
function noise(bytes, seed) {
  const out = Buffer.alloc(bytes);
  let x = (seed * 2654435761) >>> 0 || 1;
  for (let i = 0; i < bytes; ++i) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    out[i] = x & 255;
  }
  return out;
}

test('noise instead of HTTP', async () => {
  await rise('request_malformed', 40, async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => raw(noise(2000, i + 1), { end: true })));
    for (const { closed } of answers) assert.ok(closed);
  });
});

test('HTTP that is cut off, at every place', async () => {
  const body = JSON.stringify({ nickname: 'x', password: 'secret12' });
  const request = `POST /api/v2/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const cuts = Array.from({ length: 40 }, (_, i) => Math.floor((i * request.length) / 40));
  const answers = await Promise.all(cuts.map((n) => raw(request.slice(0, n), { end: true })));
  for (const [i, { closed, status }] of answers.entries()) {
    assert.ok(closed, `cut at ${cuts[i]}`);
    assert.ok(Number.isNaN(status) || status >= 400, `cut at ${cuts[i]}: ${status}`);
  }
});

test('HTTP that is wrong', async () => {
  const cases = {
    'GET / HTTP/1.1\r\n\r\n': 400,
    'GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n': null,
    'GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n': 400,
    'GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n': 400,
    'GET / HTTP/9.9\r\nHost: x\r\n\r\n': 400,
    'POST /api/v2/users HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n': 400,
    'POST /api/v2/users HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n': 400,
    'POST /api/v2/users HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde': 400,
    'POST /api/v2/users HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n': 413,
    'POST /api/v2/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n': 400,
    'POST /api/v2/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n': 400,
  };
  for (const [request, expected] of Object.entries(cases)) {
    const { status, answer } = await raw(request, { end: true });
    if (expected) assert.equal(status, expected, request);
    assert.doesNotMatch(answer, /root:/);
  }
});

test('headers without end', async () => {
  await rise('request_header_too_large', 2, async () => {
    assert.equal((await raw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`)).status, 431);
    assert.equal((await raw(`GET / HTTP/1.1\r\nHost: x\r\n${'a: b\r\n'.repeat(20_000)}\r\n`)).status, 431);
  });
  const long = await raw(`GET /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`);
  assert.ok([400, 414, 431].includes(long.status), String(long.status));
});

test('headers that come one byte at a time, on many connections', async () => {
  await rise('request_timed_out', 100, async () => {
    const trickle = Array.from('GET / HTTP/1.1\r\nHost: example.org\r\n');
    const begin = Date.now();
    const slow = Promise.all(Array.from({ length: 100 }, () => raw(trickle, { pause: 600, ms: 15_000 })));
    await sleep(1000);
    const start = Date.now();
    assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
    assert.ok(Date.now() - start < 2000, 'others are served meanwhile');
    for (const { closed } of await slow) assert.ok(closed);
    assert.ok(Date.now() - begin < 40_000);
  });
});

const handshake = (protocol) =>
  `GET /socket.io/webrtc/?EIO=${protocol}&transport=websocket&token=${user.token} HTTP/1.1\r\nHost: x\r\n` +
  'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
  'Sec-WebSocket-Version: 13\r\n\r\n';

test('WebSocket frames that are none', async () => {
  const masked = (first, second, rest = []) => Buffer.from([first, second, ...rest]);
  const frames = [
    masked(0x81, 0x02, [0x41, 0x41]), // not masked
    masked(0xf1, 0x80, [0, 0, 0, 0]), // reserved bits
    masked(0x83, 0x80, [0, 0, 0, 0]), // reserved opcode
    masked(0x80, 0x80, [0, 0, 0, 0]), // continues nothing
    masked(0x09, 0x80, [0, 0, 0, 0]), // a ping in fragments
    masked(0x89, 0xfe, [0, 200, 0, 0, 0, 0]), // a ping that is too long
    masked(0x81, 0xff, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]), // 2^64 - 1
    masked(0x81, 0xff, [0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]), // 2 GB
    masked(0x81, 0x82, [0, 0, 0, 0, 0xff, 0xfe]), // not UTF-8
    masked(0x88, 0x81, [0, 0, 0, 0, 3]), // a close code of one byte
    noise(500, 77),
  ];
  for (const protocol of [3, 4])
    for (const frame of frames) {
      const { closed, status } = await raw([handshake(protocol), frame], { greeted: true });
      assert.equal(status, 101);
      assert.ok(closed, frame.subarray(0, 16).toString('hex'));
    }
  const text = (s) => Buffer.concat([masked(0x81, 0x80 | s.length, [0, 0, 0, 0]), Buffer.from(s)]);
  await rise('socket_protocol_error', 5, async () => {
    for (const packet of ['49', '42[', '42{}', '42[5]', '451-["x",{"_placeholder":true,"num":7}]x', '4'])
      await raw([handshake(3), text(packet)], { greeted: true, ms: 1500 });
  });
  await rise('engine_protocol_error', 3, async () => {
    for (const packet of ['9', 'x', '\u0001', '7'])
      await raw([handshake(4), text(packet)], { greeted: true, ms: 1500 });
  });
});

test('a message in many frames is one, and one that is too large is told so whatever is on its way', async () => {
  const frame = (first, text = '') => {
    const size = text.length < 126 ? [0x80 | text.length] : [0xfe, text.length >> 8, text.length & 255];
    return Buffer.concat([Buffer.from([first, ...size, 0, 0, 0, 0]), Buffer.from(text)]);
  };
  const message = (first, count, part) =>
    Buffer.concat([frame(0x01, first), ...Array.from({ length: count }, () => frame(0x00, part)), frame(0x80)]);
  const PONG = '\x81\x01' + '3';
  const TOO_BIG = '\x88\x02\x03\xf1';
  const told = async (sent) => (await raw([handshake(3), sent], { greeted: true, ms: 2000 })).answer;
  assert.ok((await told(message('2', 100_000, ''))).endsWith(PONG));
  for (const [count, size] of [[200_000, 1], [20_000, 100], [50, 60_000]])
    assert.ok((await told(message('4', count, 'x'.repeat(size)))).endsWith(TOO_BIG), `${count} of ${size}`);
});

test('messages of a megabyte', async () => {
  for (const kind of Object.values(GENERATIONS)) {
    const page = new Page(server, user.token, kind);
    await page.settle();
    page.emit('createPresentor', { sdpOffer: 'x'.repeat(1_000_000) });
    await page.next('disconnect');
    page.close();
  }
});

test('an offer of 40 kB that is none, and events in a flood', async () => {
  await rise('media_refused', 4, async () => {
    for (const kind of [GENERATIONS['first generation, WebSocket only'], GENERATIONS['second generation']]) {
      const page = new Page(server, user.token, kind);
      for (const sdpOffer of ['x'.repeat(40_000), `v=0\r\n${'a=x\r\n'.repeat(8000)}`]) {
        const { error } = await page.ask('createPresentor', { sdpOffer });
        assert.match(error.code, /^(bad_sdp|offer_too_large)$/);
      }
      // A real one with too much of something: refused or answered, as long as it says so.
      for (const sdpOffer of [
        offer('chromium_presenter').replaceAll('\r\n', '\r\na=ssrc:1 cname:x\r\n').slice(0, 40_000),
        offer('chromium_presenter') + 'm=video 9 UDP/TLS/RTP/SAVPF 96\r\n'.repeat(500)]) {
        const { error, ok } = await page.ask('createPresentor', { sdpOffer });
        assert.ok(ok || error.code);
        page.emit('stopPresentor');
        await page.settle();
      }
      page.close();
    }
  }, 'live');
  await rise('socket_event_overflow', 1, async () => {
    const page = new Page(server, user.token, GENERATIONS['second generation, WebSocket only']);
    await page.connected();
    for (let i = 0; i < 20_000; ++i) page.emit('onIceCandidate', { candidate: { candidate: 'x' } });
    await Promise.race([page.next('disconnect', 15_000), page.settle()]).catch(() => {});
    page.close();
    // A socket whose callee is still being looked up lets its events wait.
    for (let i = 0; i < 10 && (await counter('socket_event_overflow')) === 0; ++i) {
      const packets = Array.from({ length: 1000 }, () => '42["online"]').join('\x1e');
      const call = '42["createPresentor",{"sdpOffer":"x","invite":"nobody at all"}]';
      const open = await (await fetch(`${server.url}/socket.io/webrtc/?EIO=4&transport=polling`)).text();
      const { sid } = JSON.parse(open.slice(1));
      const post = (body) =>
        fetch(`${server.url}/socket.io/webrtc/?EIO=4&transport=polling&sid=${sid}`, { method: 'POST', body });
      await post(`40{"token":"${user.token}"}`);
      await post(`${call}\x1e${packets}`);
    }
  });
});

test('JSON bombs', async () => {
  const bombs = [
    '['.repeat(30_000),
    `${'['.repeat(30_000)}${']'.repeat(30_000)}`,
    `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
    `{${Array.from({ length: 6000 }, (_, i) => `"k${i}":1`).join(',')}}`,
    `{"nickname":${'9'.repeat(60_000)}}`,
    `{"nickname":"${'\\u0000'.repeat(10_000)}","password":"secret12"}`,
    '1e999999999',
    '"\\ud800"',
  ];
  for (const body of bombs)
    for (const path of ['/api/v2/users', '/api/v1/user/login']) {
      const response = await fetch(`${server.url}${path}`, {
        method: 'POST', body, headers: { 'content-type': 'application/json', 'x-forwarded-for': '10.9.1.1' } });
      assert.ok(response.status < 500, `${path} ${body.slice(0, 20)}: ${response.status}`);
    }
  await rise('socket_protocol_error', 2, async () => {
    for (const bomb of bombs.slice(0, 3)) {
      const page = new Page(server, user.token, GENERATIONS['second generation, WebSocket only']);
      await page.settle();
      page.socket.io.engine.write(`42["createPresentor",${bomb}]`);
      await page.next('disconnect');
    }
  });
});

test('a hundred candidates before the offer', async () => {
  for (const kind of [GENERATIONS['first generation'], GENERATIONS['second generation, WebSocket only']])
    await rise('candidate_dropped', 30, async () => {
      const page = new Page(server, user.token, kind);
      for (let i = 0; i < 100; ++i)
        page.emit('onIceCandidate', {
          candidate: { candidate: `candidate:${i} 1 udp 1 127.0.0.1 ${1000 + i} typ host`, sdpMid: '0' } });
      page.emit('createPresentor', { sdpOffer: offer('chromium_presenter') });
      await page.next('startResponse');
      assert.equal(page.count('error'), 0);
      page.close();
    }, 'live');
});

test('ten thousand datagrams of noise', async () => {
  const { page, answer } = await present(server, user, GENERATIONS['second generation']);
  const port = Number(/udp \d+ 127\.0\.0\.1 (\d+)/i.exec(answer)[1]);
  const ufrag = /a=ice-ufrag:(\S+)/.exec(answer)[1];
  const stun = (length, attributes) => Buffer.concat([
    Buffer.from([0, 1, length >> 8, length & 255, 0x21, 0x12, 0xa4, 0x42]), noise(12, length + 5), attributes]);
  const socket = dgram.createSocket('udp4').unref();
  const send = (data) => new Promise((resolve) => socket.send(data, port, '127.0.0.1', resolve));
  const theirs = /a=ice-ufrag:(\S+)/.exec(offer('chromium_presenter'))[1];
  const name = Buffer.from(`${ufrag}:${theirs}`);
  const padded = Buffer.concat([name, Buffer.alloc((4 - (name.length % 4)) % 4)]);
  const username = Buffer.concat([Buffer.from([0, 6, 0, name.length]), padded]);
  const integrity = Buffer.concat([Buffer.from([0, 8, 0, 20]), noise(20, 3)]);
  // A fingerprint (RFC 8489, section 14.7) makes it pass for a check until somebody looks at who sent it.
  const printed = (attributes) => {
    const message = stun(attributes.length + 8, attributes);
    const value = Buffer.alloc(4);
    value.writeUInt32BE((crc32(message) ^ 0x5354554e) >>> 0);
    return Buffer.concat([message, Buffer.from([0x80, 0x28, 0, 4]), value]);
  };
  const checks = [
    printed(username), printed(Buffer.concat([username, integrity])), stun(username.length, username), stun(60, noise(60, 9))];
  const before = Object.fromEntries(await Promise.all(
    ['datagrams_received', 'drop_unknown_address'].map(async (n) => [n, await counter(n, 'media')])));
  for (let i = 0; i < 10_000; ++i) {
    const kind = i % 8;
    if (kind === 0) await send(checks[(i / 8) % 4]);
    else if (kind === 1) await send(stun(65_532, noise(40, i)));
    else {
      const data = noise(1 + (i % 1400), i + 1);
      // DTLS, RTP, RTCP, TURN channel, or anything.
      data[0] = [data[0], data[0], 22, 0x80, 0x81, 0x40, data[0], 0][kind];
      await send(data);
    }
    if (i % 100 === 0) await sleep(1);
  }
  await send(Buffer.alloc(0));
  await send(noise(60_000, 4));
  const risen = async (name) => (await counter(name, 'media')) - before[name];
  await until(async () => (await risen('datagrams_received')) >= 9_000,
    async () => `received ${await risen('datagrams_received')}`);
  assert.ok((await risen('drop_unknown_address')) >= 7_000);
  for (const dropped of ['drop_stun_unknown_user', 'drop_stun_integrity', 'drop_stun_malformed'])
    assert.ok((await counter(dropped, 'media')) > 0, dropped);
  socket.close();
  assert.equal(page.count('disconnect') + page.count('error'), 0);
  page.close();
});

test('noise on the TCP port of media', async () => {
  const { page, answer } = await present(server, user, GENERATIONS['second generation']);
  const port = Number(/tcp \d+ 127\.0\.0\.1 (\d+)/i.exec(answer)[1]);
  await rise('tcp_closed_bad', 1, async () => {
    for (let i = 0; i < 30; ++i) {
      const socket = net.connect(port, '127.0.0.1');
      socket.on('error', () => {});
      // A length of nothing, of everything, and frames of noise.
      socket.write([Buffer.from([0, 0]), Buffer.from([255, 255]), noise(3000, i + 1)][i % 3]);
      await once(socket, 'connect');
      if (i % 2) socket.resetAndDestroy();
      else setTimeout(() => socket.destroy(), 500);
    }
  }, 'network');
  page.close();
});

test('more connections than one address may have', async () => {
  const limited = await startServer({ args: ['--max-connections-per-ip', '20'] });
  const sockets = [];
  for (let i = 0; i < 60; ++i) {
    const socket = net.connect(limited.port, '127.0.0.1');
    socket.on('error', () => {});
    sockets.push(socket);
  }
  await until(() => sockets.filter((s) => s.destroyed || s.readableEnded).length >= 40, 'the rest to be closed');
  sockets.forEach((socket) => socket.destroy());
  const key = 'loopcast_http_events_total{event="connection_over_ip_limit"}';
  const m = await until(() => limited.metrics().catch(() => null), 'room for a request');
  assert.ok(m[key] >= 40, String(m[key]));
  await limited.stop();
});
