// The load generator against the real server: a publisher and viewers with real sockets, ICE, DTLS and SRTP, of whom
// some decrypt and check every byte.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startServer } from '../support/server.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const build = path.resolve(process.env.LOOPCAST_BUILD ?? path.join(root, 'build/release'));

async function load(server, ...args) {
  const { stdout } = await promisify(execFile)(path.join(build, 'bench/load/loopcast-load'), [
    ...['--server', server.url, '--bind', '127.0.0.1', '--server-pid', String(server.pid), '--json'],
    ...args,
  ]);
  return JSON.parse(stdout);
}

for (const profile of ['lean', 'browser'])
  test(`every viewer of the profile ${profile} gets every packet`, async () => {
    const server = await startServer();
    try {
      const report = await load(server, '--profile', profile, '--viewers', '20,40', '--seconds', '2', '--sample', '10');
      assert.deepEqual(report.violations, []);
      assert.deepEqual(
        report.steps.map((step) => step.viewers),
        [20, 40],
      );
      for (const step of report.steps) {
        assert.equal(step.delivered_packets, step.expected_packets);
        assert.equal(step.sampled_missed, 0);
        assert.ok(step.sampled_packets >= step.published_packets * (step.viewers / 4), 'a quarter is checked');
        assert.equal(step.late.joined, 10);
        assert.ok(step.server_us_per_packet > 0 && step.memory_per_viewer > 0);
      }
    } finally {
      await server.stop();
    }
  });

test('a crowd that joins at once all gets its picture, and nobody else loses a packet', async () => {
  const server = await startServer();
  try {
    const { steps, burst, violations } = await load(server, '--viewers', '10', '--seconds', '1', '--join-burst', '100');
    assert.deepEqual(violations, []);
    assert.equal(steps.length, 1);
    assert.equal(burst.joined, 100);
    assert.equal(burst.failed, 0);
    assert.equal(burst.others_loss, 0);
    // It publishes with record=false.
    const database = path.join(server.data, 'loopcast.db');
    const { stdout } = await promisify(execFile)('sqlite3', [database, 'SELECT count(*) FROM recordings']);
    assert.equal(stdout.trim(), '0');
  } finally {
    await server.stop();
  }
});
