// The web app where something is not as usual: another browser, a newer server, a picture that stops or is not there.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { goLive, plays, stopLive, waitForState, watch, WATCH } from '../support/app.mjs';
import { closePages, launchChromium, openPage } from '../support/chromium.mjs';
import { MANY_PEOPLE, startServer } from '../support/server.mjs';
import { until } from '../support/until.mjs';

let browser;
let server;
const sessions = {};
before(async () => {
  [browser, server] = await Promise.all([launchChromium(), startServer({ args: MANY_PEOPLE })]);
  for (const name of ['Ann', 'Bob']) sessions[name] = await server.register(name);
});
afterEach(() => closePages(browser));
after(async () => {
  await browser?.close();
  await server?.stop();
});

const open = (name, ...init) => openPage(browser, server, { session: sessions[name], init });
const videoOf = (page, id) => page.getByTestId(id);
const paused = (page, id) => videoOf(page, id).evaluate((video) => video.paused);

test('after an upgrade of the server a click opens the page, and a broken server is told', async () => {
  const page = await open('Ann');
  await page.goto(server.url);
  await page.getByTestId('home-empty').waitFor();
  const gone = (route) => route.fulfill({ status: 404, body: 'not here' });
  await page.route('**/assets/AccountPage*', gone);
  let loads = 0;
  page.on('request', async (request) => {
    if (!request.isNavigationRequest()) return;
    loads += 1;
    // The page that the newer server sends has other names for its parts.
    if (loads === 1) await page.unroute('**/assets/AccountPage*', gone);
  });
  await page.getByTestId('user-menu').click();
  await page.getByTestId('account').click();
  await page.getByTestId('session').first().waitFor();
  assert.equal(new URL(page.url()).pathname, '/account');
  assert.equal(loads, 1);

  await page.goto(server.url);
  await page.getByTestId('home-empty').waitFor();
  await page.route('**/assets/MyRecordingsPage*', gone);
  loads = 0;
  await page.getByTestId('user-menu').click();
  await page.getByTestId('menu-my-recordings').click();
  await page.locator('[data-testid=missing-part][data-why=broken]').waitFor();
  assert.equal(loads, 1);
  await page.unroute('**/assets/MyRecordingsPage*', gone);
  await page.getByTestId('missing-part-load').click();
  await page.getByTestId('my-recordings-empty').waitFor();
});

test('a page that cannot be loaded without the network says so, and stays', async () => {
  const page = await open('Ann');
  await page.goto(server.url);
  await page.getByTestId('home-empty').waitFor();
  await page.context().setOffline(true);
  await page.getByTestId('user-menu').click();
  await page.getByTestId('account').click();
  await page.locator('[data-testid=missing-part][data-why=unreachable]').waitFor();
  await page.context().setOffline(false);
  await page.getByTestId('missing-part-load').click();
  await page.getByTestId('session').first().waitFor();
});

test('a browser without WebRTC is told so wherever it needs it, and does not ring', async () => {
  const page = await open('Ann', () => delete window.RTCPeerConnection);
  for (const where of ['/live', '/watch/anything', '/calls']) {
    await page.goto(server.url + where);
    await page.getByTestId('error-message').filter({ hasText: 'WebRTC' }).waitFor();
  }
  await page.goto(`${server.url}/recordings`);
  await page.getByTestId('recordings-empty').waitFor();
  assert.deepEqual(page.problems.filter((problem) => problem.startsWith('thrown')), []);
});

test('a browser that is too old is told so in its language', async () => {
  const page = await open('Ann', () => {
    const { supports } = CSS;
    CSS.supports = (...args) => !args.join(' ').includes('color-mix') && supports.apply(CSS, args);
  });
  await page.goto(server.url);
  await page.locator('#old-browser').filter({ hasText: 'Safari 16.4' }).waitFor();
  await page.getByTestId('lang-switch').click();
  await page.reload();
  await page.locator('#old-browser[lang=zh-CN]').waitFor();
  const other = await open('Bob');
  await other.goto(server.url);
  await other.getByTestId('home-empty').waitFor();
  assert.equal(await other.locator('#old-browser').count(), 0);
});

test('a live picture goes on when the browser pauses it; keys and fingers have their player', async () => {
  const presenter = await open('Ann');
  const id = await goLive(presenter, server);
  assert.match(await presenter.title(), /^● You are live/);
  const viewer = await open('Bob');
  await watch(viewer, server, id);
  assert.match(await viewer.title(), /^● Live with Ann/);
  await videoOf(viewer, WATCH).evaluate((video) => video.pause());
  await until(async () => !(await paused(viewer, WATCH)), 'the picture to go on');
  await plays(viewer, WATCH, 5);

  // The user's own pause lasts.
  await viewer.locator('h1').first().click();
  await viewer.keyboard.press(' ');
  await viewer.getByTestId('live-play').waitFor();
  assert.equal(await paused(viewer, WATCH), true);
  await viewer.getByTestId('live-play').click();
  await plays(viewer, WATCH, 5);
  assert.equal(await viewer.getByTestId('live-play').count(), 0);
  await viewer.keyboard.press('m');
  assert.equal(await videoOf(viewer, WATCH).evaluate((video) => video.muted), true);
  await viewer.keyboard.press('m');
  await viewer.keyboard.press('f');
  await until(() => viewer.evaluate(() => document.fullscreenElement !== null), 'full screen');
  await viewer.keyboard.press('f');
  await until(() => viewer.evaluate(() => document.fullscreenElement === null), 'the end of full screen');
  await viewer.locator('[data-testid=live-player][data-quiet=true]').waitFor();

  // Another window of the presenter says what is on air, and how long already.
  const second = await open('Ann');
  await second.goto(`${server.url}/live`);
  await second.getByTestId('also-on-air').waitFor();
  assert.ok((await second.getByTestId('also-on-air').locator('a').getAttribute('href')).endsWith(id));

  await stopLive(presenter);
  await waitForState(viewer, 'watch-state', 'ended');
  await viewer.waitForFunction(() => document.title.startsWith('The broadcast has ended'));
  assert.equal(await viewer.locator('.audience .count').count(), 0);
  await second.getByTestId('also-on-air').waitFor({ state: 'detached' });
});

test('a broadcast of sound alone has its controls, and says that there is no picture', async () => {
  const presenter = await open('Ann');
  await presenter.goto(`${server.url}/healthz`);
  const id = await presenter.evaluate(async (token) => {
    const peer = new RTCPeerConnection();
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    peer.addTransceiver(stream.getAudioTracks()[0], { direction: 'sendonly', streams: [stream] });
    await peer.setLocalDescription(await peer.createOffer());
    await new Promise((resolve) => {
      const done = () => peer.iceGatheringState === 'complete' && resolve();
      peer.onicegatheringstatechange = done;
      done();
    });
    const response = await fetch('/whip', {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/sdp' },
      body: peer.localDescription.sdp,
    });
    window.kept = peer;
    await peer.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    // It is listed from its first packet on.
    for (;;) {
      const list = await fetch('/api/v2/broadcasts', { headers: { authorization: `Bearer ${token}` } });
      const [first] = (await list.json()).broadcasts;
      if (first) return first.id;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }, sessions.Ann.token);
  const viewer = await open('Bob');
  await viewer.goto(`${server.url}/watch/${id}`);
  await waitForState(viewer, 'watch-state', 'live');
  await viewer.getByTestId('sound-only').waitFor();
  await viewer.getByTestId('watch-mute').click();
  assert.equal(await videoOf(viewer, WATCH).evaluate((video) => video.muted), true);
});

test('a page from the browser’s cache watches again', async () => {
  const presenter = await open('Ann');
  const id = await goLive(presenter, server);
  const viewer = await open('Bob');
  await watch(viewer, server, id);
  // As the browser tells a page that it puts into its cache, and takes out again.
  await viewer.evaluate(() => window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })));
  await waitForState(viewer, 'watch-state', 'ended');
  await viewer.evaluate(() => window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
  await waitForState(viewer, 'watch-state', 'live');
  await plays(viewer, WATCH, 5);
});

test('the bars of the browser have the colour of the chosen theme', async () => {
  const page = await open('Ann');
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.goto(server.url);
  const colour = () => page.locator('meta[name=theme-color]').getAttribute('content');
  const dark = await colour();
  await page.getByTestId('theme-switch').click();
  const light = await colour();
  assert.notEqual(light, dark);
  await page.reload();
  assert.equal(await colour(), light);
});
