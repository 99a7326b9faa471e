// Calls between real clients of both generations and the real server.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { GENERATIONS, MANY_ADDRESSES, Page, account, makeNetwork, offer } from '../support/pages.mjs';
import { startServer } from '../support/server.mjs';
import { sleep, until } from '../support/until.mjs';

const OLD = GENERATIONS['first generation'];
const NEW = GENERATIONS['second generation'];

let server;
const open = [];
before(async () => {
  server = await startServer({ args: MANY_ADDRESSES });
});
after(() => server.stop());
afterEach(() => open.splice(0).forEach((thing) => thing.close()));

// Somebody with a call line. Each test has people of its own, so that no test is in another's way.
async function person(kind, who) {
  who ??= await account(server);
  const line = new Page(server, who.token, kind);
  open.push(line);
  await line.ask('online');
  return { ...who, kind, line };
}

// The same user on another device: a session of its own.
async function otherDevice(who, kind = who.kind) {
  const login = await fetch(`${server.url}/api/v2/sessions`, {
    method: 'POST', body: JSON.stringify({ nickname: who.nickname, password: who.password }) });
  const { token } = await login.json();
  return person(kind, { ...who, token });
}

function socket(who, options) {
  const page = new Page(server, who.token, who.kind, options);
  open.push(page);
  return page;
}

const SDP = { sdpOffer: offer('chromium_presenter') };

async function call(from, to, options) {
  const page = socket(from, options);
  page.emit('createPresentor', { ...SDP, invite: to.nickname, record: false });
  const [{ presentorId, callId }] = await page.next('startResponse');
  return { page, id: presentorId, callId };
}

async function watches(who, presentorId) {
  const page = socket(who, { presentorId });
  page.emit('createViewer', { sdpOffer: offer('chromium_viewer') });
  await page.next('startResponse');
  return page;
}

// As the first generation answers: presents, says so on that socket, and watches.
async function answer(who, ring, options) {
  const viewer = await watches(who, ring.linkId);
  const page = socket(who, options);
  page.emit('createPresentor', { ...SDP, record: false });
  const [{ presentorId }] = await page.next('startResponse');
  page.emit('acceptcall', { from: ring.from });
  return { page, viewer, id: presentorId };
}

// A call that is connected: both ends, with their sockets.
async function talk(a, b) {
  const made = await call(a, b);
  const [ring] = await b.line.next('call');
  const taken = await answer(b, ring);
  const [accepted] = await a.line.next('callaccepted');
  const viewer = await watches(a, accepted.linkId);
  return { callId: made.callId, caller: { ...made, viewer }, callee: taken };
}

async function figures() {
  const all = await server.metrics();
  return { calls: all.loopcast_calls, on_air: all.loopcast_broadcasts, viewers: all.loopcast_viewers };
}

// No call, broadcast or viewer is left on the server.
const quiet = () =>
  until(async () => {
    const { calls, on_air, viewers } = await figures();
    return calls === 0 && on_air === 0 && viewers === 0;
  }, async () => `quiet: ${JSON.stringify(await figures())}`, 20_000);

async function history(who) {
  const response = await fetch(`${server.url}/api/v2/calls`, { headers: { authorization: `Bearer ${who.token}` } });
  assert.equal(response.status, 200);
  return (await response.json()).calls;
}

const PAIRS = {
  'first generation calls first generation': [OLD, OLD],
  'first generation calls second generation': [OLD, NEW],
  'second generation calls first generation': [NEW, OLD],
  'second generation calls second generation': [NEW, NEW],
};

for (const [name, [from, to]] of Object.entries(PAIRS)) {
  describe(name, () => {
    test('a call rings, is answered, and each sees the other until one hangs up', async () => {
      const [alice, bob] = [await person(from), await person(to)];
      const made = await call(alice, bob);
      const [ring] = await bob.line.next('call');
      assert.equal(ring.from.nickname, alice.nickname);
      assert.notEqual(ring.from.avatar, '');
      assert.equal(ring.linkId, made.id);
      const taken = await answer(bob, ring);
      const [accepted] = await alice.line.next('callaccepted');
      assert.equal(accepted.to.nickname, bob.nickname);
      assert.equal(accepted.linkId, taken.id);
      await watches(alice, accepted.linkId);
      await until(() => alice.line.events.some((e) => e.name === 'callstate' && e.args[0].state === 'connected'), 'connected');
      // Said more than once, as pages do.
      taken.page.emit('acceptcall', { from: ring.from });
      made.page.emit('stopPresentor');
      await taken.viewer.next('presentorgone');
      for (const line of [alice.line, bob.line]) {
        const [ended] = await line.next('callended');
        assert.equal(ended.reason, 'hung_up');
        assert.equal(ended.callId, made.callId);
      }
      await quiet();
      assert.equal(alice.line.count('callended') + bob.line.count('callended'), 2);
      assert.equal(alice.line.count('callaccepted'), 1);
    });
  });
}
