// Calls between real pages: both see and hear each other, every end reaches both, and nothing rings that should not.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { goLive } from '../support/app.mjs';
import {
  accept, dial, hangUp, inCall, incoming, installFirstGeneration, isListed, latest, markOf, noCall, ownComesBack,
  seesAndHears, THEIRS,
} from '../support/calls.mjs';
import { crash, launchChromium, openPage } from '../support/chromium.mjs';
import { MANY_PEOPLE, startServer } from '../support/server.mjs';
import { sleep, until } from '../support/until.mjs';

const SOCKET_IO_2 = path.join(
  path.dirname(createRequire(import.meta.url).resolve('socket.io-client-v2/package.json')),
  'dist/socket.io.js',
);

let browser;
let server;
const sessions = {};
let opened = [];
// Somebody who lets it ring to the end, while everything else goes on.
let patient;

const register = async (...names) => {
  for (const name of names) sessions[name] ??= await server.register(name);
};

// A page of that person, on the page of calls with its line open.
async function open(name, { session = sessions[name], at = '/calls', ...options } = {}) {
  const page = await openPage(browser, server, { session, ...options });
  opened.push(page);
  await page.goto(server.url + at);
  await page.getByTestId('user-menu').waitFor();
  return page;
}

// Two people who can reach each other.
async function two(a, b) {
  await register(a, b);
  const pages = await Promise.all([open(a), open(b)]);
  await Promise.all([isListed(pages[0], b, 'online'), isListed(pages[1], a, 'online')]);
  return pages;
}

async function talk(caller, callee, [a, b]) {
  await dial(caller, b);
  await incoming(callee, a).waitFor();
  await accept(callee, a);
  await Promise.all([inCall(caller, 'connected'), inCall(callee, 'connected')]);
}

const nothingIsLeft = () =>
  until(async () => {
    const ringing = await patient.caller.locator('[data-testid=call-state][data-state=ringing]').count();
    return (await server.metrics()).loopcast_broadcasts === ringing;
  }, 'a broadcast is left over');

before(async () => {
  [browser, server] = await Promise.all([launchChromium({ consent: false }), startServer({ args: MANY_PEOPLE })]);
  await register('pat', 'ned');
  const pages = await Promise.all([open('pat'), open('ned')]);
  await isListed(pages[0], 'ned', 'online');
  await dial(pages[0], 'ned');
  await incoming(pages[1], 'pat').waitFor();
  patient = { caller: pages[0], callee: pages[1], since: Date.now() };
  opened = [];
});
afterEach(async () => {
  await Promise.all(opened.map((page) => page.context().close()));
  opened = [];
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('a call is accepted: both see and hear each other, and either hangs up', async () => {
  const [ann, bob] = await two('ann', 'bob');
  await dial(ann, 'bob');
  await incoming(bob, 'ann').waitFor();
  await inCall(ann, 'ringing');
  const ringing = (await markOf(bob, 'call-incoming')) - (await markOf(ann, 'call-click'));
  await Promise.all([isListed(ann, 'bob', 'busy'), isListed(bob, 'ann', 'busy')]);

  await accept(bob, 'ann');
  const [seen_by_ann, seen_by_bob] = await Promise.all([ann, bob].map((page) => markOf(page, 'call-picture')));
  const pictures = Math.max(seen_by_ann, seen_by_bob) - (await markOf(bob, 'call-answer'));
  console.log(`click to ringing ${Math.round(ringing)} ms, accept to both pictures ${Math.round(pictures)} ms`);
  await Promise.all([inCall(ann, 'connected'), inCall(bob, 'connected')]);
  for (const page of [ann, bob]) {
    await seesAndHears(page);
    await ownComesBack(page);
  }
  // Nobody else knows of it.
  const listed = await fetch(`${server.url}/api/v2/broadcasts?page=1&size=10`, {
    headers: { authorization: `Bearer ${sessions.ann.token}` },
  });
  assert.equal((await listed.json()).total, 0);

  await hangUp(ann);
  await Promise.all([inCall(ann, 'ended', { reason: 'hung_up' }), inCall(bob, 'ended', { reason: 'hung_up' })]);
  await ann.getByTestId('call-text').filter({ hasText: 'You hung up' }).waitFor();
  await bob.getByTestId('call-text').filter({ hasText: 'ann hung up' }).waitFor();
  assert.equal(await bob.getByTestId(THEIRS).count(), 0);
  await nothingIsLeft();

  // Called again, from the other side; and this time the callee hangs up.
  await ann.getByTestId('call-close').click();
  await bob.getByTestId('call-again').click();
  await accept(ann, 'bob');
  await Promise.all([inCall(ann, 'connected'), inCall(bob, 'connected')]);
  await hangUp(ann);
  await inCall(bob, 'ended', { reason: 'hung_up' });
  await bob.getByTestId('call-close').click();
  await noCall(bob);
  await until(async () => (await latest(bob)) === 'made answered ann', () => latest(bob));
  assert.equal(await bob.getByTestId('history-item').count(), 2);
  await nothingIsLeft();
  assert.deepEqual([...ann.problems, ...bob.problems], []);
});

test('declined, cancelled and missed, busy, offline', async () => {
  const [ann, bob] = await two('ann', 'bob');
  await register('carl');
  const carl = await open('carl');
  await dial(ann, 'bob');
  await incoming(bob, 'ann').waitFor();
  // Whoever calls him now does not disturb.
  await isListed(carl, 'bob', 'busy');
  await dial(carl, 'bob');
  await inCall(carl, 'ended', { reason: 'busy' });
  await carl.context().close();
  await incoming(bob, 'ann').getByTestId('incoming-decline').click();
  await inCall(ann, 'ended', { reason: 'declined' });
  await noCall(bob);
  await nothingIsLeft();

  await bob.goto(server.url);
  await bob.getByTestId('home-empty').waitFor();
  await ann.getByTestId('call-again').click();
  await incoming(bob, 'ann').waitFor();
  assert.match(await bob.title(), /ann is calling/);
  await hangUp(ann);
  await inCall(ann, 'ended', { reason: 'cancelled' });
  await bob.getByTestId('call-missed').waitFor();
  await noCall(bob);
  // Missed until the history has been looked at.
  const badge = bob.getByTestId('missed-badge');
  await badge.waitFor();
  await bob.getByTestId('nav-calls').click();
  await badge.waitFor({ state: 'detached' });
  assert.match(await latest(bob), /^received \w+ ann$/);

  await ann.getByTestId('call-close').click();
  await bob.context().close();
  await isListed(ann, 'bob', 'offline');
  await dial(ann, 'bob');
  await inCall(ann, 'ended', { reason: 'offline' });
  await nothingIsLeft();
  assert.deepEqual(ann.problems, []);
});

test('a page that is loaded again goes on with its call', async () => {
  const [ann, bob] = await two('ann', 'bob');
  await talk(ann, bob, ['ann', 'bob']);
  await ann.getByTestId('call-microphone').click();
  for (const [page, other] of [[ann, bob], [bob, ann]]) {
    const since = Date.now();
    await page.reload();
    await inCall(page, 'connected', { ms: 10_000 });
    await inCall(other, 'connected', { ms: 10_000 });
    await Promise.all([page, other].map((each) => each.getByTestId(THEIRS).waitFor()));
    console.log(`resumed after ${Date.now() - since} ms`);
    assert.ok(Date.now() - since <= 10_000);
  }
  // The microphone that was off stays off.
  await seesAndHears(ann);
  assert.match(await ann.getByTestId('call-microphone').getAttribute('class'), /off/);
  await hangUp(ann);
  await inCall(bob, 'ended', { reason: 'hung_up' });
  await nothingIsLeft();
});

test('a call by the keyboard alone: the focus is never lost', async () => {
  const [ann, bob] = await two('ann', 'bob');
  const focused = (page, selector) => page.locator(`${selector}:focus`).waitFor({ state: 'attached' });
  await ann.locator('[data-testid=person][data-nickname=bob] [data-testid=person-call]').focus();
  await ann.keyboard.press('Enter');
  await focused(bob, '[data-testid=incoming-call]');
  await bob.keyboard.press('Tab');
  await bob.keyboard.press('Tab');
  await bob.keyboard.press('Enter');
  await Promise.all([inCall(ann, 'connected'), inCall(bob, 'connected')]);
  await focused(bob, '[data-testid=call-state]');
  await ann.getByTestId('call-minimise').focus();
  await ann.keyboard.press('Enter');
  await focused(ann, '[data-testid=call-restore]');
  await ann.keyboard.press('Enter');
  await focused(ann, '[data-testid=call-state]');
  await ann.getByTestId('call-hang-up').focus();
  await ann.keyboard.press('Enter');
  for (const page of [ann, bob]) {
    await inCall(page, 'ended', { reason: 'hung_up' });
    await focused(page, '[data-testid=call-state]');
    await page.getByTestId('call-close').focus();
    await page.keyboard.press('Enter');
  }
  await focused(ann, '[data-testid=person-call]');
  await focused(bob, 'main');
  await nothingIsLeft();
});

test('a tab whose copy has taken the call over leaves it there', async () => {
  const [ann, bob] = await two('ann', 'bob');
  await talk(ann, bob, ['ann', 'bob']);
  // As a browser duplicates a tab: what it remembers of the call is in both.
  const remembered = await bob.evaluate(() => sessionStorage.getItem('loopcast.call'));
  const copy = await openPage(browser, server, { context: bob.context() });
  await copy.goto(`${server.url}/healthz`);
  await copy.evaluate((text) => sessionStorage.setItem('loopcast.call', text), remembered);
  await copy.goto(`${server.url}/calls`);
  await copy.getByTestId('call-elsewhere').waitFor();
  const attempts = () => bob.evaluate(() => window.probe.peers.length);
  const before = await attempts();
  // The media are lost, and the page has not noticed: the server says who has the call now.
  await bob.evaluate(() => window.probe.peers.forEach((peer) => peer.close()));
  await inCall(copy, 'connected');
  await bob.getByTestId('call-elsewhere').waitFor();
  await inCall(ann, 'connected');
  await sleep(5000);
  assert.equal(await attempts(), before, 'it has tried to take the call back');
  assert.deepEqual([await inCall(ann, 'connected'), await inCall(copy, 'connected')], [undefined, undefined]);
  await bob.getByTestId('call-elsewhere').getByRole('button').click();
  await inCall(ann, 'ended', { reason: 'hung_up' });
  await nothingIsLeft();
});

test('a tab that is closed ends the call; the other side is told', async () => {
  const [ann, bob] = await two('ann', 'bob');
  await talk(ann, bob, ['ann', 'bob']);
  await ann.close();
  await inCall(bob, 'reconnecting');
  await inCall(bob, 'ended', { reason: 'lost' });
  await nothingIsLeft();
});

test('a page that crashes says nothing, and is waited for', async () => {
  const [ann, bob] = await two('ann', 'bob');
  await talk(ann, bob, ['ann', 'bob']);
  await crash(ann);
  await inCall(bob, 'reconnecting');
  await inCall(bob, 'ended', { reason: 'lost' });
  await nothingIsLeft();
});

test('a microphone and a camera that are off are told to the other side', async () => {
  const [ann, bob] = await two('ann', 'bob');
  await talk(ann, bob, ['ann', 'bob']);
  const silent = bob.getByTestId('call-their-microphone-off');
  assert.equal(await silent.count(), 0);
  await ann.getByTestId('call-microphone').click();
  await silent.filter({ hasText: 'The microphone of ann is off' }).waitFor();
  await ann.getByTestId('call-camera').click();
  await bob.getByTestId('call-text').filter({ hasText: 'The camera of ann is off' }).waitFor();
  assert.ok(await silent.isVisible());
  // A camera that is off is no bad connection.
  await sleep(6500);
  assert.equal(await bob.getByTestId('call-quality').getAttribute('data-grade'), 'good');
  await ann.getByTestId('call-microphone').click();
  await silent.waitFor({ state: 'detached' });
  await ann.getByTestId('call-camera').click();
  await seesAndHears(bob);
  await hangUp(ann);
  await inCall(bob, 'ended', { reason: 'hung_up' });
  await nothingIsLeft();
});

test('who is blocked cannot call any more, and hears no reason; until that is taken back', async () => {
  const [eve, fay] = await two('eve', 'fay');
  await dial(eve, 'fay');
  await incoming(fay, 'eve').getByTestId('incoming-block').click();
  await inCall(eve, 'ended', { reason: 'declined' });
  await noCall(fay);
  await eve.getByTestId('call-close').click();
  await fay.locator('[data-testid=blocked-person][data-nickname=eve]').waitFor({ state: 'attached' });
  await isListed(eve, 'fay', 'online');
  await dial(eve, 'fay');
  await inCall(eve, 'ended', { reason: 'offline' });
  await eve.getByTestId('call-text').filter({ hasText: 'cannot be reached' }).waitFor();
  assert.equal(await incoming(fay).count(), 0);
  assert.equal(await fay.getByTestId('missed-badge').count(), 0);
  assert.equal(await latest(fay), 'received declined eve');
  await eve.getByTestId('call-close').click();
  await fay.getByTestId('blocked').locator('summary').click();
  await fay.getByTestId('unblock').click();
  await fay.getByTestId('blocked').waitFor({ state: 'detached' });
  await dial(eve, 'fay');
  await incoming(fay, 'eve').getByTestId('incoming-decline').click();
  await inCall(eve, 'ended', { reason: 'declined' });
  // From the history, after a question.
  await fay.getByTestId('history-block').first().click();
  await fay.getByTestId('block-confirm').click();
  await fay.getByTestId('history-unblock').first().waitFor();
  await nothingIsLeft();
  assert.deepEqual([...eve.problems, ...fay.problems], []);
});

test('all devices of the callee ring, and one answers', async () => {
  const [ann, bob] = await two('ann', 'bob');
  const response = await fetch(`${server.url}/api/v2/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ nickname: 'bob', password: 'secret12' }),
  });
  const tablet = await open('bob', { session: await response.json(), at: '/' });
  await dial(ann, 'bob');
  await Promise.all([incoming(bob, 'ann').waitFor(), incoming(tablet, 'ann').waitFor()]);
  await accept(tablet, 'ann');
  await Promise.all([inCall(ann, 'connected'), inCall(tablet, 'connected')]);
  await noCall(bob);
  await seesAndHears(tablet);
  await hangUp(tablet);
  await inCall(ann, 'ended', { reason: 'hung_up' });
  await noCall(bob);
});

test('the first generation of the client calls and is called', async () => {
  await register('ann', 'olga');
  const ann = await open('ann');
  // Our page is signed out there: only the old client answers for her.
  const olga = await openPage(browser, server, { init: [[{ path: SOCKET_IO_2 }], installFirstGeneration] });
  opened.push(olga);
  await olga.goto(server.url);
  await olga.evaluate((token) => {
    window.old = new window.FirstGeneration(token);
  }, sessions.olga.token);
  await isListed(ann, 'olga', 'online');
  const heard = (name) => until(() => olga.evaluate((n) => window.old.events.some((e) => e.name === n), name), name);

  await dial(ann, 'olga');
  await heard('call');
  await olga.evaluate(() => window.old.answer());
  await inCall(ann, 'connected');
  await seesAndHears(ann);
  // Her media say goodbye before she does: that is no loss, and the line is free at once.
  await olga.evaluate(() => window.old.hang_up(3000));
  await inCall(ann, 'ended', { reason: 'hung_up', ms: 2500 });
  await ann.getByTestId('call-text').filter({ hasText: 'olga hung up' }).waitFor();
  await ann.getByTestId('call-close').click();
  await isListed(ann, 'olga', 'online', 2500);

  await olga.evaluate(() => window.old.call('ann'));
  await accept(ann, 'olga');
  await heard('callaccepted');
  await inCall(ann, 'connected');
  await seesAndHears(ann);
  assert.ok(await olga.evaluate(() => window.probe.pictures(window.old.theirs, 10, 10_000)));
  await hangUp(ann);
  await heard('presentorgone');
  await nothingIsLeft();
});

test('a call reaches who is on air, and says so', async () => {
  const [ann, bob] = await two('ann', 'bob');
  const id = await goLive(bob, server);
  await isListed(ann, 'bob', 'live');
  await dial(ann, 'bob');
  await incoming(bob, 'ann').getByTestId('incoming-on-air').waitFor();
  await incoming(bob, 'ann').getByTestId('incoming-decline').click();
  await inCall(ann, 'ended', { reason: 'declined' });
  assert.ok((await bob.getByTestId('share-link').inputValue()).endsWith(id));
});

test('a camera that is denied is explained, and sound alone will do', async () => {
  await register('dan', 'bob');
  const bob = await open('bob');
  const dan = await open('dan', { permissions: ['microphone'] });
  await isListed(dan, 'bob', 'online');
  await dial(dan, 'bob');
  await inCall(dan, 'blocked');
  await dan.getByTestId('call-text').filter({ hasText: 'blocked for this page' }).waitFor();
  assert.equal(await incoming(bob).count(), 0);
  await dan.getByTestId('call-less').click();
  await accept(bob, 'dan');
  await Promise.all([inCall(dan, 'connected'), inCall(bob, 'connected')]);
  await seesAndHears(dan);

  // It is recorded while both agree, for both to see; either ends that.
  const sign = (page) => page.getByTestId('call-recording');
  await dan.getByTestId('call-record').click();
  await dan.getByTestId('consent-ask').click();
  await dan.locator('[data-testid=call-consent][data-view=waiting]').waitFor();
  assert.equal(await sign(dan).count() + (await sign(bob).count()), 0);
  await bob.getByTestId('consent-agree').click();
  await Promise.all([sign(dan).waitFor(), sign(bob).waitFor()]);
  await dan.getByTestId('call-record').click();
  await dan.getByTestId('consent-withdraw').click();
  await Promise.all([dan, bob].map((page) => sign(page).waitFor({ state: 'detached' })));
  await hangUp(bob);
  await inCall(dan, 'ended', { reason: 'hung_up' });
  await nothingIsLeft();
});

test('nobody answers: it stops ringing by itself', async () => {
  const { caller, callee, since } = patient;
  await inCall(caller, 'ended', { reason: 'no_answer', ms: Math.max(1000, since + 40_000 - Date.now()) });
  await noCall(callee);
  assert.match(await latest(caller), /^made no_answer ned$/);
  await callee.getByTestId('call-missed').waitFor();
  await nothingIsLeft();
  assert.deepEqual([...caller.problems, ...callee.problems], []);
});
