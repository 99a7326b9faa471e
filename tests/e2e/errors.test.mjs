// What people see when something does not work: why, and the way on.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { signUp, waitForState } from '../support/app.mjs';
import { closePages, launchChromium, openPage } from '../support/chromium.mjs';
import { MANY_PEOPLE, startServer } from '../support/server.mjs';

let browser;
let server;
before(async () => {
  [browser, server] = await Promise.all([launchChromium({ consent: false }), startServer({ args: MANY_PEOPLE })]);
});
afterEach(() => closePages(browser));
after(async () => {
  await browser?.close();
  await server?.stop();
});

const explanation = async (page, text) => {
  const message = page.getByTestId('error-message').filter({ hasText: text });
  await message.first().waitFor();
  return message.first().innerText();
};

test('a camera that is denied is explained, and can be tried again', async () => {
  const session = await server.register('dan');
  const page = await openPage(browser, server, { session, permissions: [] });
  await page.goto(`${server.url}/live`);
  await page.getByTestId('go-live').click();
  await waitForState(page, 'live-state', 'error');
  await explanation(page, 'blocked for this page');
  const { loopcast_broadcasts } = await server.metrics();
  assert.equal(loopcast_broadcasts, 0);

  // As if the person had allowed it beside the address.
  await page.context().grantPermissions(['camera', 'microphone']);
  await page.getByTestId('go-live').click();
  await waitForState(page, 'live-state', 'live');
});

test('a camera that is missing is explained', async () => {
  const bare = await launchChromium({ devices: false });
  try {
    const session = await server.register('mia');
    const page = await openPage(bare, server, { session });
    await page.goto(`${server.url}/live`);
    await page.getByTestId('go-live').click();
    await waitForState(page, 'live-state', 'error');
    await explanation(page, 'No camera or no microphone was found');
  } finally {
    await bare.close();
  }
});

test('wrong passwords and taken nicknames are said where they belong', async () => {
  await server.register('ann', 'secret12');
  const page = await openPage(browser, server);
  await page.goto(`${server.url}/login`);
  await page.getByTestId('auth-nickname').fill('ann');
  await page.getByTestId('auth-password').fill('not the one');
  await page.getByTestId('auth-submit').click();
  await explanation(page, 'is wrong');

  await page.getByTestId('auth-switch').click();
  await page.waitForURL('**/register');
  await page.getByTestId('auth-nickname').fill('ann');
  await page.getByTestId('auth-password').fill('secret12');
  await page.getByTestId('auth-submit').click();
  await explanation(page, 'is taken');
  assert.equal(await page.getByTestId('auth-nickname').getAttribute('aria-invalid'), 'true');
});

test('a session that has expired leads to signing in, and from there back', async () => {
  const { user } = await server.register('eve');
  const page = await openPage(browser, server, { session: { token: 'A'.repeat(43), user } });
  await page.goto(`${server.url}/live`);
  await page.waitForURL((url) => url.pathname === '/login');
  await page.getByText('Your session has ended').waitFor();
  await page.getByTestId('auth-nickname').fill('eve');
  await page.getByTestId('auth-password').fill('secret12');
  await page.getByTestId('auth-submit').click();
  await page.waitForURL('**/live');
  await page.getByTestId('go-live').waitFor();
});

test('a session that is ended elsewhere ends here, too', async () => {
  const session = await server.register('finn');
  const page = await openPage(browser, server, { session });
  await page.goto(server.url);
  await page.getByTestId('home-empty').waitFor();
  const ended = await fetch(`${server.url}/api/v2/sessions/current`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${session.token}` },
  });
  assert.equal(ended.status, 204);
  await page.waitForURL((url) => url.pathname === '/login');
  await page.getByText('Your session has ended').waitFor();
});

test('signing out forgets the session', async () => {
  const page = await openPage(browser, server);
  await signUp(page, server, 'gus');
  await page.getByTestId('user-menu').click();
  await page.getByTestId('logout').click();
  await page.getByTestId('user-menu').waitFor({ state: 'detached' });
  await page.goto(`${server.url}/live`);
  await page.waitForURL((url) => url.pathname === '/login');
});
