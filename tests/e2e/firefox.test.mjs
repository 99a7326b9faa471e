// Firefox goes live and Firefox watches, with each codec that it sends here (Debian's has no H.264 in WebRTC).
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { after, before, test } from 'node:test';
import { LOOPBACK, WATCH } from '../support/app.mjs';
import { launchFirefox, openFirefoxPage } from '../support/firefox.mjs';
import { startServer } from '../support/server.mjs';

// Firefox asks the address of its default route only, and from there does not try loopback: the server's candidates have
// this machine's own addresses as well, which the packets do not leave.
const announce = Object.values(networkInterfaces())
  .flat()
  .filter(({ internal, family }) => !internal && family === 'IPv4')
  .flatMap(({ address }) => ['--announce', address]);

let firefox;
before(async () => {
  firefox = await launchFirefox();
});
after(() => firefox?.close());

const byId = (name) => `[data-testid=${name}]`;
const waitForState = (page, name, state) =>
  page.waitForSelector(`${byId(name)}[data-state=${state}]`).catch(async () => {
    const seen = await page.$$eval(byId(name), (all) => all.map((e) => e.dataset.state));
    throw new Error(`${name} is not "${state}" but "${seen}": ${page.problems.join('; ')}`);
  });

async function plays(page, name, count = 15) {
  await page.waitForSelector(byId(name));
  const shown = await page.$eval(byId(name), (video, n) => window.probe.pictures(video, n, 30_000), count);
  assert.ok(shown, `${name} does not show ${count} new pictures`);
}

for (const codec of ['vp8', 'vp9'])
  test(`Firefox live and watching with ${codec}`, async () => {
    const server = await startServer({ args: ['--video-codecs', codec, ...announce] });
    try {
      const presenter = await openFirefoxPage(firefox.browser, server, await server.register('Maya'));
      await presenter.goto(`${server.url}/live`);
      await (await presenter.waitForSelector(byId('go-live'))).click();
      await waitForState(presenter, 'live-state', 'live');
      await plays(presenter, LOOPBACK);
      const sent = await presenter.evaluate(() => window.probe.rtp('video', 'outbound'));
      assert.equal(sent.codec.toLowerCase(), `video/${codec}`);
      const link = await presenter.$eval(byId('share-link'), (input) => input.value);

      const viewer = await openFirefoxPage(firefox.browser, server, await server.register('Jonas'));
      await viewer.goto(link);
      await waitForState(viewer, 'watch-state', 'live');
      await plays(viewer, WATCH);
      const received = await viewer.evaluate(async () => [await window.probe.rtp('video'), await window.probe.rtp('audio')]);
      assert.deepEqual(received.map((stream) => stream.codec.toLowerCase()), [`video/${codec}`, 'audio/opus']);
      assert.ok(received.every((stream) => stream.packetsReceived > 0));
      await presenter.waitForSelector(`${byId('viewer-count')}[data-count="1"]`);

      await presenter.$eval(byId('stop-live'), (button) => button.click());
      await (await presenter.waitForSelector(byId('stop-confirm'))).click();
      await waitForState(viewer, 'watch-state', 'ended');
      assert.deepEqual([presenter.problems, viewer.problems], [[], []]);
      await Promise.all([presenter, viewer].map((page) => page.browserContext().close()));
    } finally {
      await server.stop();
    }
  });

test('a call between two Firefox pages goes on when one is loaded again, whatever its media said when it went', async () => {
  const server = await startServer({ args: announce });
  const signs = async () => {
    const all = await server.metrics();
    return ['media_closed', 'media_lost'].map((name) => all[`loopcast_live_events_total{event="${name}"}`]);
  };
  try {
    const [ann, bob] = await Promise.all(['ann', 'bob'].map(async (name) =>
      openFirefoxPage(firefox.browser, server, await server.register(name))));
    for (const page of [ann, bob]) await page.goto(`${server.url}/calls`);
    const bob_listed = await ann.waitForSelector(`${byId('person')}[data-nickname=bob][data-state=online] ${byId('person-call')}`);
    await bob_listed.evaluate((button) => button.click());
    const accept = await bob.waitForSelector(byId('incoming-accept'));
    await accept.evaluate((button) => button.click());
    await Promise.all([ann, bob].map((page) => waitForState(page, 'call-state', 'connected')));
    const before = await signs();
    await ann.reload();
    await Promise.all([ann, bob].map((page) => waitForState(page, 'call-state', 'connected')));
    const after = await signs();
    console.log(`a reload of Firefox: ${after[0] - before[0]} goodbyes, ${after[1] - before[1]} losses`);
    await ann.$eval(byId('call-hang-up'), (button) => button.click());
    await bob.waitForSelector(`${byId('call-state')}[data-state=ended][data-reason=hung_up]`);
    assert.deepEqual([ann.problems, bob.problems], [[], []]);
    await Promise.all([ann, bob].map((page) => page.browserContext().close()));
  } finally {
    await server.stop();
  }
});
