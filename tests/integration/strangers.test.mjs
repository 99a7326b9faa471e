// What clients that have not signed in can do to a server: whatever they send, and from however many addresses, what
// they make it keep stays small, and whoever is signed in goes on as if nothing were.
//
// Sources are addresses 127.x.y.z of this machine. Memory is what the system calls resident.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { GENERATIONS, Page, account, offer, present, watch } from '../support/pages.mjs';
import { startServer } from '../support/server.mjs';
import { attack, ATTACKS, HEAD, POLLING, post, Stranger } from '../support/strangers.mjs';
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

const CROWDS = [
  [1, 'one', 'one connection'],
  [32, 'one', '32 connections of one address'],
  [512, 'one', '512 connections of one address'],
  [1024, 'many', 'connections of 1024 addresses'],
];

const agent = new http.Agent({ keepAlive: false });

// Health checks for `ms` from an address of its own, by a thread of its own so that they wait for nothing else: how long
// they take at the 99th percentile, in ms.
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
    for (const name of Object.keys(ATTACKS)) {
      const few = await attack(server, name, 4, 'one');
      await sleep(300);
      await few.stop();
    }
    await sleep(1000);
    idle = (await server.figures()).rss;
  });

  for (const name of Object.keys(ATTACKS))
    test(name, async (t) => {
      for (const [count, from, crowd] of CROWDS) {
        const attackers = await attack(server, name, count, from);
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
    const attackers = await attack(server, 'WebSockets that say nothing', 100, 'one');
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
    const stranger = new Stranger(server.port, '127.3.0.3');
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
