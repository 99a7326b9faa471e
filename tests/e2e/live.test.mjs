// Going live and watching, as people do: the picture and the sound are the server's, who comes and goes is told once,
// and every end reaches everybody.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import {
  goLive, grows, LOOPBACK, notices, plays, rtp, signUp, stopLive, waitForState, waitForViewers, watch, WATCH,
} from '../support/app.mjs';
import { closePages, crash, launchChromium, openPage } from '../support/chromium.mjs';
import { MANY_PEOPLE, startServer } from '../support/server.mjs';
import { until } from '../support/until.mjs';

let browser;
let server;
const sessions = {};

before(async () => {
  [browser, server] = await Promise.all([launchChromium(), startServer({ args: MANY_PEOPLE })]);
  for (const name of ['paula', 'bob', 'carl', 'dora']) sessions[name] = await server.register(name);
});
afterEach(() => closePages(browser));
after(async () => {
  await browser?.close();
  await server?.stop();
});

const open = (name, at = server) => openPage(browser, at, { session: sessions[name] });

test('sign up, go live: picture and sound come back from the server', async () => {
  const page = await openPage(browser, server);
  await signUp(page, server, 'ann');
  await page.getByTestId('nav-live').click();
  await page.waitForURL('**/live');
  await goLive(page, server);

  await grows(page, 'video', 'framesDecoded');
  const { total, corrupted } = await page.getByTestId(LOOPBACK).evaluate((video) => {
    const quality = video.getVideoPlaybackQuality();
    return { total: quality.totalVideoFrames, corrupted: quality.corruptedVideoFrames };
  });
  assert.ok(total > 0);
  assert.equal(corrupted ?? 0, 0);

  // Not the camera's own picture: the track is one that a peer connection receives, in a stream of its own.
  const remote = await page.getByTestId(LOOPBACK).evaluate((video) =>
    video.srcObject.getTracks().map((track) =>
      window.probe.newest().getReceivers().some((receiver) => receiver.track === track),
    ),
  );
  assert.deepEqual(remote, [true, true]);
  for (const kind of ['audio', 'video'])
    assert.notEqual((await rtp(page, kind)).ssrc, (await rtp(page, kind, 'outbound')).ssrc);

  // Muted by itself, against echo; its sound is there on demand.
  assert.equal(await page.getByTestId(LOOPBACK).evaluate((video) => video.muted), true);
  await page.getByTestId('loopback-sound').click();
  assert.equal(await page.getByTestId(LOOPBACK).evaluate((video) => video.muted), false);
  await grows(page, 'audio', 'totalAudioEnergy');

  await stopLive(page);
  assert.deepEqual(page.problems, []);
});

test('a double click on “Go live” goes live, and what is switched off is said', async () => {
  const presenter = await open('paula');
  await presenter.goto(`${server.url}/live`);
  await presenter.getByTestId('go-live').dblclick();
  await waitForState(presenter, 'live-state', 'live');
  const link = await presenter.getByTestId('share-link').inputValue();
  const bob = await open('bob');
  await watch(bob, server, link.split('/').at(-1));
  await presenter.getByTestId('toggle-camera').click();
  await presenter.getByTestId('camera-off').waitFor();
  await bob.getByTestId('camera-off').waitFor();
  await presenter.getByTestId('toggle-microphone').click();
  await bob.getByTestId('microphone-off').waitFor();
  const carl = await open('carl');
  await watch(carl, server, link.split('/').at(-1));
  await carl.getByTestId('camera-off').waitFor();
  await presenter.getByTestId('toggle-camera').click();
  await bob.getByTestId('camera-off').waitFor({ state: 'detached' });

  // Another size of picture is really another.
  const width = (page) => page.getByTestId(WATCH).evaluate((video) => video.videoWidth);
  await until(async () => (await width(bob)) === 640, async () => `360p is ${await width(bob)} wide`);
  await presenter.getByTestId('select-resolution').selectOption('720p');
  await until(async () => (await width(bob)) === 1280, async () => `720p is ${await width(bob)} wide`);
  await stopLive(presenter);
  assert.deepEqual([...presenter.problems, ...bob.problems], []);
});

test('viewers find the broadcast and watch it; each enters and leaves once', async () => {
  const presenter = await open('paula');
  const id = await goLive(presenter, server);

  const bob = await open('bob');
  await bob.goto(server.url);
  await bob.locator(`[data-testid=broadcast-card][data-id="${id}"]`).click();
  await waitForState(bob, 'watch-state', 'live');
  await plays(bob, WATCH);
  await grows(bob, 'video', 'framesDecoded');
  assert.equal(await bob.getByTestId(WATCH).evaluate((video) => video.muted), false);
  await grows(bob, 'audio', 'totalAudioEnergy');
  await notices(presenter, 'entry', 'bob').waitFor();
  await waitForViewers(presenter, 1);

  const carl = await open('carl');
  await watch(carl, server, id);
  await notices(presenter, 'entry', 'carl').waitFor();
  await notices(bob, 'entry', 'carl').waitFor();
  await waitForViewers(presenter, 2);
  await carl.close();
  await notices(presenter, 'leave', 'carl').waitFor();
  await notices(bob, 'leave', 'carl').waitFor();
  await waitForViewers(presenter, 1);

  const dora = await open('dora');
  await watch(dora, server, id);
  await waitForViewers(presenter, 2);
  await crash(dora);
  await notices(presenter, 'leave', 'dora').waitFor();
  await waitForViewers(presenter, 1);
  await waitForViewers(bob, 1);

  // By now a second notice of anything above would have come, too.
  for (const [name, left] of [['bob', 0], ['carl', 1], ['dora', 1]]) {
    assert.equal(await notices(presenter, 'entry', name).count(), 1, `${name} entered`);
    assert.equal(await notices(presenter, 'leave', name).count(), left, `${name} left`);
  }
  const metrics = await server.metrics();
  assert.equal(metrics.loopcast_viewers, 1);
  assert.equal(metrics.loopcast_broadcasts, 1);
  await plays(bob, WATCH);

  await stopLive(presenter);
  await waitForState(bob, 'watch-state', 'ended');
  await bob.goto(server.url);
  await bob.getByTestId('home-empty').waitFor();
  assert.equal(await bob.getByTestId('broadcast-card').count(), 0);
  assert.deepEqual([...presenter.problems, ...bob.problems, ...carl.problems], []);
});

for (const [how, end] of [
  ['closes the tab', (page) => page.close()],
  ['crashes', crash],
])
  test(`a presenter who ${how} is waited for, and then the broadcast has ended for all`, async () => {
    const presenter = await open('paula');
    const id = await goLive(presenter, server);
    const bob = await open('bob');
    await watch(bob, server, id);
    await end(presenter);
    await waitForState(bob, 'watch-state', 'away');
    await until(async () => (await server.metrics()).loopcast_broadcasts_away === 1, 'nobody waits');
    await waitForState(bob, 'watch-state', 'ended', 45_000);
    await until(async () => (await server.metrics()).loopcast_broadcasts === 0, 'the broadcast stays');
    await bob.goto(server.url);
    await bob.getByTestId('home-empty').waitFor();
    assert.deepEqual(bob.problems, []);
  });

test('a server that is told to stop tells its viewers and exits with 0', async () => {
  const own = await startServer();
  const [paula, bob] = await Promise.all([own.register('paula'), own.register('bob')]);
  const presenter = await openPage(browser, own, { session: paula });
  const id = await goLive(presenter, own);
  const viewer = await openPage(browser, own, { session: bob });
  await watch(viewer, own, id);
  await own.stop();
  await waitForState(viewer, 'watch-state', 'ended');
});
