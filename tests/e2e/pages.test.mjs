// Every page, in both languages, on a desktop and on a telephone: whole, without errors on the console.
// With LOOPCAST_SCREENSHOTS=<folder> each is kept as a picture.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { goLive, LOOPBACK, plays, stopLive, waitForState, waitForViewers, watch, WATCH } from '../support/app.mjs';
import { accept, dial, hangUp, inCall, incoming, isListed, latest, THEIRS } from '../support/calls.mjs';
import { closePages, launchChromium, openPage } from '../support/chromium.mjs';
import { installSceneCamera } from '../support/scene.mjs';
import { MANY_PEOPLE, startServer } from '../support/server.mjs';

const SCREENSHOTS = process.env.LOOPCAST_SCREENSHOTS;
const DESKTOP = { width: 1280, height: 800 };
const PICTURE = fileURLToPath(new URL('../../src/app/testdata/baseline.jpg', import.meta.url));
const TELEPHONE = { width: 390, height: 844 };
// A name of the message catalogues on the screen is a text that is missing there.
const MISSING_TEXT = /\b(app|call|nav|title|connection|auth|home|live|audience|watch|account|recordings|replay|player|not_found|time|errors)\.[a-z_]+\b/;

let browser;
let server;
before(async () => {
  [browser, server] = await Promise.all([launchChromium(), startServer({ args: MANY_PEOPLE })]);
  if (SCREENSHOTS) await mkdir(SCREENSHOTS, { recursive: true });
});
afterEach(() => closePages(browser));
after(async () => {
  await browser?.close();
  await server?.stop();
});

// Looks at what is open, in both sizes.
async function look(page, name, language) {
  for (const [size, viewport] of [['desktop', DESKTOP], ['telephone', TELEPHONE]]) {
    await page.setViewportSize(viewport);
    await page.mouse.move(0, 0);
    const seen = await page.evaluate(async () => {
      await document.fonts.ready;
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      // What moves only for a moment must not be in the picture; what moves for ever stays.
      const passing = document.getAnimations().filter((a) => a.effect?.getComputedTiming().iterations !== Infinity);
      for (const animation of passing) animation.finish();
      const root = document.documentElement;
      return {
        width: Math.max(root.scrollWidth, document.body.scrollWidth),
        language: root.lang,
        heading: document.querySelector('h1')?.innerText ?? '',
        text: document.body.innerText,
      };
    });
    const where = `${name}, ${size}, ${language}`;
    assert.ok(seen.width <= viewport.width, `${where}: ${seen.width} px wide`);
    assert.ok(seen.language.startsWith(language), `${where}: lang=${seen.language}`);
    assert.ok(seen.heading !== '', `${where}: no heading`);
    assert.equal(MISSING_TEXT.exec(seen.text)?.[0], undefined, where);
    if (SCREENSHOTS) await page.screenshot({ path: path.join(SCREENSHOTS, `${name}-${size}-${language}.png`) });
  }
  await page.setViewportSize(DESKTOP);
  assert.deepEqual(page.problems, [], name);
}

// A browser writes on the console that what is over is not found.
function forgetUnknown(page, id, kind = 'broadcasts') {
  page.problems = page.problems.filter((text) => !(text.includes('404') && text.endsWith(`/api/v2/${kind}/${id}`)));
}

for (const [language, locale, names] of [
  ['en', 'en-US', ['Maya', 'Jonas', 'Ines']],
  ['zh', 'zh-CN', ['小雨', '阿明', '小云']],
])
  test(`pages in ${language}`, async () => {
    const guest = await openPage(browser, server, { locale });
    for (const [name, where] of [
      ['welcome', '/'],
      ['login', '/login'],
      ['register', '/register'],
      ['lost', '/no/such/page'],
    ]) {
      await guest.goto(server.url + where);
      await guest.locator('h1').first().waitFor();
      await look(guest, name, language);
    }

    const one = await server.register(names[2]);
    const settings = await openPage(browser, server, { session: one, locale });
    await settings.goto(`${server.url}/account`);
    await settings.getByTestId('session').first().waitFor();
    await look(settings, 'account', language);
    await settings.getByTestId('avatar-file').setInputFiles(PICTURE);
    await settings.getByTestId('avatar-use').waitFor();
    await look(settings, 'account-picture', language);
    await settings.getByTestId('avatar-use').click();
    await settings.locator('[data-testid=user-menu] img[src$=".jpg"]').waitFor();
    await settings.getByTestId('delete-account').click();
    await settings.getByTestId('delete-password').waitFor();
    await look(settings, 'account-delete', language);
    await settings.context().close();

    const [host, friend] = [await server.register(names[0]), await server.register(names[1])];
    const studio = { session: host, locale, init: [installSceneCamera], resolution: '720p' };
    const presenter = await openPage(browser, server, studio);
    const viewer = await openPage(browser, server, { session: friend, locale });
    await viewer.goto(server.url);
    await viewer.getByTestId('home-empty').waitFor();
    await look(viewer, 'home-empty', language);
    await viewer.goto(`${server.url}/recordings/mine`);
    await viewer.getByTestId('my-recordings-empty').waitFor();
    await look(viewer, 'my-recordings-empty', language);
    await viewer.goto(`${server.url}/recordings?q=nothing+has+this+title&when=range`);
    await viewer.getByTestId('recordings-nothing').waitFor();
    await look(viewer, 'recordings-nothing', language);
    await viewer.goto(server.url);
    await presenter.goto(`${server.url}/live`);
    await presenter.getByTestId('go-live').waitFor();
    await look(presenter, 'live-idle', language);

    const id = await goLive(presenter, server);
    await viewer.locator(`[data-testid=broadcast-card][data-id="${id}"]`).waitFor();
    await look(viewer, 'home', language);
    await watch(viewer, server, id);
    await look(viewer, 'watch', language);
    await waitForViewers(presenter, 1);
    // The encoder starts blurred.
    await plays(presenter, LOOPBACK, 20);
    await look(presenter, 'live', language);

    await stopLive(presenter);
    await waitForState(viewer, 'watch-state', 'ended');
    assert.equal(await viewer.getByTestId(WATCH).count(), 0);
    forgetUnknown(viewer, id);
    await look(viewer, 'watch-ended', language);
    await presenter.getByTestId('see-recording').waitFor();
    await look(presenter, 'live-ended', language);

    const recording = await presenter.getByTestId('see-recording').getAttribute('data-id');
    await viewer.goto(server.url);
    await viewer.getByTestId('newest-recordings').waitFor();
    await look(viewer, 'home-recordings', language);
    await viewer.goto(`${server.url}/recordings`);
    await viewer.locator(`[data-testid=recording-card][data-id="${recording}"]`).waitFor();
    await look(viewer, 'recordings', language);
    await viewer.goto(`${server.url}/recordings/${recording}`);
    await viewer.getByTestId('player-start').waitFor();
    await look(viewer, 'recording', language);
    await viewer.goto(`${server.url}/recordings/none`);
    await waitForState(viewer, 'recording-page', 'not_found');
    forgetUnknown(viewer, 'none', 'recordings');
    await look(viewer, 'recording-unknown', language);
    await presenter.goto(`${server.url}/recordings/mine`);
    await presenter.locator(`[data-testid=my-recording][data-id="${recording}"]`).waitFor();
    await look(presenter, 'my-recordings', language);
    await presenter.goto(`${server.url}/recordings/${recording}`);
    await presenter.getByTestId('player-start').click();
    await presenter.getByTestId('title-edit').click();
    await presenter.getByTestId('comments-edit').click();
    await look(presenter, 'recording-own', language);
    await presenter.keyboard.press('Escape');
    await presenter.getByTestId('recording-delete').click();
    await presenter.getByTestId('delete-confirm').waitFor();
    await look(presenter, 'recording-delete', language);
    await viewer.goto(`${server.url}/watch/${id}`);
    await waitForState(viewer, 'watch-state', 'unknown');
    forgetUnknown(viewer, id);
    await look(viewer, 'watch-unknown', language);
  });

for (const [language, locale, names] of [
  ['en', 'en-US', ['Greta', 'Samir']],
  ['zh', 'zh-CN', ['建国', '秀兰']],
])
  test(`calls in ${language}`, async () => {
    const [caller, callee] = await Promise.all(
      names.map(async (name) => {
        const session = await server.register(name);
        const page = await openPage(browser, server, { session, locale, init: [installSceneCamera], resolution: '720p' });
        await page.goto(`${server.url}/calls`);
        return page;
      }),
    );
    await isListed(caller, names[1], 'online');
    await caller.getByTestId('history-empty').waitFor();
    await look(caller, 'calls-empty', language);
    await dial(caller, names[1]);
    await incoming(callee, names[0]).waitFor();
    await look(callee, 'call-incoming', language);
    await inCall(caller, 'ringing');
    await look(caller, 'call-ringing', language);
    await accept(callee, names[0]);
    await Promise.all([inCall(caller, 'connected'), inCall(callee, 'connected')]);
    await plays(callee, THEIRS, 20);
    await callee.getByTestId('call-record').click();
    await look(callee, 'call', language);
    await hangUp(callee);
    await inCall(caller, 'ended', { reason: 'hung_up' });
    await look(caller, 'call-ended', language);
    await caller.getByTestId('call-close').click();
    await latest(caller);
    await look(caller, 'calls', language);
  });

test('the language changes with a click, and stays', async () => {
  const page = await openPage(browser, server);
  await page.goto(`${server.url}/login`);
  const heading = page.locator('h1').first();
  const english = await heading.innerText();
  await page.getByTestId('lang-switch').click();
  await page.locator('html[lang^=zh]').waitFor();
  const chinese = await heading.innerText();
  assert.notEqual(chinese, english);
  await page.reload();
  await page.locator('html[lang^=zh]').waitFor();
  assert.equal(await heading.innerText(), chinese);
});
