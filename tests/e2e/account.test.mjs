// The account page as people use it: another name and picture, another password, devices, and the end.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { closePages, launchChromium, openPage } from '../support/chromium.mjs';
import { MANY_PEOPLE, startServer } from '../support/server.mjs';
import { until } from '../support/until.mjs';

let browser;
let server;
before(async () => {
  [browser, server] = await Promise.all([launchChromium(), startServer({ args: MANY_PEOPLE })]);
});
after(async () => {
  await closePages(browser);
  await browser?.close();
  await server?.stop();
});

const picture = (name) => fileURLToPath(new URL(`../../src/app/testdata/${name}`, import.meta.url));

async function signIn(nickname, password) {
  const response = await fetch(`${server.url}/api/v2/sessions`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ nickname, password }) });
  return response.status === 201 ? response.json() : null;
}

async function openAccount(session) {
  const page = await openPage(browser, server, { session });
  await page.goto(server.url);
  await page.getByTestId('user-menu').click();
  await page.getByTestId('account').click();
  await page.waitForURL(`${server.url}/account`);
  await page.getByTestId('session').first().waitFor();
  return page;
}

// What the browser writes on the console about an answer that was no success.
function forget(page, status) {
  page.problems = page.problems.filter((text) => !text.includes(`status of ${status}`));
}

test('another name and another picture', async () => {
  const me = await server.register('Grace');
  await server.register('Taken');
  const page = await openAccount(me);
  await page.getByTestId('account-nickname').fill('ＴＡＫＥＮ');
  await page.getByTestId('nickname-save').click();
  await page.getByTestId('error-message').waitFor();
  assert.match(await page.getByTestId('error-message').innerText(), /taken/);
  forget(page, 409);
  await page.getByTestId('account-nickname').fill('  Grace   Hopper ');
  await page.getByTestId('nickname-save').click();
  await page.getByTestId('done-message').waitFor();
  assert.equal(await page.getByTestId('account-nickname').inputValue(), 'Grace Hopper');
  assert.equal(await page.getByTestId('user-menu').innerText(), 'G\nGrace Hopper');

  await page.getByTestId('avatar-file').setInputFiles(picture('baseline.jpg'));
  await page.getByTestId('avatar-zoom').fill('3');
  // The upper left corner: red.
  await page.getByTestId('avatar-area').focus();
  for (let i = 0; i < 40; ++i) await page.keyboard.press(i % 2 ? 'ArrowLeft' : 'ArrowUp');
  await page.getByTestId('avatar-use').click();
  const shown = page.getByTestId('user-menu').locator('img[src$=".jpg"]');
  await shown.waitFor();
  const colour = await shown.evaluate(async (image) => {
    await image.decode();
    const canvas = new OffscreenCanvas(1, 1).getContext('2d');
    canvas.drawImage(image, 128, 128, 1, 1, 0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  });
  assert.ok(colour[0] > 190 && colour[1] < 70 && colour[2] < 70, String(colour));

  await page.getByTestId('avatar-file').setInputFiles({ name: 'x.png', mimeType: 'image/png', buffer: Buffer.from('no picture') });
  await page.getByTestId('error-message').waitFor();
  assert.match(await page.getByTestId('error-message').innerText(), /cannot be read/);
  await page.getByTestId('avatar-remove').click();
  await page.getByTestId('user-menu').locator('img[src$=".svg"]').waitFor();
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('another password, and the other devices are out', async () => {
  const me = await server.register('Henry');
  const other = await openPage(browser, server, { session: await signIn('Henry', 'secret12') });
  await other.goto(server.url);
  const page = await openAccount(me);
  assert.equal(await page.getByTestId('session').count(), 2);
  assert.equal(await page.locator('[data-testid=session][data-current=true]').count(), 1);

  await page.getByTestId('password-save').click();
  assert.equal(await page.locator(':focus').getAttribute('data-testid'), 'password-old');
  await page.getByTestId('password-old').fill('secret13');
  await page.getByTestId('password-new').fill('better12');
  await page.getByTestId('password-save').click();
  await page.locator('#password-old-hint [data-testid=error-message]').waitFor();
  forget(page, 403);
  await page.getByTestId('password-old').fill('secret12');
  await page.getByTestId('password-save').click();
  await page.getByTestId('done-message').waitFor();
  // The other device is told at once, without a click.
  await other.waitForURL((url) => url.pathname === '/login');
  await until(async () => (await page.getByTestId('session').count()) === 1, 'one session to be left');
  assert.equal(await signIn('Henry', 'secret12'), null);
  assert.notEqual(await signIn('Henry', 'better12'), null);
  assert.deepEqual(page.problems, []);
  await Promise.all([page.context().close(), other.context().close()]);
});

test('one device is signed out, then all', async () => {
  const me = await server.register('Ida');
  const [first, second] = [await signIn('Ida', 'secret12'), await signIn('Ida', 'secret12')];
  const page = await openAccount(me);
  await page.getByTestId('session-end').first().click();
  await until(async () => (await page.getByTestId('session').count()) === 2, 'two sessions to be left');
  const isIn = async ({ token }) =>
    (await fetch(`${server.url}/api/v2/me`, { headers: { authorization: `Bearer ${token}` } })).status === 200;
  assert.equal([await isIn(first), await isIn(second)].filter(Boolean).length, 1);
  await page.getByTestId('end-all').click();
  await page.getByTestId('end-all-confirm').click();
  // Asked for, so it is no expired session.
  await page.waitForURL((url) => url.pathname === '/');
  assert.deepEqual([await isIn(first), await isIn(second), await isIn(me)], [false, false, false]);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('the account is deleted with its password only', async () => {
  const me = await server.register('Jack');
  const page = await openAccount(me);
  await page.getByTestId('delete-account').click();
  assert.ok(await page.getByTestId('delete-confirm').isDisabled());
  await page.getByTestId('delete-password').fill('wrong123');
  await page.getByTestId('delete-confirm').click();
  await page.locator('#delete-password-hint [data-testid=error-message]').waitFor();
  forget(page, 403);
  await page.getByTestId('delete-password').fill('secret12');
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => url.pathname === '/');
  assert.equal(await signIn('Jack', 'secret12'), null);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});
