// Starts the conformance server on a free port, and small tools to talk to it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const build = path.resolve(process.env.LOOPCAST_BUILD ?? path.join(root, 'build/debug'));

export const PING_INTERVAL = 300;
export const PING_TIMEOUT = 200;
export const MAX_PAYLOAD = 1_000_000;

export async function startServer(...args) {
  const program = path.join(build, 'tests/socketio_conformance/socketio-conformance');
  const child = spawn(program, ['--port', '0', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  let output = '';
  const port = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the server ended with ${code}`)));
    child.stdout.on('data', (data) => {
      output += data;
      const match = /listening on (\d+)/.exec(output);
      if (match) resolve(Number(match[1]));
    });
  });
  return {
    port,
    pid: child.pid,
    http: `http://127.0.0.1:${port}`,
    ws: `ws://127.0.0.1:${port}`,
    counters: async () => (await fetch(`http://127.0.0.1:${port}/counters`)).json(),
    // Ends it in the orderly way; sanitizers report leaks by their exit status.
    stop: async () => {
      child.kill('SIGTERM');
      const [code] = await exited;
      if (code !== 0) throw new Error(`the server ended with ${code}`);
    },
  };
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(condition, what, ms = 10_000) {
  const end = Date.now() + ms;
  while (Date.now() < end) {
    if (await condition()) return;
    await sleep(10);
  }
  throw new Error(`timed out: ${what}`);
}

// A WebSocket whose messages and end are waited for, never missed.
export class Probe {
  constructor(url, headers = {}) {
    this.messages = [];
    this.waiting = [];
    this.socket = new WebSocket(url, { headers });
    this.opened = once(this.socket, 'open');
    this.opened.catch(() => {});
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => this.socket.on('close', resolve));
    this.socket.on('message', (data, binary) => {
      const message = binary ? new Uint8Array(data) : data.toString();
      const next = this.waiting.shift();
      if (next) next(message);
      else this.messages.push(message);
    });
  }
  send(data) {
    this.socket.send(data);
  }
  // Revision 4 pings come in between: they are left out unless asked for.
  async next({ pings = false } = {}) {
    for (;;) {
      const message = this.messages.length
        ? this.messages.shift()
        : await new Promise((resolve, reject) => {
            this.waiting.push(resolve);
            this.closed.then(() => reject(new Error('closed')));
          });
      if (pings || message !== '2') return message;
      this.send('3');
    }
  }
  close() {
    this.socket.close();
    return this.closed;
  }
}
