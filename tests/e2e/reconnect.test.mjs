// Networks that go away for a while, or become others: who presents and who watches go on by themselves, and what was
// one broadcast stays one, with one recording.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { goLive, LOOPBACK, plays, stateOf, stopLive, waitForState, watch, WATCH } from '../support/app.mjs';
import { closePages, launchChromium, openPage } from '../support/chromium.mjs';
import { makeLine } from '../support/line.mjs';
import { MANY_PEOPLE, startServer } from '../support/server.mjs';
import { sleep, until } from '../support/until.mjs';

let line;
let server;
// One on the line that breaks, one beside it.
let far;
let near;
before(async () => {
  line = await makeLine();
  server = await startServer({ host: line.address, args: MANY_PEOPLE });
  const secure = [server.url];
  [far, near] = await Promise.all([launchChromium({ line, secure }), launchChromium({ secure })]);
});
afterEach(() => Promise.all([closePages(far), closePages(near)]));
after(async () => {
  await Promise.all([far?.close(), near?.close()]);
  await server?.stop();
  await line?.close();
});

let people = 0;
const person = () => server.register(`person ${++people}`);

async function recordings(session) {
  const response = await fetch(`${server.url}/api/v2/recordings?mine=1`, {
    headers: { authorization: `Bearer ${session.token}` },
  });
  return (await response.json()).recordings;
}

const linkOf = async (page) => (await page.getByTestId('share-link').inputValue()).split('/').at(-1);

// When the page is in this state (again), in ms since 1970.
async function arrives(page, id, state, ms) {
  await waitForState(page, id, state, ms);
  return Date.now();
}

// A broadcast over the line, and somebody who watches it beside the line.
async function onAir() {
  const session = await person();
  const presenter = await openPage(far, server, { session });
  const id = await goLive(presenter, server);
  const viewer = await openPage(near, server, { session: await person() });
  await watch(viewer, server, id);
  // Every state that the viewer goes through.
  await viewer.evaluate(() => {
    const badge = document.querySelector('[data-testid=watch-state]');
    window.states = [badge.dataset.state];
    new MutationObserver(() => {
      if (window.states.at(-1) !== badge.dataset.state) window.states.push(badge.dataset.state);
    }).observe(badge, { attributes: true });
  });
  return { session, presenter, viewer, id };
}

// The presenter is live again or will be; the viewer follows, and one recording is left of it all.
async function goesOn({ session, presenter, viewer, id }, ms = 30_000) {
  const back = await arrives(presenter, 'live-state', 'live', ms);
  await plays(presenter, LOOPBACK);
  const followed = await arrives(viewer, 'watch-state', 'live');
  await plays(viewer, WATCH);
  const states = await viewer.evaluate(() => window.states);
  console.log(`viewer: ${states.join(' → ')}, ${followed - back} ms after the presenter`);
  assert.ok(followed - back < 3000 + 1000, `it took ${followed - back} ms`);
  assert.ok(!states.includes('ended') && !states.includes('failed'), `${states}`);
  assert.equal(await linkOf(presenter), id, 'the link that was shared is another');
  const metrics = await server.metrics();
  assert.equal(metrics.loopcast_broadcasts, 1, 'one broadcast');
  assert.equal(metrics.loopcast_broadcasts_away, 0);
  // Who has the link from before finds it too.
  const late = await openPage(near, server, { session: await person() });
  await watch(late, server, id);
  await stopLive(presenter);
  await waitForState(viewer, 'watch-state', 'ended');
  await until(
    async () => (await recordings(session)).some((r) => r.state === 'ready'),
    async () => `no recording: ${JSON.stringify(await recordings(session))}`,
  );
  assert.equal((await recordings(session)).length, 1, JSON.stringify(await recordings(session)));
}

for (const [seconds, how] of [[6, 'unplugged'], [20, 'unplugged'], [12, 'silent']])
  test(`the presenter has no network for ${seconds} s (${how}): one broadcast, one recording`, async () => {
    const all = await onAir();
    await line.cut(how);
    await sleep(seconds * 1000);
    await line.mend();
    await goesOn(all);
  });

test('the presenter gets another address: one broadcast, one recording', async () => {
  const all = await onAir();
  await line.move();
  await until(async () => (await stateOf(all.presenter, 'live-state')) !== 'live', 'the page has noticed nothing', 60_000);
  await goesOn(all);
});

test('the presenter’s page is loaded again: one press, and it goes on', async () => {
  const all = await onAir();
  const { presenter, viewer } = all;
  presenter.on('dialog', (dialog) => dialog.accept().catch(() => {}));
  await presenter.reload();
  await waitForState(viewer, 'watch-state', 'away');
  await presenter.getByTestId('go-on').click();
  await goesOn(all);
});

test('the presenter ends what was interrupted: the viewers are told at once', async () => {
  const { presenter, viewer } = await onAir();
  presenter.on('dialog', (dialog) => dialog.accept().catch(() => {}));
  await presenter.reload();
  await waitForState(viewer, 'watch-state', 'away');
  await presenter.getByTestId('end-interrupted').click();
  await waitForState(viewer, 'watch-state', 'ended', 5000);
});

test('a viewer whose network is away for 75 s comes back by himself', async () => {
  const session = await person();
  const presenter = await openPage(near, server, { session });
  const id = await goLive(presenter, server);
  const viewer = await openPage(far, server, { session: await person() });
  await watch(viewer, server, id);
  await line.cut();
  await waitForState(viewer, 'watch-state', 'reconnecting');
  await sleep(75_000);
  await line.mend();
  const mended = Date.now();
  console.log(`back after ${(await arrives(viewer, 'watch-state', 'live', 15_000)) - mended} ms`);
  await plays(viewer, WATCH);
});
