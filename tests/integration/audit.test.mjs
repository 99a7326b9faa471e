// The audit log: who did what from where, and nothing that is secret.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { startServer } from '../support/server.mjs';
import { until } from '../support/until.mjs';

const folder = mkdtempSync(path.join(tmpdir(), 'loopcast-audit-'));
const file = path.join(folder, 'audit.log');
let server;
before(async () => {
  server = await startServer({ args: ['--audit-log', file] });
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const lines = (name = file) => readFileSync(name, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
const call = (method, where, body, headers = {}) =>
  fetch(`${server.url}${where}`, {
    method, headers: body ? { 'content-type': 'application/json', ...headers } : headers, body: body && JSON.stringify(body) });

test('what happens to an account has its line, and no secret is in any', async () => {
  const password = 'a secret of Ada';
  const { token, user } = await server.register('Ada', password);
  const headers = { authorization: `Bearer ${token}`, 'x-request-id': 'req-7' };
  assert.equal((await call('POST', '/api/v2/sessions', { nickname: 'ada', password: 'guess 12345' }, headers)).status, 401);
  assert.equal((await call('POST', '/api/v2/sessions', { nickname: 'guess as a name', password })).status, 401);
  assert.equal((await call('PUT', '/api/v2/me/password', { old: password, new: 'another secret 1' }, headers)).status, 204);
  assert.equal((await call('GET', '/api/v2/me', undefined, { authorization: `Bearer ${'x'.repeat(43)}` })).status, 401);
  assert.equal((await call('DELETE', '/api/v2/me', { password: 'another secret 1' }, headers)).status, 204);

  const found = lines();
  assert.deepEqual(found.map((line) => [line.what, line.result, line.user]), [
    ['registration', 'ok', user.id],
    ['sign_in', 'bad_credentials', user.id],
    ['sign_in', 'bad_credentials', undefined],
    ['password_change', 'ok', user.id],
    ['refusal', 'unauthorized', undefined],
    ['account_removal', 'ok', user.id],
  ]);
  for (const line of found) {
    assert.equal(line.address, '127.0.0.1');
    assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  }
  assert.equal(found[1].request, 'req-7');
  const text = readFileSync(file, 'utf8');
  for (const secret of [password, 'another secret 1', 'guess', token, 'x'.repeat(43)]) assert.ok(!text.includes(secret), secret);
  assert.equal(statSync(file).mode & 0o077, 0, 'for nobody else');
});

test('a file that was rotated is left alone, and a new one is begun', async () => {
  const rotated = `${file}.1`;
  const before = lines().length;
  renameSync(file, rotated);
  server.kill('SIGHUP');
  await until(async () => {
    await call('POST', '/api/v2/sessions', { nickname: 'nobody', password: 'nothing 1' });
    try {
      return lines().length > 0;
    } catch {
      return false;
    }
  }, 'a line in the new file');
  assert.ok(lines(rotated).length >= before);
});
