// People come and go all day: what they cost is given back.
import assert from 'node:assert/strict';
import { loadavg } from 'node:os';
import { after, before, test } from 'node:test';
import { launchChromium, openPage } from '../support/chromium.mjs';
import { installBarcodeCamera } from '../support/probe.mjs';
import { MANY_PEOPLE, startServer } from '../support/server.mjs';
import { until } from '../support/until.mjs';
import { installWhip } from '../support/whip.mjs';

const WARM_UP = 20;
const JOINS = 200;
const AT_ONCE = 4;
// Resident memory moves by some pages of the allocator; 200 lost peers would be far more.
const SPARE_KIB = 4096;

let browser;
let server;
before(async () => {
  [browser, server] = await Promise.all([launchChromium(), startServer({ args: MANY_PEOPLE })]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test(`${JOINS} real joins and leaves leave nothing behind`, async (t) => {
  const { token } = await server.register('whip');
  const open = async () => {
    const page = await openPage(browser, server, { init: [installBarcodeCamera, installWhip] });
    await page.goto(`${server.url}/healthz`);
    return page;
  };
  const [publisher, viewer] = await Promise.all([open(), open()]);
  const broadcast = await publisher.evaluate(async (bearer) => {
    window.published = await window.whip.connect(await window.whip.publisher('vp8'), '/whip', bearer);
    await window.whip.connected(window.published.peer);
    return window.published.broadcast;
  }, token);

  // Joins and leaves; answers the times from offer to connection in ms, and the joins that failed.
  const join = (count) =>
    viewer.evaluate(
      async ([id, bearer, total, at_once]) => {
        const times = [];
        const failed = [];
        let left = total;
        const one = async () => {
          while (left-- > 0) {
            const started = performance.now();
            const peer = new RTCPeerConnection();
            peer.addTransceiver('audio', { direction: 'recvonly' });
            peer.addTransceiver('video', { direction: 'recvonly' });
            const session = await window.whip.connect(peer, `/whep/${id}`, bearer);
            if (session.status !== 201 || !(await window.whip.connected(peer))) failed.push(session.status);
            else times.push(performance.now() - started);
            if (session.status === 201) await window.whip.remove(session);
          }
        };
        await Promise.all(Array.from({ length: at_once }, one));
        window.probe.peers.length = 0;
        return { times: times.sort((a, b) => a - b), failed };
      },
      [broadcast, token, count, AT_ONCE],
    );
  const gone = () => until(async () => (await server.metrics()).loopcast_viewers === 0, 'viewers stay');

  const warm = await join(WARM_UP);
  assert.deepEqual(warm.failed, []);
  await gone();
  const before_all = await server.figures();

  const started = Date.now();
  const { times, failed } = await join(JOINS);
  const seconds = (Date.now() - started) / 1000;
  assert.deepEqual(failed, []);
  assert.equal(times.length, JOINS);
  await gone();
  // Connections of HTTP that the page holds open may be some fewer or more for a while.
  await until(
    async () => (await server.figures()).fds <= before_all.fds,
    async () => `descriptors: ${before_all.fds} before, ${(await server.figures()).fds} after`,
    60_000,
  );
  const after_all = await server.figures();
  const metrics = await server.metrics();
  t.diagnostic(
    `${JOINS} joins in ${seconds.toFixed(1)} s, ${AT_ONCE} at a time: join p50 ${Math.round(times[JOINS / 2])} ms, ` +
      `p95 ${Math.round(times[Math.floor(JOINS * 0.95)])} ms; resident ${before_all.rss} → ${after_all.rss} KiB, ` +
      `descriptors ${before_all.fds} → ${after_all.fds}, threads ${before_all.threads} → ${after_all.threads}; ` +
      `load ${loadavg()[0].toFixed(1)}`,
  );
  assert.equal(metrics['loopcast_live_events_total{event="viewer_entered"}'], WARM_UP + JOINS);
  assert.equal(metrics['loopcast_live_events_total{event="viewer_left"}'], WARM_UP + JOINS);
  assert.ok(after_all.rss - before_all.rss <= SPARE_KIB, `resident memory: ${before_all.rss} → ${after_all.rss} KiB`);
  assert.equal(after_all.threads, before_all.threads);

  // The publisher has not suffered.
  const sends = await publisher.evaluate(() => window.published.peer.connectionState);
  assert.equal(sends, 'connected');
});
