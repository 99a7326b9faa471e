// How old a picture is when it is shown, and how long a click takes: measured by barcodes with the time in the picture.
// The figures are printed; the limits here only catch what is broken, as machines that run tests are noisy.
import assert from 'node:assert/strict';
import { loadavg } from 'node:os';
import { after, before, test } from 'node:test';
import { goLive, LOOPBACK, plays, stopLive, waitForState, WATCH } from '../support/app.mjs';
import { launchChromium, openPage } from '../support/chromium.mjs';
import { installBarcodeCamera } from '../support/probe.mjs';
import { MANY_PEOPLE, startServer } from '../support/server.mjs';

const STARTS = 3;
const JOINS = 5;
const PICTURES = 150;
const MAX_LOOPBACK_MS = 5000;
const MAX_JOIN_MS = 3000;
const MAX_AGE_MS = 1000;

let browser;
let server;
before(async () => {
  [browser, server] = await Promise.all([launchChromium(), startServer({ args: MANY_PEOPLE })]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const percentile = (values, p) => {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))]);
};

// From the last mark of the click to the mark of the first picture.
const between = (page, click, picture) =>
  page.evaluate(
    ([from, to]) => {
      const at = (name) => performance.getEntriesByName(name).at(-1).startTime;
      return at(to) - at(from);
    },
    [click, picture],
  );

const ages = (page, id) => page.getByTestId(id).evaluate((video, n) => window.probe.ages(video, n, 30_000), PICTURES);

test('from click to picture, and from glass to glass', async (t) => {
  const [ann, bob] = [await server.register('ann'), await server.register('bob')];
  const presenter = await openPage(browser, server, { session: ann, init: [installBarcodeCamera] });
  await presenter.goto(`${server.url}/live`);
  const starts = [];
  let id;
  for (let i = 0; i < STARTS; ++i) {
    if (i > 0) await stopLive(presenter);
    id = await goLive(presenter, server);
    starts.push(await between(presenter, 'loopback-click', 'loopback-picture'));
  }

  const viewer = await openPage(browser, server, { session: bob });
  const joins = [];
  for (let i = 0; i < JOINS; ++i) {
    await viewer.goto(server.url);
    await viewer.locator(`[data-testid=broadcast-card][data-id="${id}"]`).click();
    await waitForState(viewer, 'watch-state', 'live');
    await plays(viewer, WATCH, 1);
    joins.push(await between(viewer, 'watch-click', 'watch-picture'));
  }

  // Once the encoder has settled; both at once, as in life.
  await Promise.all([plays(presenter, LOOPBACK, 60), plays(viewer, WATCH, 60)]);
  const [loopback, watched] = await Promise.all([ages(presenter, LOOPBACK), ages(viewer, WATCH)]);
  const load = loadavg()[0].toFixed(1);

  const row = (name, values, target, note = '') =>
    `${name.padEnd(34)} ${String(percentile(values, 0.5)).padStart(6)} ${String(percentile(values, 0.95)).padStart(6)} ` +
    `${String(target).padStart(7)}  ${note || `n=${values.length}`}`;
  const read = ({ ages: found, unreadable, first, last }) =>
    `n=${found.length}, ${unreadable} unreadable, ${last - first + 1} drawn meanwhile`;
  t.diagnostic(`ms                                    p50    p95  target  (load ${load})`);
  t.diagnostic(row('click to loopback', starts, 1000));
  t.diagnostic(row('click to picture of a viewer', joins, 500));
  t.diagnostic(row('glass to glass, loopback', loopback.ages, 200, read(loopback)));
  t.diagnostic(row('glass to glass, viewer', watched.ages, 200, read(watched)));

  assert.ok(percentile(starts, 0.5) <= MAX_LOOPBACK_MS, `click to loopback: ${starts}`);
  assert.ok(percentile(joins, 0.5) <= MAX_JOIN_MS, `click to picture: ${joins}`);
  for (const [name, seen] of [['loopback', loopback], ['viewer', watched]]) {
    assert.equal(seen.ages.length, PICTURES, `${name}: ${seen.ages.length} pictures read`);
    assert.ok(seen.unreadable <= PICTURES / 10, `${name}: ${seen.unreadable} pictures unreadable`);
    assert.ok(percentile(seen.ages, 0.5) <= MAX_AGE_MS, `${name}: p50 ${percentile(seen.ages, 0.5)} ms`);
  }
  await stopLive(presenter);
});
