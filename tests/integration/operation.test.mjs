// What operators set and see: listeners, the access log, metrics of their own address, signals, file modes, headers.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { GENERATIONS, Page, account, present } from '../support/pages.mjs';
import { raw } from '../support/raw_http.mjs';
import { parseMetrics, startServer } from '../support/server.mjs';
import { sleep, until } from '../support/until.mjs';

const scratch = mkdtempSync(path.join(os.tmpdir(), 'loopcast-operation-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const get = (port, where, options = {}) =>
  new Promise((resolve, reject) => {
    https.get({ host: '127.0.0.1', port, path: where, rejectUnauthorized: false, agent: false, ...options }, (response) => {
      response.resume().on('end', () => resolve(response));
    }).on('error', reject);
  });

test('several addresses, of both families', async () => {
  const server = await startServer({ args: ['--http', '[::1]:0', '--http', '127.0.0.2:0', '--log-level', 'debug'] });
  assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
  const { stdout } = { stdout: execFileSync('ss', ['-Hltnp'], { encoding: 'utf8' }) };
  const own = stdout.split('\n').filter((line) => line.includes(`pid=${server.pid},`));
  const http = (address) => own.map((line) => new RegExp(`\\s${address.replaceAll('[', '\\[').replaceAll(']', '\\]')}:(\\d+)\\s`).exec(line)?.[1]);
  const ports = http('[::1]').concat(http('127.0.0.2')).filter(Boolean);
  assert.ok(ports.length >= 2, own.join('\n'));
  const answers = await Promise.all([...http('[::1]').filter(Boolean).map((p) => `http://[::1]:${p}`),
    ...http('127.0.0.2').filter(Boolean).map((p) => `http://127.0.0.2:${p}`)]
    .map((url) => fetch(`${url}/healthz`).then((r) => r.status, () => 0)));
  assert.equal(answers.filter((status) => status === 200).length, 2);
  await server.stop();
});

test('the access log has every request and no secret', async () => {
  const file = path.join(scratch, 'access.log');
  const server = await startServer({ args: ['--access-log', file] });
  const user = await account(server, 'Logged');
  await fetch(`${server.url}/api/v2/broadcasts?page=1&secret=verysecret`, { headers: { authorization: `Bearer ${user.token}`, 'user-agent': 'a "quoted" agent' } });
  await raw(server, `GET /x%0a"y\\z HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  await raw(server, 'GET /../x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  const page = new Page(server, user.token, GENERATIONS['first generation']);
  await page.settle();
  page.close();
  const lines = () => readFileSync(file, 'utf8').trim().split('\n');
  await until(() => lines().some((line) => line.includes('/socket.io/')) && lines().length >= 6, () => lines().join('\n'));
  const text = lines().join('\n');
  assert.match(text, /^\d{4}-\d\d-\d\dT[\d:.]+Z [\w-]{6}-\d+ 127\.0\.0\.1 POST \/api\/v2\/users 201 \d+ \d+ ms "[^"]*"$/m);
  assert.match(text, / GET \/api\/v2\/broadcasts\?page=&secret= 200 \d+ \d+ ms "a %22quoted%22 agent"$/m);
  assert.match(text, / GET \/\.\.\/x 400 /);
  for (const secret of [user.token, 'verysecret', user.password]) assert.ok(!text.includes(secret), secret);
  const ids = lines().map((line) => line.split(' ')[1]);
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  renameSync(file, `${file}.1`);
  server.kill('SIGHUP');
  await until(() => { try { return statSync(file); } catch { return false; } }, 'the file to be made again');
  await fetch(`${server.url}/healthz`);
  await until(() => lines().some((line) => line.includes('/healthz')), 'a line in the new file');
  await server.stop();
});

test('metrics on an address of their own', async () => {
  const server = await startServer({ args: ['--metrics', '127.0.0.3:0', '--log-level', 'debug'] });
  assert.equal((await fetch(`${server.url}/metrics`)).status, 403);
  const own = execFileSync('ss', ['-Hltnp'], { encoding: 'utf8' }).split('\n').filter((l) => l.includes(`pid=${server.pid},`));
  const port = own.map((line) => /\s127\.0\.0\.3:(\d+)\s/.exec(line)?.[1]).find(Boolean);
  const response = await fetch(`http://127.0.0.3:${port}/metrics`, { headers: { 'x-forwarded-for': '192.0.2.1' } });
  assert.equal(response.status, 200);
  assert.ok(Number.isFinite(parseMetrics(await response.text())['loopcast_http_stranger_bytes']));
  assert.equal((await fetch(`http://127.0.0.3:${port}/healthz`)).status, 404);
  await server.stop();
});

test('a second signal ends it at once', async () => {
  const server = await startServer();
  const user = await account(server);
  // A poll that hangs holds up the end.
  const { page } = await present(server, user, GENERATIONS['first generation, polling only']);
  server.kill('SIGTERM');
  await until(() => server.log.includes('stopping'), 'the first to be heard', 10_000, 5);
  server.kill('SIGTERM');
  const end = await server.exited;
  assert.ok(end === 'SIGTERM' || end === 0, String(end));
  page.close();
});

test('files are nobody else\'s, whatever the umask', async () => {
  const before = process.umask(0);
  let server;
  try {
    server = await startServer({ https: true, data: path.join(scratch, 'open') });
  } finally {
    process.umask(before);
  }
  const user = await account(server);
  const { page } = await present(server, user, GENERATIONS['second generation']);
  await sleep(500);
  page.close();
  const seen = [];
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const name = path.join(folder, entry.name);
      seen.push(name);
      assert.equal(statSync(name).mode & 0o077, 0, name);
      if (entry.isDirectory()) walk(name);
    }
  };
  walk(path.join(scratch, 'open'));
  assert.ok(seen.some((name) => name.endsWith('key.pem')));
  await server.stop();
});

test('what answers tell browsers', async () => {
  const certificate = path.join(scratch, 'cert.pem');
  const key = path.join(scratch, 'key.pem');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-days', '1',
    '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  const own = await startServer({ https: true });
  const given = await startServer({ https: true, args: ['--tls-cert', certificate, '--tls-key', key] });
  assert.equal((await get(own.securePort, '/')).headers['strict-transport-security'], undefined);
  for (const where of ['/', '/healthz', '/api/v2/broadcasts', '/nothing.js', '/metrics']) {
    const { headers } = await get(given.securePort, where);
    assert.match(headers['strict-transport-security'], /^max-age=\d{8}/, where);
    assert.equal(headers['x-content-type-options'], 'nosniff', where);
  }
  assert.equal((await fetch(`${given.url}/healthz`)).headers.get('strict-transport-security'), null, 'not over HTTP');
  const page = (await get(given.securePort, '/')).headers;
  assert.equal(page['x-frame-options'], 'DENY');
  assert.match(page['permissions-policy'], /camera=\(self\)/);
  assert.match(page['content-security-policy'], /connect-src 'self';/);
  const made = await fetch(`${given.url}/api/v2/users`, { method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ nickname: 'Cached', password: 'secret12' }) });
  assert.equal(made.status, 201);
  assert.equal(made.headers.get('cache-control'), 'no-store');
  // TLS 1.2 without forward secrecy or with CBC.
  const cipher = (ciphers) => new Promise((resolve) => {
    const socket = tls.connect({ host: '127.0.0.1', port: given.securePort, rejectUnauthorized: false, maxVersion: 'TLSv1.2', ciphers },
      () => resolve(socket.getCipher().name) || socket.destroy());
    socket.on('error', () => resolve(null));
  });
  assert.equal(await cipher('ECDHE-RSA-AES128-GCM-SHA256'), 'ECDHE-RSA-AES128-GCM-SHA256');
  assert.equal(await cipher('ECDHE-RSA-CHACHA20-POLY1305'), 'ECDHE-RSA-CHACHA20-POLY1305');
  for (const weak of ['ECDHE-RSA-AES128-SHA', 'ECDHE-RSA-AES256-SHA384', 'AES128-GCM-SHA256', 'AES128-SHA'])
    assert.equal(await cipher(`${weak}:@SECLEVEL=0`), null, weak);
  await own.stop();
  await given.stop();
});

test('pages are there for whoever does not refuse them', async () => {
  const server = await startServer();
  for (const accept of [undefined, '*/*', 'text/html', 'image/png, text/*'])
    for (const where of ['/watch/some-id', '/recordings/some-id']) {
      const { answer, status } = await raw(server,
        `GET ${where} HTTP/1.1\r\nHost: x\r\n${accept ? `Accept: ${accept}\r\n` : ''}Connection: close\r\n\r\n`);
      assert.equal(status, 200, `${where} ${accept}`);
      assert.match(answer, /Content-Type: text\/html/);
    }
  const refused = await raw(server, 'GET /watch/x HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nConnection: close\r\n\r\n');
  assert.equal(refused.status, 404);
  await server.stop();
});
