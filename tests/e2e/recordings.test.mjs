// A broadcast becomes a recording that people find, play, seek in, change and delete, and that nobody else sees once
// it is private.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { goLive, stopLive, waitForState } from '../support/app.mjs';
import { closePages, launchChromium, openPage } from '../support/chromium.mjs';
import { MANY_PEOPLE, startServer } from '../support/server.mjs';
import { sleep, until } from '../support/until.mjs';

let browser;
let server;
const sessions = {};

before(async () => {
  [browser, server] = await Promise.all([launchChromium(), startServer({ args: MANY_PEOPLE })]);
  for (const name of ['paula', 'bob']) sessions[name] = await server.register(name);
});
afterEach(() => closePages(browser));
after(async () => {
  await browser?.close();
  await server?.stop();
});

const open = (name) => openPage(browser, server, { session: sessions[name] });
const video = (page) => page.getByTestId('recording-video');
const card = (page, id) => page.locator(`[data-testid=recording-card][data-id="${id}"]`);
const row = (page, id) => page.locator(`[data-testid=my-recording][data-id="${id}"]`);

async function ask(name, method, path) {
  const response = await fetch(`${server.url}/api/v2${path}`, {
    method,
    headers: { authorization: `Bearer ${sessions[name].token}` },
  });
  return { status: response.status, body: response.status === 204 ? null : await response.json() };
}

// Records a broadcast of some seconds in that page; answers the recording's id.
async function record(page, seconds) {
  await goLive(page, server);
  const sign = page.locator('[data-testid=recording-sign][data-state=on]');
  await sign.waitFor();
  await sleep(seconds * 1000);
  await stopLive(page);
  const link = page.getByTestId('see-recording');
  await link.waitFor();
  return link.getAttribute('data-id');
}

async function openRecording(page, id) {
  await page.goto(`${server.url}/recordings/${id}`);
  await waitForState(page, 'recording-page', 'playing');
  await until(() => video(page).evaluate((v) => v.readyState >= 2), 'there is something to play');
}

const time = (page) => video(page).evaluate((v) => v.currentTime);

// The picture moves: frames are decoded and the time goes on.
async function moves(page) {
  const figures = () =>
    video(page).evaluate((v) => ({ at: v.currentTime, frames: v.getVideoPlaybackQuality().totalVideoFrames }));
  const before = await figures();
  await until(
    async () => {
      const now = await figures();
      return now.at > before.at + 0.3 && now.frames > before.frames + 3;
    },
    async () => `it stands at ${JSON.stringify(await figures())}`,
  );
}

test('record, find, play, seek, edit, hide, delete', async () => {
  const paula = await open('paula');
  const began = Date.now();
  const id = await record(paula, 8);
  const took = (Date.now() - began) / 1000;
  await paula.getByTestId('see-recording').click();
  await waitForState(paula, 'recording-page', 'playing');
  await until(() => video(paula).evaluate((v) => v.readyState >= 2), 'there is something to play');

  // As long as the broadcast was, and no longer than all of it took.
  const { body: facts } = await ask('paula', 'GET', `/recordings/${id}`);
  assert.ok(facts.duration > 7 && facts.duration < took, `${facts.duration} s long, in ${took} s`);
  const duration = await video(paula).evaluate((v) => v.duration);
  assert.ok(Math.abs(duration - facts.duration) < 0.5, `${duration} s in the player, ${facts.duration} s in the library`);
  assert.deepEqual([facts.width, facts.height], [640, 360]);

  // A key plays it, the bar seeks in it, the keys as well.
  await paula.keyboard.press('k');
  await moves(paula);
  const bar = await paula.getByTestId('seek-bar').boundingBox();
  await paula.mouse.move(bar.x + bar.width * 0.8, bar.y + bar.height / 2);
  await paula.getByTestId('seek-preview').waitFor();
  await paula.mouse.click(bar.x + bar.width / 2, bar.y + bar.height / 2);
  await until(async () => Math.abs((await time(paula)) - duration / 2) < 1.5, async () => `it is at ${await time(paula)}`);
  await moves(paula);
  // Short as it is, it may have come to its end meanwhile.
  if (!(await video(paula).evaluate((v) => v.paused))) await paula.getByTestId('player-toggle').click();
  await until(() => video(paula).evaluate((v) => v.paused), 'it pauses');
  await paula.getByTestId('seek-bar').focus();
  await paula.keyboard.press('Home');
  await until(async () => (await time(paula)) < 0.5, async () => `it is at ${await time(paula)}`);
  await paula.keyboard.press('End');
  await until(() => video(paula).evaluate((v) => v.ended || v.currentTime >= v.duration - 0.3), 'it is at its end');
  await paula.locator('h1').click();
  await paula.keyboard.press('2');
  await until(async () => Math.abs((await time(paula)) - duration * 0.2) < 0.5, 'a digit goes to its tenth');

  await paula.getByTestId('title-edit').click();
  await paula.getByTestId('title-field').fill('Test cards of Lyon');
  await paula.getByTestId('title-save').click();
  await paula.locator('h1', { hasText: 'Test cards of Lyon' }).waitFor();
  await paula.getByTestId('comments-edit').click();
  await paula.getByTestId('comments-field').fill('First line\nSecond line');
  await paula.getByTestId('comments-save').click();
  await paula.getByTestId('recording-comments').filter({ hasText: 'Second line' }).waitFor();

  // Somebody else finds it by a part of its title, and plays it.
  const bob = await open('bob');
  await bob.goto(`${server.url}/recordings`);
  await card(bob, id).waitFor();
  await bob.getByTestId('filter-presenter').fill('nobody');
  await bob.getByTestId('recordings-nothing').waitFor();
  await bob.getByTestId('filter-presenter').fill('paul');
  await bob.getByTestId('filter-title').fill('cards');
  await bob.waitForURL((url) => url.searchParams.get('q') === 'cards' && url.searchParams.get('presenter') === 'paul');
  await card(bob, id).click();
  await waitForState(bob, 'recording-page', 'playing');
  assert.equal(await bob.getByTestId('title-edit').count(), 0);
  await bob.getByTestId('player-start').click();
  await moves(bob);
  // The filters are still there on the way back.
  await bob.goBack();
  await card(bob, id).waitFor();
  assert.equal(await bob.getByTestId('filter-title').inputValue(), 'cards');

  // Private: nobody else finds it, sees it, or gets a byte by an address from before.
  const { body: seen } = await ask('bob', 'GET', `/recordings/${id}`);
  assert.equal((await fetch(server.url + seen.url, { headers: { range: 'bytes=0-9' } })).status, 206);
  await paula.getByTestId('visibility').selectOption('private');
  await until(async () => (await ask('paula', 'GET', `/recordings/${id}`)).body.visibility === 'private', 'it is private');
  assert.deepEqual((await ask('bob', 'GET', '/recordings')).body.recordings, []);
  assert.ok([403, 404].includes((await ask('bob', 'GET', `/recordings/${id}`)).status));
  assert.ok([403, 404].includes((await fetch(server.url + seen.url)).status));
  if (seen.thumbnail) assert.ok([403, 404].includes((await fetch(server.url + seen.thumbnail)).status));
  assert.deepEqual(bob.problems, []);
  await bob.goto(`${server.url}/recordings/${id}`);
  await bob.locator('[data-testid=recording-page]:is([data-state=not_found],[data-state=forbidden])').waitFor();

  // Unlisted: by its link only.
  await paula.getByTestId('visibility').selectOption('unlisted');
  await until(async () => (await ask('bob', 'GET', `/recordings/${id}`)).status === 200, 'the link works');
  assert.deepEqual((await ask('bob', 'GET', '/recordings')).body.recordings, []);

  await paula.goto(`${server.url}/recordings/mine`);
  await row(paula, id).getByTestId('my-recording-delete').click();
  await paula.getByTestId('delete-confirm').click();
  await paula.getByTestId('my-recordings-empty').waitFor();
  assert.equal((await ask('paula', 'GET', `/recordings/${id}`)).status, 404);
  assert.deepEqual(paula.problems, []);
});

test('an address that expires while it plays is renewed, and it goes on at the same place', async () => {
  const paula = await open('paula');
  const id = await record(paula, 6);
  await openRecording(paula, id);
  const duration = await video(paula).evaluate((v) => v.duration);
  await paula.keyboard.press('2');
  await until(async () => Math.abs((await time(paula)) - duration * 0.2) < 0.1, async () => `it is at ${await time(paula)}`);
  const before = await time(paula);

  // The address is refused once, as one that has expired is; the one that is asked for then works.
  let asked = 0;
  const media = /\/media\/[^?]*\.(mp4|webm)/;
  await paula.route(media, (route) => (++asked === 1 ? route.fulfill({ status: 403 }) : route.fallback()));
  await video(paula).evaluate((v) => v.load());
  await until(() => asked >= 2, async () => `${asked} requests`);
  await until(() => video(paula).evaluate((v) => v.readyState >= 2), 'it is there again');
  await until(async () => Math.abs((await time(paula)) - before) < 0.5, async () => `it was at ${before}, and is at ${await time(paula)}`);
  assert.equal(await paula.getByTestId('player').getAttribute('data-failed'), 'false');
  await paula.getByTestId('player-toggle').click();
  await moves(paula);

  // One that never comes back is told, and asked for again on demand.
  await paula.unroute(media);
  await paula.route(media, (route) => route.fulfill({ status: 403 }));
  await video(paula).evaluate((v) => v.load());
  await paula.getByTestId('player-retry').waitFor();
  await paula.unroute(media);
  await paula.getByTestId('player-retry').click();
  await until(() => video(paula).evaluate((v) => v.readyState >= 2), 'it is there again');
  assert.deepEqual(paula.problems.filter((text) => !text.includes('403')), []);
});

test('one’s own list follows the broadcast; what is not to be recorded is not', async () => {
  const [studio, desk] = [await open('paula'), await open('paula')];
  await desk.goto(`${server.url}/recordings/mine`);
  await goLive(studio, server);
  const sign = studio.locator('[data-testid=recording-sign][data-state=on]');
  await sign.waitFor();
  const id = await sign.getAttribute('data-id');
  const state = (of) => desk.locator(`[data-testid=my-recording][data-id="${id}"][data-state=${of}]`);
  await state('recording').waitFor();
  await sleep(2500);
  await stopLive(studio);
  await state('ready').waitFor();

  const { body: before } = await ask('paula', 'GET', '/recordings?mine=1');
  await studio.reload();
  await studio.getByTestId('record-switch').click();
  assert.equal(await studio.getByTestId('record-switch').getAttribute('aria-checked'), 'false');
  await goLive(studio, server);
  await studio.locator('[data-testid=recording-sign][data-state=off]').waitFor();
  await sleep(1500);
  await stopLive(studio);
  const { body: after } = await ask('paula', 'GET', '/recordings?mine=1');
  assert.equal(after.total, before.total);
  assert.deepEqual([...studio.problems, ...desk.problems], []);
});
