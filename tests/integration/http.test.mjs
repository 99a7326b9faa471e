// The HTTP server as browsers meet it: files over plain HTTP and TLS.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { io } from 'socket.io-client';
import { once } from 'node:events';
import { startServer, until } from './conformance.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'loopcast-http-'));
const root = path.join(folder, 'root');
const certificate = path.join(folder, 'cert.pem');
const key = path.join(folder, 'key.pem');
const video = Buffer.alloc(3_000_000, 'loopcast ');
let plain;
let tls;

before(async () => {
  fs.mkdirSync(root);
  fs.writeFileSync(path.join(root, 'index.html'), '<html></html>');
  fs.writeFileSync(path.join(root, 'video.mp4'), video);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
    '-nodes', '-subj', '/CN=localhost', '-days', '1', '-keyout', key, '-out', certificate],
  { stdio: 'ignore' });
  [plain, tls] = await Promise.all([
    startServer('--root', root),
    startServer('--root', root, '--tls-certificate', certificate, '--tls-key', key),
  ]);
});
after(async () => {
  await Promise.all([plain.stop(), tls.stop()]);
  fs.rmSync(folder, { recursive: true });
});

test('a large file, whole and in parts', async () => {
  const whole = await fetch(`${plain.http}/video.mp4`);
  assert.equal(whole.headers.get('content-type'), 'video/mp4');
  assert.equal(Buffer.compare(Buffer.from(await whole.arrayBuffer()), video), 0);
  const part = await fetch(`${plain.http}/video.mp4`, { headers: { Range: 'bytes=1000000-2999998' } });
  assert.equal(part.status, 206);
  assert.equal(part.headers.get('content-range'), 'bytes 1000000-2999998/3000000');
  assert.equal(
    Buffer.compare(Buffer.from(await part.arrayBuffer()), video.subarray(1_000_000, 2_999_999)),
    0,
  );
});

test('HEAD and conditional requests', async () => {
  const head = await fetch(`${plain.http}/video.mp4`, { method: 'HEAD' });
  assert.equal(head.headers.get('content-length'), '3000000');
  const again = await fetch(`${plain.http}/video.mp4`, {
    headers: { 'If-None-Match': head.headers.get('etag') },
  });
  assert.equal(again.status, 304);
});

test('TLS: files, 1.2 at least, and Socket.IO', async () => {
  const ca = fs.readFileSync(certificate);
  const get = (options) =>
    new Promise((resolve, reject) => {
      https
        .get({ host: '127.0.0.1', port: tls.port, path: '/video.mp4', ca,
          servername: 'localhost', agent: false, ...options }, (response) => {
          const chunks = [];
          response.on('data', (chunk) => chunks.push(chunk));
          response.on('end', () => resolve(Buffer.concat(chunks)));
        })
        .on('error', reject);
    });
  assert.equal(Buffer.compare(await get({}), video), 0);
  assert.equal(Buffer.compare(await get({ maxVersion: 'TLSv1.2' }), video), 0);
  await assert.rejects(get({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }));
  const socket = io(`https://127.0.0.1:${tls.port}`, { rejectUnauthorized: false, auth: { a: 1 } });
  assert.deepEqual(await once(socket, 'auth'), [{ a: 1 }]);
  await until(() => socket.io.engine.transport.name === 'websocket', 'the upgrade');
  const back = once(socket, 'message-back');
  socket.emit('message', 'x'.repeat(100_000));
  assert.equal((await back)[0].length, 100_000);
  socket.disconnect();
});
