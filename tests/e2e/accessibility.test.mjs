// Every page and state by the rules of axe-core, in the light and in the dark, and on a screen of 320 px.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { AXE, fitsNarrow, isAccessible } from '../support/accessible.mjs';
import { goLive, LOOPBACK, plays, stopLive, waitForState, watch } from '../support/app.mjs';
import { accept, dial, hangUp, inCall, incoming, isListed, latest, person } from '../support/calls.mjs';
import { closePages, launchChromium, openPage } from '../support/chromium.mjs';
import { installSceneCamera } from '../support/scene.mjs';
import { MANY_PEOPLE, startServer } from '../support/server.mjs';

const LONG_PLACE = 'Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch, Wales';
const LONG_TITLE = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft';

let browser;
let server;
before(async () => {
  [browser, server] = await Promise.all([launchChromium(), startServer({ args: MANY_PEOPLE })]);
});
afterEach(() => closePages(browser));
after(async () => {
  await browser?.close();
  await server?.stop();
});

const open = (options = {}) => openPage(browser, server, { ...options, init: [AXE, ...(options.init ?? [])] });

// What the server says of recordings, with the longest texts that there are, and each of a list thrice.
async function withLongTexts(page) {
  const stretch = (recording) => ({ ...recording, title: LONG_TITLE, location: LONG_PLACE });
  const several = (recording) => ['', '-2', '-3'].map((end) => stretch({ ...recording, id: recording.id + end }));
  await page.route('**/api/v2/recordings**', async (route) => {
    const response = await route.fetch();
    if (!response.ok() || route.request().url().includes('/usage')) return route.fulfill({ response });
    const body = await response.json();
    return route.fulfill({ response, json: body.recordings ? { ...body, recordings: body.recordings.flatMap(several) } : stretch(body) });
  });
}

test('pages of guests', async () => {
  const page = await open();
  for (const [name, where] of [['welcome', '/'], ['login', '/login'], ['register', '/register'], ['lost', '/no/such/page']]) {
    await page.goto(server.url + where);
    await page.locator('h1').first().waitFor();
    await isAccessible(page, name);
  }
  await page.goto(`${server.url}/login`);
  await page.getByTestId('auth-submit').click();
  await page.getByTestId('error-message').first().waitFor();
  await isAccessible(page, 'login-errors');
});

test('pages of somebody who is new', async () => {
  const page = await open({ session: await server.register('Nia') });
  for (const [name, where, ready] of [
    ['home-empty', '/', 'home-empty'],
    ['recordings-empty', '/recordings', 'recordings-empty'],
    ['recordings-nothing', '/recordings?q=nothing&when=range&min=7', 'recordings-nothing'],
    ['my-recordings-empty', '/recordings/mine', 'my-recordings-empty'],
    ['calls-empty', '/calls', 'history-empty'],
    ['account', '/account', 'session'],
    ['live-idle', '/live', 'go-live'],
    ['watch-unknown', '/watch/none', 'watch-state'],
    ['recording-unknown', '/recordings/none', 'recording-page'],
  ]) {
    await page.goto(server.url + where);
    await page.getByTestId(ready).first().waitFor();
    await isAccessible(page, name);
  }
  await page.goto(server.url);
  await page.getByTestId('user-menu').click();
  await page.getByTestId('menu-my-recordings').waitFor();
  await isAccessible(page, 'user-menu');
  await page.goto(`${server.url}/account`);
  await page.getByTestId('delete-account').click();
  await page.getByTestId('delete-password').waitFor();
  await isAccessible(page, 'account-delete');
});

test('a broadcast and its recording', async () => {
  const host = { session: await server.register('Maya'), init: [installSceneCamera], resolution: '360p' };
  const presenter = await open(host);
  const viewer = await open({ session: await server.register('Jonas') });
  const id = await goLive(presenter, server);
  await watch(viewer, server, id);
  await plays(presenter, LOOPBACK, 5);
  await isAccessible(presenter, 'live');
  await isAccessible(viewer, 'watch');
  const second = await open(host);
  await second.goto(`${server.url}/live`);
  await second.getByTestId('also-on-air').waitFor();
  await isAccessible(second, 'live-elsewhere');
  await second.context().close();
  await viewer.goto(server.url);
  await viewer.getByTestId('broadcast-card').waitFor();
  await isAccessible(viewer, 'home');
  await presenter.getByTestId('stop-live').hover();
  await stopLive(presenter);
  await presenter.getByTestId('see-recording').waitFor();
  await isAccessible(presenter, 'live-ended');

  const recording = await presenter.getByTestId('see-recording').getAttribute('data-id');
  await withLongTexts(presenter);
  await withLongTexts(viewer);
  await viewer.goto(server.url);
  await viewer.getByTestId('newest-recordings').waitFor();
  await isAccessible(viewer, 'home-recordings');
  await viewer.goto(`${server.url}/recordings`);
  await viewer.getByTestId('recording-card').first().waitFor();
  await isAccessible(viewer, 'recordings');
  await viewer.goto(`${server.url}/recordings/${recording}`);
  await viewer.getByTestId('player-start').waitFor();
  await isAccessible(viewer, 'recording');
  await presenter.goto(`${server.url}/recordings/mine`);
  await presenter.getByTestId('my-recording').first().waitFor();
  await isAccessible(presenter, 'my-recordings');
  await presenter.goto(`${server.url}/recordings/${recording}`);
  await presenter.getByTestId('title-edit').click();
  await presenter.getByTestId('comments-edit').click();
  await isAccessible(presenter, 'recording-own');
  await presenter.keyboard.press('Escape');
  await presenter.getByTestId('recording-delete').click();
  await presenter.getByTestId('delete-confirm').waitFor();
  await isAccessible(presenter, 'recording-delete');
});

test('a call', async () => {
  const names = ['Greta', 'Samir'];
  const [caller, callee] = await Promise.all(
    names.map(async (name) => {
      const page = await open({ session: await server.register(name), init: [installSceneCamera] });
      await page.goto(`${server.url}/calls`);
      return page;
    }),
  );
  await isListed(caller, names[1], 'online');
  await dial(caller, names[1]);
  await incoming(callee, names[0]).waitFor();
  await isAccessible(callee, 'call-incoming');
  await accept(callee, names[0]);
  await Promise.all([inCall(caller, 'connected'), inCall(callee, 'connected')]);
  await isAccessible(callee, 'call');
  await hangUp(callee);
  await inCall(caller, 'ended', { reason: 'hung_up' });
  await isAccessible(caller, 'call-ended');
  await caller.getByTestId('call-close').click();
  await latest(caller);
  await isAccessible(caller, 'calls');
});

test('Chinese pages on the narrowest screen', async () => {
  const guest = await open({ locale: 'zh-CN' });
  for (const where of ['/', '/login', '/register', '/no/such/page']) {
    await guest.goto(server.url + where);
    await guest.locator('html[lang^=zh] h1').first().waitFor({ state: 'attached' });
    await fitsNarrow(guest, `zh${where.replaceAll('/', '-')}`);
  }
  const page = await open({ locale: 'zh-CN', session: await server.register('小雨') });
  await withLongTexts(page);
  for (const where of ['/', '/recordings', '/recordings/mine', '/calls', '/account', '/live']) {
    await page.goto(server.url + where);
    await page.locator('html[lang^=zh] h1').first().waitFor({ state: 'attached' });
    await page.waitForLoadState('networkidle').catch(() => {});
    await fitsNarrow(page, `zh-in${where.replaceAll('/', '-')}`);
  }
});

test('what is told by a colour is told without', async () => {
  const page = await open({ session: await server.register('Fay') });
  await page.emulateMedia({ forcedColors: 'active' });
  await page.goto(`${server.url}/live`);
  await page.getByTestId('go-live').waitFor();
  const seen = await page.evaluate(() => {
    const style = (selector) => getComputedStyle(document.querySelector(selector));
    return {
      here: style('nav a.router-link-exact-active').outlineStyle,
      switch: style('[role=switch] .track').borderTopStyle,
      knob: style('[role=switch] .track span').backgroundColor !== style('[role=switch] .track').backgroundColor,
      meter: style('[data-testid=mic-level] span').borderTopStyle,
      arrow: style('[data-testid=select-camera]').appearance,
      badge: style('[data-testid=live-state] > span').borderTopStyle,
    };
  });
  assert.deepEqual(seen, { here: 'solid', switch: 'solid', knob: true, meter: 'solid', arrow: 'auto', badge: 'solid' });
});

test('titles and names stand as their letters run', async () => {
  const page = await open({ session: await server.register('עברית') });
  await page.goto(server.url);
  assert.equal(await page.locator('[data-testid=user-menu] .nickname').evaluate((e) => getComputedStyle(e).direction), 'rtl');
  // In a list they stand beside their picture all the same, and in a sentence they turn it.
  const other = await open({ session: await server.register('Gil') });
  await other.goto(`${server.url}/calls`);
  await isListed(other, 'עברית', 'online');
  const gap = await person(other, 'עברית').evaluate((row) => {
    const name = document.createRange();
    name.selectNodeContents(row.querySelector('strong'));
    return name.getBoundingClientRect().left - row.querySelector('.state').getBoundingClientRect().left;
  });
  assert.ok(Math.abs(gap) < 2, `${gap} px`);
  await page.goto(`${server.url}/calls`);
  await isListed(page, 'Gil', 'online');
  await dial(page, 'Gil');
  await incoming(other).waitFor();
  assert.equal(await incoming(other).locator('h2').evaluate((e) => getComputedStyle(e).direction), 'rtl');
  await page.getByTestId('call-hang-up').click();
});
