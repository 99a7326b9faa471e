// People with call lines of both generations of the client, and calls between them, against one real server.
import assert from 'node:assert/strict';
import { GENERATIONS, MANY_ADDRESSES, Page, account, offer } from './pages.mjs';
import { startServer } from './server.mjs';
import { until } from './until.mjs';

export const OLD = GENERATIONS['first generation'];
export const NEW = GENERATIONS['second generation'];

export let server;
// What each test leaves open.
export const open = [];
const lines = [];

export async function start(options = {}) {
  server = await startServer({ args: MANY_ADDRESSES, ...options });
  return server;
}

// Goes on with another server, that start() has answered.
export function use(other) {
  server = other;
}

export async function leave() {
  // A call whose pages only go is kept for 10 s, so that they may come back.
  await Promise.all(lines.splice(0).map((line) => line.socket.connected && line.ask('hangup', {})));
  open.splice(0).forEach((thing) => thing.close());
}

// Somebody with a call line. Each test has people of its own, so that no test is in another's way.
export async function person(kind, who) {
  who ??= await account(server);
  const line = new Page(server, who.token, kind);
  open.push(line);
  lines.push(line);
  await line.ask('online');
  return { ...who, kind, line };
}

// The same user on another device: a session of its own.
export async function otherDevice(who, kind = who.kind) {
  const login = await fetch(`${server.url}/api/v2/sessions`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ nickname: who.nickname, password: who.password }) });
  const { token } = await login.json();
  return person(kind, { ...who, token });
}

export function socket(who, options) {
  const page = new Page(server, who.token, who.kind, options);
  open.push(page);
  return page;
}

export const SDP = { sdpOffer: offer('chromium_presenter') };

export async function call(from, to, options) {
  const page = socket(from, options);
  page.emit('createPresentor', { ...SDP, invite: to.nickname, record: false });
  const [{ presentorId, callId }] = await page.next('startResponse');
  return { page, id: presentorId, callId };
}

export async function watches(who, presentorId) {
  const page = socket(who, { presentorId });
  page.emit('createViewer', { sdpOffer: offer('chromium_viewer') });
  await page.next('startResponse');
  return page;
}

// As the first generation answers: presents, says so on that socket, and watches.
export async function answer(who, ring, options) {
  const viewer = await watches(who, ring.linkId);
  const page = socket(who, options);
  const named = who.kind.generation === 2 ? {} : { callId: ring.callId };
  page.emit('createPresentor', { ...SDP, record: false, ...named });
  const [{ presentorId }] = await page.next('startResponse');
  page.emit('acceptcall', { from: ring.from });
  return { page, viewer, id: presentorId };
}

// A call that is connected: both ends, with their sockets.
export async function talk(a, b) {
  const made = await call(a, b);
  const [ring] = await b.line.next('call');
  const taken = await answer(b, ring);
  const [accepted] = await a.line.next('callaccepted');
  const viewer = await watches(a, accepted.linkId);
  return { callId: made.callId, caller: { ...made, viewer }, callee: taken };
}

export async function figures() {
  const all = await server.metrics();
  return { calls: all.loopcast_calls, on_air: all.loopcast_broadcasts, viewers: all.loopcast_viewers };
}

// No call, broadcast or viewer is left on the server.
export const quiet = () =>
  until(async () => {
    const { calls, on_air, viewers } = await figures();
    return calls === 0 && on_air === 0 && viewers === 0;
  }, async () => `quiet: ${JSON.stringify(await figures())}`, 20_000);

export async function history(who) {
  const response = await fetch(`${server.url}/api/v2/calls`, { headers: { authorization: `Bearer ${who.token}` } });
  assert.equal(response.status, 200);
  return (await response.json()).calls;
}

export const reasonFor = async (who) => (await who.line.next('callended'))[0].reason;
