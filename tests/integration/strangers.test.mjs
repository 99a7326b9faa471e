// What clients that have not signed in can do to a server: whatever they send, and from however many addresses, what
// they make it keep stays small, and whoever is signed in goes on as if nothing were.
//
// Sources are addresses 127.x.y.z of this machine. Memory is what the system calls resident.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import tls from 'node:tls';
import { Worker } from 'node:worker_threads';
import { GENERATIONS, Page, account, offer, present, watch } from '../support/pages.mjs';
import { startServer } from '../support/server.mjs';
import { sleep, until } from '../support/until.mjs';

// All strangers together, by what they make the server keep.
const BOUND_KIB = 64 * 1024;
// A health check of somebody else meanwhile, at the 99th percentile. The attack runs on the same machine, so that most
// of a wait is that for a processor.
const HEALTH_MS = 500;

let server;
// How often one user calls another has a limit: each time it is another pair that talks.
const people = [];
let pairs = 0;
function nextPair() {
  const [from, by] = [pairs % people.length, 1 + (Math.floor(pairs / people.length) % (people.length - 1))];
  ++pairs;
  return [people[from], people[(from + by) % people.length]];
}
let caller;
before(async () => {
  server = await startServer({ https: true });
  for (let i = 0; i < 6; ++i) people.push(await account(server, `somebody ${i}`));
  [caller] = people;
});
after(() => server.stop());

const POLLING = '/socket.io/webrtc/?EIO=4&transport=polling';
const HEAD = 'Host: localhost\r\n';
const WEBSOCKET =
  `GET /socket.io/webrtc/?EIO=4&transport=websocket HTTP/1.1\r\n${HEAD}Upgrade: websocket\r\nConnection: Upgrade\r\n` +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';
// A text message of `size` bytes, masked with zeros.
const message = (size, sent = size) => {
  const head = Buffer.from([0x81, 0xff, 0, 0, 0, 0, size >> 24, (size >> 16) & 255, (size >> 8) & 255, size & 255, 0, 0, 0, 0]);
  return Buffer.concat([head, Buffer.alloc(sent, '4')]);
};
const post = (sid, body, announced = body.length) =>
  `POST ${POLLING}&sid=${sid} HTTP/1.1\r\n${HEAD}Content-Length: ${announced}\r\n\r\n${body}`;

// An attacker's connection: keeps what came last, reads on unless told otherwise.
class Stranger {
  constructor(from, { secure = false, deaf = false } = {}) {
    const options = { host: '127.0.0.1', port: secure ? server.securePort : server.port, localAddress: from };
    this.last = '';
    this.socket = secure ? tls.connect({ ...options, rejectUnauthorized: false, servername: 'localhost' }) : net.connect(options);
    this.socket.on('error', () => {});
    this.closed = false;
    this.socket.on('close', () => (this.closed = true));
    if (deaf) this.socket.pause();
    else this.socket.on('data', (data) => (this.last = data.toString('latin1')));
  }
  get gone() {
    return this.closed || this.socket.destroyed || !this.socket.writable;
  }
  write(data) {
    if (!this.gone) this.socket.write(data);
  }
  // Sends a request and waits for something to come back; false: it is gone.
  async ask(data) {
    this.last = '';
    this.write(data);
    for (let i = 0; i < 400 && this.last === '' && !this.gone; ++i) await sleep(5);
    return this.last !== '';
  }
  async session() {
    const open = await this.ask(`GET ${POLLING} HTTP/1.1\r\n${HEAD}\r\n`);
    return open ? /"sid":"([^"]+)"/.exec(this.last)?.[1] : undefined;
  }
}

// What each connection of an attack does, and whether it does so again when it has been thrown out.
const ATTACKS = {
  'answers that nobody fetches': {
    async run(stranger) {
      const sid = await stranger.session();
      if (sid) await stranger.ask(post(sid, Array(9500).fill('40/a,').join('\x1e')));
      const second = await stranger.session();
      if (second) await stranger.ask(post(second, Array(500).fill('40/a,').join('\x1e')));
    },
  },
  'sessions that never sign in': {
    async run(stranger) {
      for (let i = 0; i < 20; ++i) await stranger.session();
    },
  },
  'polls that hang, each with a large head': {
    async run(stranger) {
      const sid = await stranger.session();
      if (!sid) return;
      stranger.write(`GET ${POLLING}&sid=${sid} HTTP/1.1\r\n${HEAD}`);
      for (let i = 0; i < 80; ++i) stranger.write(`X-${i}: ${'x'.repeat(150)}\r\n`);
      stranger.write('\r\n');
    },
  },
  'heads without end': {
    async run(stranger) {
      stranger.write(`GET / HTTP/1.1\r\n${HEAD}X: ${'x'.repeat(15_900)}`);
    },
  },
  'a thousand small headers': {
    async run(stranger) {
      stranger.write(`GET / HTTP/1.1\r\n${HEAD}${'a: b\r\n'.repeat(2_600)}`);
    },
  },
  'bodies that stop short': {
    async run(stranger) {
      stranger.write(`POST /api/v2/sessions HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\n` +
        `Content-Length: 4096\r\n\r\n${' '.repeat(4000)}`);
    },
  },
  'large bodies without a token': {
    async run(stranger) {
      stranger.write(`PUT /api/v2/me/avatar HTTP/1.1\r\n${HEAD}Content-Length: 5000000\r\n\r\n${'x'.repeat(60_000)}`);
    },
  },
  'WebSockets that say nothing': {
    async run(stranger) {
      await stranger.ask(WEBSOCKET);
    },
  },
  'WebSocket messages that stop short': {
    async run(stranger) {
      if (await stranger.ask(WEBSOCKET)) stranger.write(message(4000, 3900));
    },
  },
  'large WebSocket messages': {
    async run(stranger) {
      if (await stranger.ask(WEBSOCKET)) stranger.write(message(60_000));
    },
  },
  'attachments for a packet that is never whole': {
    async run(stranger) {
      if (!(await stranger.ask(WEBSOCKET))) return;
      stranger.write(message(4).subarray(0, 14));
      stranger.write('451-');
    },
  },
  'answers that nobody reads': {
    deaf: true,
    async run(stranger) {
      stranger.write(`GET /api/v2/openapi.json HTTP/1.1\r\n${HEAD}\r\n`.repeat(200));
    },
  },
  'handshakes of TLS that go no further': {
    secure: true,
    async run() {},
  },
  'answers over TLS that nobody reads': {
    secure: true,
    deaf: true,
    async run(stranger) {
      stranger.write(`GET /api/v2/openapi.json HTTP/1.1\r\n${HEAD}\r\n`.repeat(200));
    },
  },
};

const one = () => '127.1.0.1';
const many = (i) => `127.2.${(i >> 8) & 255}.${(i & 255) || 1}`;
const CROWDS = [
  [1, one, 'one connection'],
  [32, one, '32 connections of one address'],
  [512, one, '512 connections of one address'],
  [1024, many, 'connections of 1024 addresses'],
];

// Begins an attack with `count` connections and goes on with it until `stop()`: who is thrown out comes back.
function attack({ run, secure, deaf }, count, from) {
  let on = true;
  const strangers = new Set();
  const one = async (i) => {
    while (on) {
      const stranger = new Stranger(from(i), { secure, deaf });
      strangers.add(stranger);
      if (secure) await Promise.race([once(stranger.socket, 'secureConnect').catch(() => {}), sleep(5000)]);
      await run(stranger);
      while (on && !stranger.gone) await sleep(100);
      stranger.socket.destroy();
      strangers.delete(stranger);
      if (on) await sleep(200);
    }
  };
  const all = Array.from({ length: count }, (_, i) => one(i));
  return {
    async stop() {
      on = false;
      for (const stranger of strangers) stranger.socket.destroy();
      await Promise.all(all);
    },
  };
}

const agent = new http.Agent({ keepAlive: false });

// Health checks for `ms` from an address of its own, by a thread of its own since this one is busy with the attack: how
// long they take at the 99th percentile, in ms.
async function healthFor(ms) {
  const worker = new Worker(
    `const http = require('node:http');
    const { parentPort, workerData: { port, ms } } = require('node:worker_threads');
    const agent = new http.Agent({ keepAlive: false });
    const ask = () => new Promise((resolve, reject) => {
      const begin = performance.now();
      http.get({ host: '127.0.0.1', port, path: '/healthz', localAddress: '127.9.0.1', agent }, (response) =>
        response.resume().on('end', () =>
          response.statusCode === 200 ? resolve(performance.now() - begin) : reject(new Error(String(response.statusCode)))))
        .on('error', reject);
    });
    (async () => {
      const times = [];
      for (const end = performance.now() + ms; performance.now() < end; await new Promise((r) => setTimeout(r, 10)))
        times.push(await ask());
      parentPort.postMessage(times);
    })();`,
    { eval: true, workerData: { port: server.port, ms } },
  );
  const [times] = await once(worker, 'message');
  await worker.terminate();
  times.sort((a, b) => a - b);
  return times[Math.ceil(times.length * 0.99) - 1];
}

// Somebody who is signed in goes live, is watched and is called, on new connections.
async function useIt() {
  const [caller, callee] = nextPair();
  for (const kind of [GENERATIONS['first generation'], GENERATIONS['second generation']]) {
    const line = new Page(server, callee.token, kind);
    await line.settle();
    const { page, id } = await present(server, caller, kind);
    const viewer = await watch(server, callee, kind, id);
    const ringing = line.next('call');
    const call = new Page(server, caller.token, kind);
    call.emit('createPresentor', { sdpOffer: offer('chromium_presenter'), invite: callee.nickname, record: false });
    await ringing;
    call.emit('stopPresentor');
    page.emit('stopPresentor');
    await viewer.page.next('presentorgone');
    for (const socket of [line, page, viewer.page, call]) socket.close();
  }
}

describe('strangers', { concurrency: 1 }, () => {
  let idle;
  before(async () => {
    await useIt();
    // Once through everything, so that what code needs for its first use is not counted.
    for (const kind of Object.values(ATTACKS)) {
      const few = attack(kind, 4, one);
      await sleep(300);
      await few.stop();
    }
    await sleep(1000);
    idle = (await server.figures()).rss;
  });

  for (const [name, kind] of Object.entries(ATTACKS))
    test(name, async (t) => {
      for (const [count, from, crowd] of CROWDS) {
        const attackers = attack(kind, count, from);
        try {
          const crowded = count > 100;
          await sleep(crowded ? 2000 : 300);
          const slowest = await healthFor(crowded ? 1000 : 300);
          if (crowded) await useIt();
          const { rss } = await server.figures();
          t.diagnostic(`${crowd}: ${Math.round((rss - idle) / 1024)} MiB more, health p99 ${slowest.toFixed(1)} ms`);
          assert.ok(rss - idle <= BOUND_KIB, `${crowd}: ${rss - idle} KiB more`);
          assert.ok(slowest <= HEALTH_MS, `${crowd}: health takes ${slowest} ms`);
        } finally {
          await attackers.stop();
        }
      }
    });

  test('what they held is counted and given back', async () => {
    const bytes = async () => (await server.metrics())['loopcast_http_stranger_bytes'];
    const attackers = attack(ATTACKS['WebSockets that say nothing'], 100, one);
    await until(async () => (await bytes()) > 1_000_000, async () => `${await bytes()} bytes`);
    await attackers.stop();
    await until(async () => (await bytes()) < 200_000, async () => `${await bytes()} bytes`);
  });

  test('an address has so many sessions that have not signed in, and others are not kept out by them', async () => {
    const open = (from) => new Promise((resolve) => {
      http.get({ host: '127.0.0.1', port: server.port, path: POLLING, localAddress: from, agent },
        (response) => response.resume().on('end', () => resolve(response))).on('error', (e) => resolve({ statusCode: e.code }));
    });
    const seen = {};
    for (let i = 0; i < 600; ++i) {
      const { statusCode, headers } = await open('127.3.0.1');
      seen[statusCode] = (seen[statusCode] ?? 0) + 1;
      if (statusCode !== 200) assert.ok(Number(headers['retry-after']) > 0);
    }
    assert.deepEqual(seen, { 200: 512, 503: 88 });
    assert.equal((await open('127.3.0.2')).statusCode, 200);
    const page = new Page(server, caller.token, GENERATIONS['second generation']);
    await page.settle();
    page.close();
  });

  test('who begins with a namespace that does not exist is closed', async () => {
    const stranger = new Stranger('127.3.0.3');
    const sid = await stranger.session();
    await stranger.ask(post(sid, '40/none,'));
    await stranger.ask(`GET ${POLLING}&sid=${sid} HTTP/1.1\r\n${HEAD}\r\n`);
    assert.match(stranger.last, /44\/none,/);
    await stranger.ask(`GET ${POLLING}&sid=${sid} HTTP/1.1\r\n${HEAD}\r\n`);
    await stranger.ask(`GET ${POLLING}&sid=${sid} HTTP/1.1\r\n${HEAD}\r\n`);
    assert.match(stranger.last, /^HTTP\/1\.1 400 /);
    stranger.socket.destroy();
  });
});
