// Starts the real server on free ports of loopback, with a data folder of its own that goes with it.
//
// The program is the one in the build folder LOOPCAST_BUILD (build/release of this tree by default); the web app is
// the folder LOOPCAST_WEB, or else the one that the program finds by itself.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const build = path.resolve(process.env.LOOPCAST_BUILD ?? path.join(root, 'build/release'));

const READY = /Loopcast is ready: http:\/\/[^ ]*:(\d+)/;
const SECURE = /Loopcast is ready: https:\/\/[^ ]*:(\d+)/;
const START_MS = 60_000;
const STOP_MS = 30_000;

// Options of the environment would change what is tested.
function cleanEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LOOPCAST_')));
}

// "name{label="x"} 3" lines as { 'name{label="x"}': 3 }.
export function parseMetrics(text) {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

// options: `args` (added to the command line), `env`, `data` (a folder that is kept; a fresh one otherwise), `host` (the
// address that it listens on and announces; loopback otherwise), `https` (true: on a free port as well).
//
// Answers { url, port, securePort, pid, data, log (all that it printed so far), exited (a promise of its exit code),
// kill(signal), stop() (SIGTERM; throws unless it exits with 0 in time), metrics(), figures(),
// register(nickname, password) }.
export async function startServer({ args = [], env = {}, data, host = '127.0.0.1', https = false } = {}) {
  const folder = data ?? (await mkdtemp(path.join(tmpdir(), 'loopcast-test-')));
  const web = process.env.LOOPCAST_WEB ? ['--web', path.resolve(process.env.LOOPCAST_WEB)] : [];
  const child = spawn(
    path.join(build, 'loopcast'),
    [
      ...['--http', `${host}:0`, '--https', https ? `${host}:0` : 'off', '--media-port', '0', '--announce', host],
      ...['--workers', '1', '--data', folder, ...web, ...args],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...cleanEnvironment(), ...env } },
  );
  let log = '';
  const exited = new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)));
  // Whatever ends a test run ends its servers too.
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  exited.then(() => process.removeListener('exit', endWithUs));

  const port = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail('is not ready'), START_MS);
    const fail = (why) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`the server ${why}\n${log}`));
    };
    child.on('error', (error) => fail(`does not start: ${error.message}`));
    child.on('exit', (code, signal) => fail(`ended with ${code ?? signal}`));
    const read = (chunk) => {
      log += chunk;
      const ready = READY.exec(log);
      if (!ready || (https && !SECURE.test(log))) return;
      clearTimeout(timer);
      resolve(Number(ready[1]));
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
  });
  const url = `http://${host}:${port}`;

  return {
    url,
    port,
    securePort: https ? Number(SECURE.exec(log)[1]) : undefined,
    pid: child.pid,
    data: folder,
    exited,
    get log() {
      return log;
    },
    kill: (signal) => child.kill(signal),
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      const code = await exited;
      clearTimeout(timer);
      if (data === undefined) await rm(folder, { recursive: true, force: true });
      if (code !== 0) throw new Error(`the server ended with ${code}\n${log}`);
    },
    async metrics() {
      return parseMetrics(await (await fetch(`${url}/metrics`)).text());
    },
    // What the system says: resident memory in KiB, open descriptors, threads.
    async figures() {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1]);
      return { rss: field('VmRSS'), fds: (await readdir(`/proc/${child.pid}/fd`)).length, threads: field('Threads') };
    },
    // A new account with a session: { token, user }.
    async register(nickname, password = 'secret12') {
      const response = await fetch(`${url}/api/v2/users`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ nickname, password }),
      });
      if (response.status !== 201) throw new Error(`register ${nickname}: ${response.status} ${await response.text()}`);
      return response.json();
    },
  };
}
