// What `cmake --install` makes: a tree that runs wherever it is put, and needs nothing of the tree that it was built from.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { build, startServer } from '../support/server.mjs';

const scratch = mkdtempSync(path.join(tmpdir(), 'loopcast-install-'));
const place = path.join(scratch, 'moved');
const web = path.join(place, 'share/loopcast/web');
const texts = path.join(place, 'share/doc/loopcast');

before(() => {
  const prefix = path.join(scratch, 'prefix');
  execFileSync('cmake', ['--install', build, '--prefix', prefix], { stdio: 'pipe' });
  // Nothing in it knows where it was put first.
  renameSync(prefix, place);
});
after(() => rmSync(scratch, { recursive: true, force: true }));

test('the server that is started there serves the web app that lies there, and takes accounts', async () => {
  const mark = `mark ${process.pid}`;
  writeFileSync(path.join(web, 'mark.txt'), mark);
  const server = await startServer({ program: path.join(place, 'bin/loopcast') });
  try {
    assert.equal(await (await fetch(`${server.url}/mark.txt`)).text(), mark);
    const page = await (await fetch(`${server.url}/`)).text();
    const script = /<script type="module"[^>]* src="([^"]+)"/.exec(page)[1];
    const answer = await fetch(new URL(script, server.url));
    assert.equal(answer.status, 200);
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), readFileSync(path.join(web, script)));
    const { token, user } = await server.register('Installed');
    const me = await fetch(`${server.url}/api/v2/me`, { headers: { authorization: `Bearer ${token}` } });
    assert.deepEqual(await me.json(), user);
  } finally {
    await server.stop();
  }
});

test('licence and texts are there, and lead to each other', () => {
  assert.match(readFileSync(path.join(texts, 'LICENSE'), 'utf8'), /Apache License/);
  const files = readdirSync(texts, { recursive: true }).filter((file) => file.endsWith('.md'));
  assert.ok(files.includes('README.md') && files.includes('docs/OPERATIONS.md'), String(files));
  const broken = files.flatMap((file) =>
    [...readFileSync(path.join(texts, file), 'utf8').matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)]
      .filter(([, link]) => !existsSync(path.join(texts, path.dirname(file), link)))
      .map(([, link]) => `${file}: ${link}`));
  assert.deepEqual(broken, []);
});

test('nothing else is in it', () => {
  assert.deepEqual(readdirSync(place).sort(), ['bin', 'share']);
  assert.deepEqual(readdirSync(path.join(place, 'bin')), ['loopcast']);
  assert.deepEqual(readdirSync(path.join(place, 'share/loopcast')), ['web']);
  assert.ok(statSync(path.join(place, 'bin/loopcast')).mode & 0o111);
});
