// The audit log: who did what from where, and nothing that is secret.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { GENERATIONS, Page, account, goOnAir } from '../support/pages.mjs';
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
// Those from `start` on, when `count` of them are written.
async function linesFrom(start, count) {
  await until(() => lines().length >= start + count, () => JSON.stringify(lines().slice(start)));
  return lines().slice(start);
}
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

  const found = await linesFrom(0, 6);
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

test('what becomes of recordings has its line, and what limits refuse to sockets', async () => {
  const start = lines().length;
  const eve = await account(server, 'Eve');
  const headers = { authorization: `Bearer ${eve.token}`, 'x-request-id': 'req-8' };
  const id = 'a-recording-of-eve-000';
  execFileSync('sqlite3', [path.join(server.data, 'loopcast.db'), `INSERT INTO recordings
    (id, owner_id, presenter, broadcast_id, title, location, started_at, bytes, visibility, state)
    VALUES ('${id}', '${eve.user.id}', 'Eve', 'b', 't', 'l', 1, 1000, 2, 2);
    UPDATE users SET quota_bytes = 1 WHERE id = '${eve.user.id}'`]);
  const recording = `/api/v2/recordings/${id}`;
  assert.equal((await call('PATCH', recording, { title: 'another' }, headers)).status, 200);
  assert.equal((await call('PATCH', recording, { visibility: 'public' }, headers)).status, 200);
  // There is no room for another.
  const page = new Page(server, eve.token, GENERATIONS['second generation']);
  const { sender } = await goOnAir(server, eve, page);
  await page.next('recording');
  sender.stop();
  await linesFrom(start, 3);
  assert.equal((await call('DELETE', recording, undefined, headers)).status, 204);
  // Ten may be dialled at once.
  for (let i = 0; i < 11; ++i) await page.ask('createPresentor', { sdpOffer: 'x', invite: 'nobody' });
  const sockets = [page];
  while (sockets.length < 64) {
    sockets.push(new Page(server, eve.token, GENERATIONS['second generation, WebSocket only']));
    await sockets.at(-1).ask('mediastate', {});
  }
  const tooMany = new Page(server, eve.token, GENERATIONS['second generation, WebSocket only']);
  await tooMany.next('error');
  for (const socket of [...sockets, tooMany]) socket.close();

  const found = await linesFrom(start, 6);
  assert.deepEqual(found.filter(({ what }) => what.startsWith('recording'))
    .map(({ what, result, user, address, request, detail }) => [what, result, user, address, request, detail]), [
    ['recording_visibility', 'ok', eve.user.id, '127.0.0.1', 'req-8', `${id} public`],
    ['recording_quota', 'quota_reached', eve.user.id, undefined, found[2].request, found[2].detail],
    ['recording_removal', 'ok', eve.user.id, '127.0.0.1', 'req-8', id],
  ]);
  const refused = found.filter(({ what }) => what === 'refusal');
  assert.ok(refused.some(({ result, detail }) => result === 'rate_limited' && /^socket call session /.test(detail)), JSON.stringify(refused));
  assert.ok(refused.some(({ result, detail }) => result === 'too_many_streams' && detail === 'socket'), JSON.stringify(refused));
  for (const line of refused) assert.deepEqual([line.user, line.nickname, line.address], [eve.user.id, 'Eve', '127.0.0.1']);
  assert.ok(!readFileSync(file, 'utf8').includes(eve.token));
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
