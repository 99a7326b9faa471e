// What clients of both generations mean in calls, and may do: by the real server.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import {
  call, history, leave, NEW, OLD, open, person, reasonFor, SDP, server, socket, start, talk,
} from '../support/call_people.mjs';
import { account, goOnAir, listed } from '../support/pages.mjs';
import { until } from '../support/until.mjs';

before(() => start());
after(() => server.stop());
afterEach(leave);

describe('what is meant', () => {
  test('an unrecorded broadcast of the second generation is for everybody, also while somebody rings', async () => {
    const [alice, bob] = [await person(NEW), await person(NEW)];
    const { callId, page } = await call(alice, bob);
    await bob.line.next('call');
    for (const extra of [{}, { kind: 'public' }]) {
      const live = socket(bob);
      const { id: presentorId, callId: none, sender } = await goOnAir(server, bob, live, { record: false, ...extra });
      open.push({ close: sender.stop });
      assert.equal(none, undefined);
      // The end of the ringing is not its end.
      if (extra.kind) page.emit('stopPresentor');
      await alice.line.settle();
      assert.ok((await listed(server, alice)).includes(presentorId));
      live.close();
    }
    const answering = socket(bob);
    const refused = await answering.ask('createPresentor', { ...SDP, kind: 'call', callId });
    assert.equal(refused.error.code, 'cannot_be_reached');
  });

  test('who says that it is for a call need not say for which', async () => {
    const [alice, bob] = [await person(NEW), await person(NEW)];
    const { callId } = await call(alice, bob);
    const [ring] = await bob.line.next('call');
    const page = socket(bob);
    const answered = await page.ask('createPresentor', { ...SDP, kind: 'call' });
    assert.equal(answered.callId, callId);
    assert.ok((await page.ask('acceptcall', { from: ring.from })).ok);
    assert.equal((await alice.line.next('callaccepted'))[0].linkId, answered.presentorId);
  });

  test('the acknowledgement of a line tells the time of the server', async () => {
    const { line } = await person(NEW);
    const before = Date.now();
    const { time } = await line.ask('online');
    assert.ok(time >= before - 5 && time <= Date.now() + 5, `${time - before}`);
  });
});

describe('what one tells of the other', () => {
  test('a hangup that comes after the loss ends the call at once, and says whose it was', async () => {
    const [alice, bob] = [await person(NEW), await person(NEW)];
    const { caller, callId } = await talk(alice, bob);
    caller.page.close();
    await until(() => bob.line.events.some((e) => e.name === 'callstate' && e.args[0].state === 'connected' && !e.args[0].linkId), 'the loss');
    await alice.line.ask('hangup', { callId });
    const [[at_alice], [at_bob]] = [await alice.line.next('callended'), await bob.line.next('callended')];
    assert.deepEqual([at_alice.reason, at_alice.by, at_bob.reason, at_bob.by], ['hung_up', 'you', 'hung_up', 'other']);
    assert.ok((await call(alice, bob)).callId, 'a new call at once');
  });

  test('what each has on is told to the other', async () => {
    const [alice, bob] = [await person(NEW), await person(OLD)];
    const { callId } = await talk(alice, bob);
    const shown = (who) => who.line.events.filter((e) => e.name === 'callstate').at(-1).args[0].shown;
    assert.deepEqual(shown(alice), { microphone: true, camera: true, screen: false }, 'the first generation says nothing');
    assert.ok((await alice.line.ask('callmedia', { callId, microphone: false, camera: true, screen: true })).ok);
    await until(() => shown(bob).microphone === false, () => JSON.stringify(shown(bob)));
    assert.deepEqual(shown(bob), { microphone: false, camera: true, screen: true });
  });
});

describe('whom one does not want to be called by', () => {
  test('one who is blocked is told what everybody is told of who is away, and the callee hears nothing', async () => {
    const [alice, bob] = [await person(NEW), await person(NEW)];
    const blocked = (who, method = 'GET', id = '') => fetch(`${server.url}/api/v2/blocked${id && `/${id}`}`, {
      method, headers: { authorization: `Bearer ${who.token}` } });
    assert.equal((await blocked(bob, 'PUT', alice.user.id)).status, 204);
    assert.equal((await blocked(bob, 'PUT', alice.user.id)).status, 204);
    assert.equal((await blocked(bob, 'PUT', 'nobody')).status, 404);
    assert.equal((await blocked({ token: 'x' }, 'PUT', alice.user.id)).status, 401);
    assert.deepEqual((await (await blocked(bob)).json()).people, [alice.user]);
    assert.deepEqual((await (await blocked(alice)).json()).people, []);
    const offline = await account(server);
    const errors = [];
    for (const to of [bob, offline]) {
      errors.push((await socket(alice).ask('createPresentor', { ...SDP, invite: to.nickname, record: false })).error);
    }
    assert.deepEqual(errors[0], errors[1]);
    await bob.line.settle();
    assert.equal(bob.line.count('call'), 0);
    assert.deepEqual(await history(bob), []);
    assert.equal((await history(alice)).length, 2);
    // He may call whom he has blocked.
    await call(bob, alice);
    await alice.line.next('call');
    await bob.line.ask('hangup', {});
    assert.equal((await blocked(bob, 'DELETE', alice.user.id)).status, 204);
    await call(alice, bob);
    await bob.line.next('call');
  });

  test('the same person is rung a few times only, and others still', async () => {
    const [alice, bob, carol] = [await person(NEW), await person(NEW), await person(NEW)];
    for (let i = 0; i < 4; ++i) {
      const { page } = await call(alice, bob);
      await bob.line.next('call');
      page.emit('stopPresentor');
      await reasonFor(bob);
    }
    const { error } = await socket(alice).ask('createPresentor', { ...SDP, invite: bob.nickname, record: false });
    assert.equal(error.code, 'rate_limited');
    assert.ok(error.retryAfter >= 1 && error.retryAfter <= 3600, JSON.stringify(error));
    assert.ok((await call(alice, carol)).callId);
  });
});
