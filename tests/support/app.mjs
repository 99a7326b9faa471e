// Drives the web app as a person would, and says what is on the screen.
import assert from 'node:assert/strict';
import { until } from './until.mjs';

export const LOOPBACK = 'loopback-video';
export const WATCH = 'watch-video';

export const stateOf = (page, id) => page.getByTestId(id).getAttribute('data-state');

export async function waitForState(page, id, state, ms = 30_000) {
  const there = page.locator(`[data-testid=${id}][data-state=${state}]`);
  await there.waitFor({ state: 'attached', timeout: ms }).catch(async () => {
    const seen = await page.locator(`[data-testid=${id}]`).evaluateAll((all) => all.map((e) => e.dataset.state));
    throw new Error(`${id} is not "${state}" but "${seen}" at ${page.url()}; ${page.problems.join('; ')}`);
  });
}

export async function signUp(page, server, nickname, password = 'secret12') {
  await page.goto(`${server.url}/register`);
  await page.getByTestId('auth-nickname').fill(nickname);
  await page.getByTestId('auth-password').fill(password);
  await page.getByTestId('auth-submit').click();
  await page.waitForURL((url) => url.pathname === '/');
}

// Presses the button and waits for the picture. Answers the broadcast's id.
export async function goLive(page, server) {
  if (new URL(page.url()).pathname !== '/live') await page.goto(`${server.url}/live`);
  await page.getByTestId('go-live').click();
  await waitForState(page, 'live-state', 'live');
  await plays(page, LOOPBACK);
  const link = await page.getByTestId('share-link').inputValue();
  return decodeURIComponent(link.slice(link.lastIndexOf('/') + 1));
}

export async function stopLive(page) {
  await page.getByTestId('stop-live').click();
  // It asks if somebody is watching.
  const ended = page.locator('[data-testid=live-state][data-state=ended]');
  await ended.or(page.getByTestId('stop-confirm')).first().waitFor();
  if ((await ended.count()) === 0) await page.getByTestId('stop-confirm').click();
  await waitForState(page, 'live-state', 'ended');
}

export async function watch(page, server, id) {
  await page.goto(`${server.url}/watch/${id}`);
  await waitForState(page, 'watch-state', 'live');
  await plays(page, WATCH);
}

// New pictures keep appearing in that video.
export async function plays(page, id, count = 15) {
  const video = page.getByTestId(id);
  const shown = await video.evaluate((v, n) => window.probe.pictures(v, n, 30_000), count);
  assert.ok(shown, `${id} does not show ${count} new pictures`);
}

export const rtp = (page, kind, direction) => page.evaluate(([k, d]) => window.probe.rtp(k, d), [kind, direction]);

// A figure of what the page receives goes up.
export async function grows(page, kind, figure) {
  const before = (await rtp(page, kind))?.[figure] ?? 0;
  await until(
    async () => ((await rtp(page, kind))?.[figure] ?? 0) > before,
    async () => `${kind} ${figure} stays at ${before}: ${JSON.stringify(await rtp(page, kind))}`,
  );
}

export const notices = (page, kind, nickname) =>
  page.locator(`[data-testid=notice-${kind}][data-nickname="${nickname}"]`);

export async function waitForViewers(page, count) {
  await page.locator(`[data-testid=viewer-count][data-count="${count}"]`).waitFor();
}
