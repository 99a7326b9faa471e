// The page's line to the server where it does not go as it should: networks that pass no WebSocket, a server that will not
// have one more page, a ring whose end is never heard, and the browser's own rules on which tab may ring.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { goLive, plays, waitForState, WATCH } from '../support/app.mjs';
import { dial, inCall, incoming, isListed, noCall } from '../support/calls.mjs';
import { closePages, launchChromium, openPage } from '../support/chromium.mjs';
import { account, GENERATIONS, makeNetwork, MANY_ADDRESSES, Page } from '../support/pages.mjs';
import { startServer } from '../support/server.mjs';
import { silentProxy } from '../support/silent_proxy.mjs';
import { sleep, until } from '../support/until.mjs';

let browser;
let server;
const closing = [];

before(async () => {
  // Autoplay as for everybody: sound only for a page that was touched.
  [browser, server] = await Promise.all([launchChromium({ autoplay: false }), startServer({ args: MANY_ADDRESSES })]);
});
afterEach(async () => {
  await closePages(browser);
  closing.splice(0).forEach((thing) => thing.close());
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function open(session, { at = '/calls', from = server.url, ...options } = {}) {
  const page = await openPage(browser, { url: from }, { session, ...options });
  await page.goto(from + at);
  await page.getByTestId('user-menu').waitFor();
  return page;
}

// Tells of each note that a page starts while it may be heard. By the console: whatever this library evaluates in a page
// counts as a touch of it.
function tellNotes() {
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...args) {
    if (this.context.state === 'running') console.debug('a note');
    return start.apply(this, args);
  };
}
function notesOf(page) {
  const heard = { count: 0 };
  page.on('console', (message) => {
    if (message.text() === 'a note') heard.count += 1;
  });
  return heard;
}

for (const mute of [false, true]) {
  test(`behind a proxy whose WebSockets hang (${mute ? 'mute' : 'unanswered'}) the page goes on by polling`, async () => {
    const [anna, ben] = [await account(server), await account(server)];
    const presenter = await open(anna);
    const id = await goLive(presenter, server);
    const proxy = await silentProxy(server, { mute });
    closing.push(proxy);
    const viewer = await open(ben, { at: `/watch/${id}`, from: proxy.url });
    await waitForState(viewer, 'watch-state', 'live', 20_000);
    assert.ok(proxy.upgrades > 0, 'a WebSocket was tried first');
    // Its call line is there as well.
    const line = new Page(server, anna.token, GENERATIONS['second generation']);
    closing.push(line);
    await line.ask('online');
    const seen = () => fetch(`${server.url}/api/v2/people?q=${encodeURIComponent(ben.nickname)}`, {
      headers: { authorization: `Bearer ${anna.token}` } }).then((r) => r.json());
    await until(async () => (await seen()).people[0]?.state === 'online', 'the line', 20_000);
    await plays(viewer, WATCH);
  });
}

test('of two tabs, the one that may make a sound rings', async () => {
  const [anna, ben] = [await account(server), await account(server)];
  // Never touched, and the first to hear of the call.
  const silent = await openPage(browser, server, { session: ben, init: [tellNotes] });
  await silent.goto(`${server.url}/calls`);
  await sleep(2000);
  const touched = await open(ben, { context: silent.context() });
  const [in_silence, to_be_heard] = [notesOf(silent), notesOf(touched)];
  await touched.mouse.click(5, 300);
  const caller = await open(anna);
  await isListed(caller, ben.nickname, 'online');
  await dial(caller, ben.nickname);
  await incoming(touched).waitFor();
  await until(() => to_be_heard.count > 0, () => `it rings in neither: ${in_silence.count}`, 10_000);
  assert.equal(in_silence.count, 0);
  await incoming(touched).getByTestId('incoming-decline').click();
  await inCall(caller, 'ended', { reason: 'declined' });
});

test('a ring ends soon after the line of the callee is lost', async () => {
  const [anna, ben] = [await account(server), await account(server)];
  const network = await makeNetwork(server);
  closing.push(network);
  const callee = await open(ben, { from: network.url });
  const caller = await open(anna);
  await isListed(caller, ben.nickname, 'online');
  await dial(caller, ben.nickname);
  await incoming(callee).waitFor();
  network.cut();
  await inCall(caller, 'ended', { reason: 'offline', ms: 12_000 });
  await incoming(callee).waitFor({ state: 'detached', timeout: 10_000 });
  await callee.getByTestId('call-missed').waitFor();
});

test('Escape does not hide an incoming call, however often it is pressed', async () => {
  const [anna, ben] = [await account(server), await account(server)];
  const [callee, caller] = [await open(ben), await open(anna)];
  await isListed(caller, ben.nickname, 'online');
  await dial(caller, ben.nickname);
  await incoming(callee).waitFor();
  for (let i = 0; i < 6; ++i) {
    await callee.keyboard.press('Escape');
    await sleep(100);
  }
  // It may be gone for a moment: the browser closes it, and the page opens it again.
  await sleep(500);
  await incoming(callee).waitFor({ timeout: 3000 });
  await incoming(callee).getByTestId('incoming-decline').click();
  await noCall(callee);
  await inCall(caller, 'ended', { reason: 'declined' });
});

test('a server that will not have one more page of an account does not sign it out', async () => {
  const anna = await account(server);
  const lines = Array.from({ length: 64 }, () => new Page(server, anna.token, GENERATIONS['second generation, WebSocket only']));
  closing.push(...lines);
  await Promise.all(lines.map((line) => line.connected()));
  await sleep(500);
  const page = await openPage(browser, server, { session: anna });
  await page.goto(`${server.url}/calls`);
  await page.getByTestId('connection-banner').filter({ hasText: 'Too many pages' }).waitFor();
  assert.ok(await page.getByTestId('user-menu').isVisible());
  assert.equal(await page.evaluate(() => localStorage.getItem('loopcast.token')), anna.token);
  for (const line of lines.slice(0, 8)) line.close();
  await page.getByTestId('connection-banner').waitFor({ state: 'detached', timeout: 30_000 });
});
