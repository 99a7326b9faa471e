// What somebody without an account does to a server, from one address or from many, on and on: the attacks of
// strangers.test.mjs. They run in a process of their own (this file is also its program), so that whoever uses the server
// meanwhile has a processor that is not the attacker's.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import os from 'node:os';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { sleep } from './until.mjs';

const PROGRAM = fileURLToPath(import.meta.url);

export const POLLING = '/socket.io/webrtc/?EIO=4&transport=polling';
export const HEAD = 'Host: localhost\r\n';
const WEBSOCKET =
  `GET /socket.io/webrtc/?EIO=4&transport=websocket HTTP/1.1\r\n${HEAD}Upgrade: websocket\r\nConnection: Upgrade\r\n` +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';
// A text message of `size` bytes, masked with zeros.
const message = (size, sent = size) => {
  const head = Buffer.from([0x81, 0xff, 0, 0, 0, 0, size >> 24, (size >> 16) & 255, (size >> 8) & 255, size & 255, 0, 0, 0, 0]);
  return Buffer.concat([head, Buffer.alloc(sent, '4')]);
};
export const post = (sid, body, announced = body.length) =>
  `POST ${POLLING}&sid=${sid} HTTP/1.1\r\n${HEAD}Content-Length: ${announced}\r\n\r\n${body}`;

// An attacker's connection: keeps what came last, reads on unless told otherwise.
export class Stranger {
  constructor(port, from, { secure = false, deaf = false } = {}) {
    const options = { host: '127.0.0.1', port, localAddress: from };
    this.last = '';
    this.socket = secure ? tls.connect({ ...options, rejectUnauthorized: false, servername: 'localhost' }) : net.connect(options);
    this.socket.on('error', () => {});
    this.closed = false;
    this.socket.on('close', () => (this.closed = true));
    if (deaf) this.socket.pause();
    else this.socket.on('data', (data) => (this.last = data.toString('latin1')));
  }
  get gone() {
    return this.closed || this.socket.destroyed || !this.socket.writable;
  }
  write(data) {
    if (!this.gone) this.socket.write(data);
  }
  // Sends a request and waits for something to come back; false: it is gone.
  async ask(data) {
    this.last = '';
    this.write(data);
    for (let i = 0; i < 400 && this.last === '' && !this.gone; ++i) await sleep(5);
    return this.last !== '';
  }
  async session() {
    const open = await this.ask(`GET ${POLLING} HTTP/1.1\r\n${HEAD}\r\n`);
    return open ? /"sid":"([^"]+)"/.exec(this.last)?.[1] : undefined;
  }
}

// What each connection of an attack does, and whether it does so again when it has been thrown out.
export const ATTACKS = {
  'answers that nobody fetches': {
    async run(stranger) {
      const sid = await stranger.session();
      if (sid) await stranger.ask(post(sid, Array(9500).fill('40/a,').join('\x1e')));
      const second = await stranger.session();
      if (second) await stranger.ask(post(second, Array(500).fill('40/a,').join('\x1e')));
    },
  },
  'sessions that never sign in': {
    async run(stranger) {
      for (let i = 0; i < 20; ++i) await stranger.session();
    },
  },
  'polls that hang, each with a large head': {
    async run(stranger) {
      const sid = await stranger.session();
      if (!sid) return;
      stranger.write(`GET ${POLLING}&sid=${sid} HTTP/1.1\r\n${HEAD}`);
      for (let i = 0; i < 80; ++i) stranger.write(`X-${i}: ${'x'.repeat(150)}\r\n`);
      stranger.write('\r\n');
    },
  },
  'heads without end': {
    async run(stranger) {
      stranger.write(`GET / HTTP/1.1\r\n${HEAD}X: ${'x'.repeat(15_900)}`);
    },
  },
  'a thousand small headers': {
    async run(stranger) {
      stranger.write(`GET / HTTP/1.1\r\n${HEAD}${'a: b\r\n'.repeat(2_600)}`);
    },
  },
  'bodies that stop short': {
    async run(stranger) {
      stranger.write(`POST /api/v2/sessions HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\n` +
        `Content-Length: 4096\r\n\r\n${' '.repeat(4000)}`);
    },
  },
  'large bodies without a token': {
    async run(stranger) {
      stranger.write(`PUT /api/v2/me/avatar HTTP/1.1\r\n${HEAD}Content-Length: 5000000\r\n\r\n${'x'.repeat(60_000)}`);
    },
  },
  'WebSockets that say nothing': {
    async run(stranger) {
      await stranger.ask(WEBSOCKET);
    },
  },
  'WebSocket messages that stop short': {
    async run(stranger) {
      if (await stranger.ask(WEBSOCKET)) stranger.write(message(4000, 3900));
    },
  },
  'large WebSocket messages': {
    async run(stranger) {
      if (await stranger.ask(WEBSOCKET)) stranger.write(message(60_000));
    },
  },
  'attachments for a packet that is never whole': {
    async run(stranger) {
      if (!(await stranger.ask(WEBSOCKET))) return;
      stranger.write(message(4).subarray(0, 14));
      stranger.write('451-');
    },
  },
  'answers that nobody reads': {
    deaf: true,
    async run(stranger) {
      stranger.write(`GET /api/v2/openapi.json HTTP/1.1\r\n${HEAD}\r\n`.repeat(200));
    },
  },
  'handshakes of TLS that go no further': {
    secure: true,
    async run() {},
  },
  'answers over TLS that nobody reads': {
    secure: true,
    deaf: true,
    async run(stranger) {
      stranger.write(`GET /api/v2/openapi.json HTTP/1.1\r\n${HEAD}\r\n`.repeat(200));
    },
  },
};

const FROM = { one: () => '127.1.0.1', many: (i) => `127.2.${(i >> 8) & 255}.${(i & 255) || 1}` };
// Goes on with `count` connections until `stop()`: who is thrown out comes back.
function begin({ run, secure, deaf }, port, count, from) {
  let on = true;
  const strangers = new Set();
  const one = async (i) => {
    while (on) {
      const stranger = new Stranger(port, from(i), { secure, deaf });
      strangers.add(stranger);
      if (secure) await Promise.race([once(stranger.socket, 'secureConnect').catch(() => {}), sleep(5000)]);
      await run(stranger);
      while (on && !stranger.gone) await sleep(100);
      stranger.socket.destroy();
      strangers.delete(stranger);
      if (on) await sleep(200);
    }
  };
  const all = Array.from({ length: count }, (_, i) => one(i));
  return {
    async stop() {
      on = false;
      for (const stranger of strangers) stranger.socket.destroy();
      await Promise.all(all);
    },
  };
}

// Begins the attack of that name with `count` connections from 'one' address or from 'many'. Answers { stop() }.
export async function attack(server, name, count, from) {
  const port = ATTACKS[name].secure ? server.securePort : server.port;
  const child = fork(PROGRAM, [name, String(port), String(count), from]);
  os.setPriority(child.pid, os.constants.priority.PRIORITY_BELOW_NORMAL);
  const exited = once(child, 'exit');
  await once(child, 'message');
  return {
    async stop() {
      child.send('stop');
      await exited;
    },
  };
}

if (process.argv[1] === PROGRAM) {
  const [name, port, count, from] = process.argv.slice(2);
  const attackers = begin(ATTACKS[name], Number(port), Number(count), FROM[from]);
  process.on('message', async () => {
    await attackers.stop();
    process.exit();
  });
  process.on('disconnect', () => process.exit());
  process.send('begun');
}
