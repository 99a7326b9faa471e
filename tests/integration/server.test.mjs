// The program: options and where they come from, its start and its end, certificates, data, figures.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { GENERATIONS, account, present, watch } from '../support/pages.mjs';
import { startServer } from '../support/server.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const program = path.join(path.resolve(process.env.LOOPCAST_BUILD ?? path.join(root, 'build/release')), 'loopcast');
const scratch = mkdtempSync(path.join(os.tmpdir(), 'loopcast-server-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

let folders = 0;
const folder = () => path.join(scratch, `data${++folders}`);
const quiet = ['--https', 'off', '--media-port', '0', '--announce', '127.0.0.1', '--workers', '1'];

// Runs it until it ends by itself or is ready, and then ends it: { code, output }.
async function run(args, { env = {}, cwd = scratch, command = [program] } = {}) {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LOOPCAST_')));
  const child = spawn(command[0], [...command.slice(1), ...args], { env: { ...clean, ...env }, cwd });
  let output = '';
  let ready = false;
  const read = (chunk) => {
    output += chunk;
    if (ready || !/is ready/.test(output)) return;
    ready = true;
    // It says so once for HTTP and once for HTTPS.
    setTimeout(() => child.kill('SIGTERM'), 100);
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  const code = await new Promise((resolve) => child.on('close', (c, signal) => resolve(c ?? signal)));
  clearTimeout(timer);
  return { code, output, ready };
}

async function freePort() {
  const listener = net.createServer();
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

test('the manual and --help name the same options and defaults', async () => {
  const { code, output } = await run(['--help']);
  assert.equal(code, 0);
  const manual = readFileSync(path.join(root, 'docs/OPERATIONS.md'), 'utf8');
  const rows = [...manual.matchAll(/^\| `(--[a-z-]+)` \|(.*?)\| .+ \|$/gm)];
  const documented = new Map(rows.map(([, name, value]) => [name, value.trim()]));
  const printed = new Map([...output.matchAll(/^ {2}(?:-\w,)?(--[a-z-]+)(?: (.*))?$/gm)].map(([, name, rest]) =>
    [name, /=(\S+)/.exec((rest ?? '').split(/ {2,}/)[0])?.[1]]));
  for (const general of ['--help', '--version']) assert.ok(printed.delete(general), general);
  assert.deepEqual([...documented.keys()].sort(), [...printed.keys()].sort());
  const exact = { '--http': '127.0.0.1:8080,[::1]:8080', '--https': '0.0.0.0:8443,[::]:8443', '--media-port': '8444', '--data': 'data',
    '--log-level': 'info', '--video-codecs': 'h264,vp9,av1,vp8', '--max-connections-per-ip': '512',
    '--max-registrations-per-ip': '10', '--max-logins-per-ip': '30', '--max-viewers': '100000',
    '--max-presenter-bitrate': '32', '--user-recording-hours': '100', '--recording-disk-floor': '1073741824' };
  const literal = [...documented].filter(([, value]) => /^`.*`$/.test(value)).map(([name]) => name);
  assert.deepEqual(literal.sort(), Object.keys(exact).sort(), 'defaults that are values');
  for (const [name, value] of Object.entries(exact)) {
    assert.equal(printed.get(name), value, `${name} in --help`);
    assert.equal(documented.get(name), `\`${value}\``, `${name} in the manual`);
  }
  assert.match((await run(['--version'])).output, /^loopcast \S+\n$/);
});

test('the command line comes before the environment, and that before the file', async () => {
  const [byFile, byEnvironment, byLine] = [await freePort(), await freePort(), await freePort()];
  const file = path.join(scratch, 'loopcast.toml');
  writeFileSync(file, `http = "127.0.0.1:${byFile}"\nhttps = "off"\nmedia-port = 0\nannounce = ["127.0.0.1"]\n` +
    `workers = 1\ndata = "${folder()}"\nlog-level = "info"\nvideo-codecs = ["vp8", "h264"]\n`);
  const ready = (port) => new RegExp(`http://localhost:${port} on this machine`);
  const env = { LOOPCAST_HTTP: `127.0.0.1:${byEnvironment}` };
  const cases = [
    [await run(['--config', file]), byFile],
    [await run([], { env: { LOOPCAST_CONFIG: file } }), byFile],
    [await run(['--config', file], { env }), byEnvironment],
    [await run(['--config', file, '--http', `127.0.0.1:${byLine}`], { env }), byLine],
    [await run([`--config=${file}`, `--http=127.0.0.1:${byLine}`]), byLine],
  ];
  for (const [{ code, output }, port] of cases) {
    assert.match(output, ready(port));
    assert.equal(code, 0, output);
  }
});

test('lists: repeated, with commas, in the environment and in the file', async () => {
  const file = path.join(scratch, 'lists.toml');
  writeFileSync(file, 'announce = ["127.0.0.1", "127.0.0.2"]\n');
  const base = ['--http', '127.0.0.1:0', '--https', 'off', '--media-port', '0', '--workers', '1'];
  for (const [args, env] of [
    [['--announce', '127.0.0.1', '--announce', '127.0.0.2'], {}],
    [['--announce', '127.0.0.1,127.0.0.2'], {}],
    [[], { LOOPCAST_ANNOUNCE: '127.0.0.1,127.0.0.2' }],
    [['--config', file], {}]]) {
    const { output, code } = await run([...base, '--data', folder(), ...args], { env });
    assert.equal(code, 0, output);
    assert.match(output, / 127\.0\.0\.1 \d+ typ host/);
    assert.match(output, / 127\.0\.0\.2 \d+ typ host/);
  }
});

// In use on one address and free on another: by UDP and by TCP.
async function isFree(address, port) {
  const udp = dgram.createSocket('udp4');
  const tcp = net.createServer();
  const bound = (socket, bind) => new Promise((resolve) => {
    socket.once('error', () => resolve(false));
    bind(() => resolve(true));
  });
  const results = [
    await bound(udp, (done) => udp.bind({ port, address, exclusive: true }, done)),
    await bound(tcp, (done) => tcp.listen(port, address, done))];
  udp.close();
  tcp.close();
  assert.equal(results[0], results[1]);
  return results[0];
}

test('media is served on the addresses that it is bound to, and on no other', async () => {
  const media = await freePort();
  const base = ['--http', '127.0.0.1:0', '--https', 'off', '--workers', '1', '--media-port', String(media)];
  const child = spawn(program, [...base, '--data', folder(), '--media-bind', '127.0.0.2'], { cwd: scratch });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { output += chunk; });
  const deadline = Date.now() + 20_000;
  while (!/is ready/.test(output) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(await isFree('127.0.0.2', media), false, output);
  assert.equal(await isFree('127.0.0.1', media), true);
  assert.match(output, new RegExp(` 127\\.0\\.0\\.2 ${media} typ host`));
  assert.doesNotMatch(output, / 127\.0\.0\.1 \d+ typ host/);
  child.kill('SIGTERM');
  await new Promise((resolve) => child.on('close', resolve));
  const elsewhere = await run([...quiet, '--http', '127.0.0.1:0', '--data', folder(), '--media-bind', '192.0.2.1']);
  assert.equal(elsewhere.code, 1);
  assert.match(elsewhere.output, /192\.0\.2\.1/);
});

test('a value that cannot be is refused with a sentence', async () => {
  const missing = path.join(scratch, 'missing.toml');
  const broken = path.join(scratch, 'broken.toml');
  writeFileSync(broken, 'http = [[[\n');
  const unknown = path.join(scratch, 'unknown.toml');
  writeFileSync(unknown, 'htpp = "127.0.0.1:0"\n');
  for (const args of [
    ['--http', 'nonsense'], ['--http', '127.0.0.1'], ['--http', '127.0.0.1:70000'], ['--https', ''],
    ['--http', 'off', '--https', 'off'], ['--tls-cert', 'a.pem'], ['--tls-key', 'a.pem'],
    ['--media-port', 'x'], ['--media-port', '-1'], ['--media-port', '65536'],
    ['--media-port', '65535', '--workers', '4'], ['--workers', '0'], ['--workers', '257'],
    ['--media-bind', 'eth0'], ['--media-bind', '127.0.0.1,127.0.0.2'],
    ['--announce', 'example.org'], ['--trusted-proxy', 'x'],
    ['--trusted-proxy', '10.0.0.1/8'], ['--trusted-proxy', '10.0.0.0/33'], ['--http', 'off,127.0.0.1:0'],
    ['--metrics', '9100'], ['--max-connections', 'x'], ['--log-level', 'loud'],
    ['--video-codecs', 'h265'], ['--max-viewers', '-1'], ['--max-viewers', 'many'],
    ['--max-connections-per-ip', 'x'], ['--no-such-option'], ['stray'],
    ['--config', missing], ['--config', broken], ['--config', unknown]]) {
    const { code, output, ready } = await run(args);
    assert.equal(ready, false, `${args} was accepted`);
    assert.equal(code, 2, `${args}: ${output}`);
    assert.match(output, /^loopcast: .{8,}\nTry loopcast --help\.\n$/, `${args}`);
  }
  const { code, output } = await run([], { env: { LOOPCAST_WORKERS: 'many' } });
  assert.equal(code, 2);
  assert.match(output, /workers.*\nTry loopcast --help\.\n$/i);
});

test('a port that is in use', async () => {
  const taken = net.createServer();
  await new Promise((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address();
  const http = await run([...quiet, '--http', `127.0.0.1:${port}`, '--data', folder()]);
  assert.equal(http.code, 1, http.output);
  assert.match(http.output, new RegExp(`^loopcast: .*127\\.0\\.0\\.1:${port}.*in use.*\\.$`, 'm'));
  taken.close();
  const everywhere = net.createServer();
  await new Promise((resolve) => everywhere.listen(0, '0.0.0.0', resolve));
  const mediaPort = String(everywhere.address().port);
  const media = await run(['--http', '127.0.0.1:0', '--https', 'off', '--announce', '127.0.0.1', '--workers', '1',
    '--media-port', mediaPort, '--data', folder()]);
  everywhere.close();
  assert.equal(media.code, 1, media.output);
  assert.match(media.output, new RegExp(`^loopcast: .*${mediaPort}.*in use`, 'mi'));
});

test('data that cannot be written or read', async () => {
  const file = path.join(scratch, 'a-file');
  writeFileSync(file, '');
  for (const data of [file, path.join(file, 'below'), '/proc/nowhere', '/dev/null/x']) {
    const { code, output } = await run([...quiet, '--http', '127.0.0.1:0', '--data', data]);
    assert.equal(code, 1, output);
    assert.match(output, /^loopcast: .*data folder.*--data.*\.$/m);
    assert.ok(output.includes(data), output);
  }
  const damaged = folder();
  mkdirSync(damaged);
  writeFileSync(path.join(damaged, 'loopcast.db'), 'this is no database, but long enough to be one '.repeat(50));
  const { code, output } = await run([...quiet, '--http', '127.0.0.1:0', '--data', damaged]);
  assert.equal(code, 1, output);
  assert.match(output, /^loopcast: \S+\/loopcast\.db: .*\(file is not a database\)$/m);
});

function get(port, where) {
  return new Promise((resolve, reject) => {
    https.get({ host: '127.0.0.1', port, path: where, rejectUnauthorized: false, agent: false }, (response) => {
      const certificate = response.socket.getPeerX509Certificate();
      let body = '';
      response.on('data', (chunk) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode, body, certificate }));
    }).on('error', reject);
  });
}

// HTTPS on a port that is known before, since the announcement names only that of HTTP.
async function startTls(data, port, args = []) {
  const env = { LOOPCAST_TLS_CERT: '', LOOPCAST_TLS_KEY: '' };
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LOOPCAST_')));
  const child = spawn(program, ['--http', 'off', '--https', `127.0.0.1:${port}`, '--media-port', '0',
    '--announce', '127.0.0.1', '--workers', '1', '--data', data, ...args], { env: { ...clean, ...env } });
  const exited = new Promise((resolve) => child.on('exit', resolve));
  let output = '';
  await new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk) => (output += chunk).includes('is ready') && resolve());
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('exit', () => reject(new Error(output)));
  });
  return {
    kill: (signal) => child.kill(signal),
    output: () => output,
    async stop() {
      child.kill('SIGTERM');
      assert.equal(await exited, 0, output);
    },
  };
}

test('HTTPS with a certificate of its own, the same after a restart', async () => {
  const data = folder();
  const port = await freePort();
  let server = await startTls(data, port);
  const first = await get(port, '/healthz');
  assert.deepEqual([first.status, first.body], [200, 'ok\n']);
  assert.match(server.output(), new RegExp(`https://127\\.0\\.0\\.1:${port} from everywhere`));
  const { certificate } = first;
  assert.ok(certificate.checkIP('127.0.0.1'));
  assert.ok(certificate.checkHost('localhost'));
  assert.ok(new Date(certificate.validTo) - Date.now() > 30 * 24 * 3600 * 1000);
  const key = path.join(data, 'tls/key.pem');
  assert.equal(statSync(key).mode & 0o777, 0o600);
  assert.equal(statSync(data).mode & 0o077, 0);
  await server.stop();
  server = await startTls(data, port);
  assert.equal((await get(port, '/healthz')).certificate.fingerprint256, certificate.fingerprint256);
  await server.stop();
  rmSync(key);
  server = await startTls(data, port);
  const renewed = (await get(port, '/healthz')).certificate.fingerprint256;
  assert.notEqual(renewed, certificate.fingerprint256);
  // A certificate that is broken when it is read again leaves the old one in use.
  writeFileSync(path.join(data, 'tls/certificate.pem'), 'nonsense');
  server.kill('SIGHUP');
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal((await get(port, '/healthz')).certificate.fingerprint256, renewed);
  await server.stop();
  // Its own it makes again at the next start, and also when it reaches clients at another address.
  server = await startTls(data, port);
  const again = (await get(port, '/healthz')).certificate;
  assert.notEqual(again.fingerprint256, renewed);
  assert.equal(again.ca, false);
  assert.ok(new Date(again.validTo) - new Date(again.validFrom) <= 825 * 24 * 3600 * 1000);
  await server.stop();
  server = await startTls(data, port, ['--announce', '192.0.2.7']);
  assert.ok((await get(port, '/healthz')).certificate.checkIP('192.0.2.7'));
  await server.stop();
});

test('accounts and sessions outlive a restart, also a sudden one', async () => {
  const data = folder();
  const first = await startServer({ data });
  const user = await account(first, 'Lasting');
  first.kill('SIGKILL');
  await first.exited;
  const second = await startServer({ data });
  const me = await fetch(`${second.url}/api/v2/me`, { headers: { authorization: `Bearer ${user.token}` } });
  assert.equal(me.status, 200);
  assert.deepEqual(await me.json(), user.user);
  const login = await fetch(`${second.url}/api/v1/user/login`, {
    method: 'POST', body: JSON.stringify({ nickname: 'lasting', password: user.password }) });
  assert.equal((await login.json()).data.user.id, user.user.id);
  assert.equal(statSync(path.join(data, 'loopcast.db')).mode & 0o077, 0, 'passwords are for nobody else');
  await second.stop();
});

test('SIGTERM with broadcasts on air: viewers are told, and it is over soon', async () => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    const server = await startServer();
    const [host, guest] = [await account(server), await account(server)];
    const viewers = [];
    for (const kind of Object.values(GENERATIONS).slice(0, 4)) {
      const { page, id } = await present(server, host, kind);
      for (const other of Object.values(GENERATIONS)) viewers.push((await watch(server, guest, other, id)).page);
      viewers.at(-1).presenter = page;
    }
    const idle = net.connect(server.port, '127.0.0.1');
    idle.on('error', () => {});
    const begin = Date.now();
    server.kill(signal);
    const code = await server.exited;
    assert.equal(code, 0, server.log);
    assert.ok(Date.now() - begin < 5000, `${Date.now() - begin} ms`);
    for (const page of viewers) {
      await page.next('presentorgone');
      assert.equal(page.count('presentorgone'), 1);
      await page.next('disconnect');
    }
    assert.match(server.log, /stopped\n$/);
    rmSync(server.data, { recursive: true });
  }
});

test('health for everybody, figures for this machine only', async () => {
  const server = await startServer({ args: ['--trusted-proxy', '127.0.0.1'] });
  const health = await fetch(`${server.url}/healthz`);
  assert.deepEqual([health.status, await health.text()], [200, 'ok\n']);
  const metrics = await fetch(`${server.url}/metrics`);
  assert.match(metrics.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  assert.match(await metrics.text(), /^# TYPE loopcast_broadcasts gauge$/m);
  for (const forwarded of ['192.0.2.1', '127.0.0.1', '']) {
    const response = await fetch(`${server.url}/metrics`, { headers: { 'x-forwarded-for': forwarded } });
    assert.equal(response.status, 403);
    assert.equal((await response.json()).code, 'forbidden');
  }
  const manual = readFileSync(path.join(root, 'docs/OPERATIONS.md'), 'utf8');
  const figures = Object.keys(await server.metrics()).map((name) => name.replace(/\{.*/, ''));
  for (const [, name] of manual.matchAll(/`(loopcast_\w+)`/g)) assert.ok(figures.includes(name), name);
  await server.stop();
});

test('figures are kept from other machines', async () => {
  const outside = Object.values(os.networkInterfaces()).flat().find((a) => a.family === 'IPv4' && !a.internal);
  if (!outside) return;
  const port = await freePort();
  const data = folder();
  const done = run([...quiet, '--http', `${outside.address}:${port}`, '--data', data]);
  const response = await (async () => {
    for (let i = 0; i < 200; ++i) {
      const answer = await fetch(`http://${outside.address}:${port}/metrics`).catch(() => null);
      if (answer) return answer;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  assert.equal(response.status, 403);
  assert.equal((await done).code, 0);
});
