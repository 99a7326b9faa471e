// Pages as the signalling sees them: accounts, sockets of both generations of the client, real offers.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { io as io4 } from 'socket.io-client';
import io2 from 'socket.io-client-v2';
import { startSender } from './sender.mjs';
import { until } from './until.mjs';

const WAIT_MS = 10_000;

// An offer as a browser sent it: 'chromium_presenter', 'firefox_viewer' ...
export const offer = (name) =>
  readFileSync(new URL(`../../src/rtc/testdata/${name}.sdp`, import.meta.url), 'utf8');

let accounts = 0;
const host = () => `10.${(accounts >> 16) & 255}.${(accounts >> 8) & 255}.${accounts & 255}`;

// Who asks from many addresses is not limited like one; the server must be started with this.
export const MANY_ADDRESSES = ['--trusted-proxy', '127.0.0.1'];

// A new account with a session, asked for from an address of its own: { nickname, password, token, user }.
export async function account(server, nickname = `user ${process.pid} ${accounts}`, password = 'secret12') {
  ++accounts;
  const response = await fetch(`${server.url}/api/v2/users`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-forwarded-for': host() },
    body: JSON.stringify({ nickname, password }),
  });
  assert.equal(response.status, 201, await response.clone().text());
  return { nickname, password, ...(await response.json()) };
}

// The generations of the client and the ways that each can connect.
export const GENERATIONS = {
  'first generation': { generation: 2 },
  'first generation, WebSocket only': { generation: 2, transports: ['websocket'] },
  'first generation, polling only': { generation: 2, transports: ['polling'] },
  'second generation': { generation: 4 },
  'second generation, WebSocket only': { generation: 4, transports: ['websocket'] },
  'second generation, polling only': { generation: 4, transports: ['polling'] },
};

// One socket. Everything that arrives is kept in `events` as { name, args }.
export class Page {
  // `kind`: one of GENERATIONS.
  constructor(server, token, kind, { presentorId, language, headers = {}, url = server.url } = {}) {
    this.kind = kind;
    this.events = [];
    this.taken = new Set();
    const common = {
      path: '/socket.io/webrtc',
      reconnection: false,
      forceNew: true,
      transports: kind.transports ?? ['polling', 'websocket'],
      extraHeaders: language ? { ...headers, 'accept-language': language } : headers,
    };
    const target = presentorId === undefined ? {} : { presentorId };
    if (kind.generation === 2) {
      const query = token === undefined ? target : { ...target, token };
      this.socket = io2(url, { ...common, query });
      const onevent = this.socket.onevent;
      this.socket.onevent = (packet) => {
        this.#keep(packet.data[0], packet.data.slice(1));
        onevent.call(this.socket, packet);
      };
      this.socket.on('error', (what) => this.#keep('error', [what]));
    } else {
      this.socket = io4(url, { ...common, query: target, auth: token === undefined ? {} : { token } });
      this.socket.onAny((name, ...args) => this.#keep(name, args));
    }
    this.socket.on('disconnect', (reason) => this.#keep('disconnect', [reason]));
  }
  #keep(name, args) {
    this.events.push({ name, args });
  }
  emit(...args) {
    this.socket.emit(...args);
  }
  count(name) {
    return this.events.filter((e) => e.name === name).length;
  }
  // The arguments of the next event of that name which nobody has waited for yet.
  async next(name, ms = WAIT_MS) {
    const find = () => this.events.find((e) => e.name === name && !this.taken.has(e));
    const seen = () => `"${name}"; it got ${JSON.stringify(this.events.map((e) => e.name))}`;
    const event = await until(find, seen, ms, 5);
    this.taken.add(event);
    return event.args;
  }
  // Emits it and answers the acknowledgement.
  ask(name, ...args) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no acknowledgement of ${name}`)), WAIT_MS);
      this.socket.emit(name, ...args, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
    });
  }
  // What the server sent before it heard this has arrived afterwards.
  settle() {
    return this.ask('online');
  }
  connected() {
    return until(() => this.socket.connected, 'the socket to connect', WAIT_MS, 5);
  }
  close() {
    this.socket.close();
  }
}

// The id of the broadcast is an addition of ours; the first-generation page reads the list. Without media it is there,
// for who has the id, and not on the air.
export async function present(server, who, kind, options = {}) {
  const page = new Page(server, who.token, kind, options);
  page.emit('createPresentor', { sdpOffer: offer('chromium_presenter') });
  const [{ sdpAnswer, presentorId }] = await page.next('startResponse');
  return { page, id: presentorId, answer: sdpAnswer };
}

// Presents on this socket what is really sent, and is on the air: { id, callId, sender }. `request`: more of
// createPresentor.
export async function goOnAir(server, who, page, request = {}) {
  const sender = await startSender();
  page.emit('createPresentor', { sdpOffer: sender.offer, ...request });
  const [{ sdpAnswer, presentorId, callId }] = await page.next('startResponse');
  sender.answer(sdpAnswer);
  await until(async () => (await listed(server, who)).includes(presentorId), 'the broadcast to be listed');
  return { id: presentorId, callId, sender };
}

// Ids of the broadcasts that are on the air.
export async function listed(server, who) {
  const response = await fetch(`${server.url}/api/v2/broadcasts?size=100`, {
    headers: { authorization: `Bearer ${who.token}` },
  });
  return (await response.json()).broadcasts.map(({ id }) => id);
}

export async function watch(server, who, kind, presentorId, options = {}) {
  const page = new Page(server, who.token, kind, { ...options, presentorId });
  page.emit('createViewer', { sdpOffer: offer('chromium_viewer') });
  const [{ sdpAnswer }] = await page.next('startResponse');
  return { page, answer: sdpAnswer };
}

// A network between pages and the server, which can break: url, cut(), freeze(), close().
export async function makeNetwork(server) {
  const pairs = new Set();
  const listener = net.createServer((near) => {
    const far = net.connect(server.port, '127.0.0.1');
    const pair = [near, far];
    pairs.add(pair);
    near.pipe(far);
    far.pipe(near);
    for (const end of pair) {
      end.on('error', () => {});
      end.on('close', () => {
        pair.forEach((other) => other.destroy());
        pairs.delete(pair);
      });
    }
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${listener.address().port}`,
    // As when the process of the page is killed: every connection is gone, and none comes again.
    cut() {
      listener.close();
      for (const pair of pairs) pair.forEach((end) => end.resetAndDestroy());
    },
    // As when the cable is pulled: nothing moves, and nobody is told.
    freeze() {
      listener.on('connection', (near) => near.pause());
      for (const [near, far] of pairs) {
        near.unpipe(far);
        far.unpipe(near);
        near.pause();
        far.pause();
      }
    },
    close() {
      listener.close();
      for (const pair of pairs) pair.forEach((end) => end.destroy());
    },
  };
}
