// Who hears of whom: viewers who enter and leave, broadcasts that end, by whatever makes them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { GENERATIONS, MANY_ADDRESSES, Page, account, listed, makeNetwork, offer, present, watch } from '../support/pages.mjs';
import { startSender } from '../support/sender.mjs';
import { startServer } from '../support/server.mjs';
import { sleep, until } from '../support/until.mjs';

let server;
let host;
let guest;
let other;
const open = [];
before(async () => {
  server = await startServer({ args: MANY_ADDRESSES });
  [host, guest, other] = [await account(server), await account(server), await account(server)];
});
after(() => server.stop());
afterEach(() => open.splice(0).forEach((thing) => thing.close()));
const keep = (thing) => {
  open.push(thing);
  return thing;
};

const messages = (page, type) =>
  page.events.filter((e) => e.name === 'message' && e.args[0].type === type).map((e) => e.args[0]);

// That `page` has heard of exactly one entry (or leave) of `who`.
async function heard(page, type, who) {
  const mine = () => messages(page, type).filter((m) => m.from.nickname === who.nickname);
  await until(() => mine().length > 0, `${type} of ${who.nickname}`, 10_000, 5);
  await page.settle();
  assert.equal(mine().length, 1, `${type} of ${who.nickname}`);
  const [message] = mine();
  assert.match(message.time, /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$/);
  const [h, m, s] = message.time.split(':').map(Number);
  const now = new Date();
  const apart = Math.abs((h - now.getHours()) * 3600 + (m - now.getMinutes()) * 60 + s - now.getSeconds());
  assert.ok(Math.min(apart, 86_400 - apart) < 15, `${message.time} is now, in the time zone of the server`);
  assert.deepEqual(Object.keys(message).sort(), ['from', 'time', 'type']);
  assert.equal(message.from.avatar, who.user.avatar);
  assert.notEqual(message.from.avatar, '');
}

// Until the death of this page shows at once: it uses WebSocket if it ever will, or its poll hangs.
// (Death between two polls is noticed when the next one is missing, as silence is.)
async function at_rest(page) {
  const engine = page.socket.io.engine;
  if (!page.kind.transports) await until(() => engine.transport.name === 'websocket', 'the upgrade');
  await page.settle();
  await sleep(300);
}

// Recordings of it.
const recordings = (id) => Number(execFileSync('sqlite3', [path.join(server.data, 'loopcast.db'),
  `SELECT count(*) FROM recordings WHERE broadcast_id = '${id}'`], { encoding: 'utf8' }));

// Whether it is there for who has its id.
async function isThere(id) {
  const { status } = await fetch(`${server.url}/api/v2/broadcasts/${id}`, {
    headers: { authorization: `Bearer ${host.token}` } });
  return status === 200;
}

// Ways of a page to end. `network`: the one that its socket goes through.
const ENDS = {
  'the event of the page': (page, network, event) => page.emit(event),
  'the older event': (page) => page.emit('stop'),
  'both events, twice': (page, network, event) => {
    for (const name of [event, 'stop', event, 'stop']) page.emit(name);
  },
  'closing the socket': (page) => page.close(),
  'the event and closing': (page, network, event) => {
    page.emit(event);
    page.close();
  },
  'the death of the page': async (page, network) => {
    await at_rest(page);
    network.cut();
  },
};

for (const [name, kind] of Object.entries(GENERATIONS)) {
  describe(name, { concurrency: false }, () => {
    // How often one user goes live has a limit.
    before(async () => (host = await account(server)));

    for (const [end, leave] of Object.entries(ENDS)) {
      test(`a viewer leaves by ${end}: one entry and one leave for the others`, async () => {
        const network = keep(await makeNetwork(server));
        const { page: presenter, id } = await present(server, host, kind);
        keep(presenter);
        const { page: neighbour } = await watch(server, other, kind, id);
        keep(neighbour);
        await heard(presenter, 'viewer-entry', other);
        const { page: viewer } = await watch(server, guest, kind, id, { url: network.url });
        keep(viewer);
        await heard(presenter, 'viewer-entry', guest);
        await heard(neighbour, 'viewer-entry', guest);
        assert.equal(messages(presenter, 'viewer-leave').length, 0);

        await leave(viewer, network, 'stopViewer');
        await heard(presenter, 'viewer-leave', guest);
        await heard(neighbour, 'viewer-leave', guest);
        // The page of the first generation never closes that socket itself.
        await viewer.next('disconnect');
        assert.equal(viewer.count('presentorgone'), 0);
        // A client that lost its network reports that as an error of its own.
        if (leave !== ENDS['the death of the page']) assert.equal(viewer.count('error'), 0);
        assert.equal(neighbour.count('presentorgone'), 0);
        assert.equal(viewer.count('message'), 0, 'nobody hears of oneself');
        assert.ok(await isThere(id));
      });

      test(`the presenter ends by ${end}: every viewer is told once`, async () => {
        const network = keep(await makeNetwork(server));
        const { page: presenter, id } = await present(server, host, kind, { url: network.url });
        keep(presenter);
        const viewers = [];
        for (const who of [guest, other, host]) {
          const { page } = await watch(server, who, kind, id);
          viewers.push(keep(page));
        }
        await leave(presenter, network, 'stopPresentor');
        for (const page of viewers) {
          await page.next('presentorgone');
          // The page then stops what is gone already.
          page.emit('stopViewer');
          await page.next('disconnect');
          assert.equal(page.count('presentorgone'), 1);
          assert.equal(page.count('error'), 0);
          assert.equal(messages(page, 'viewer-leave').length, 0, 'the end is not told as leaves');
        }
        assert.ok(!(await isThere(id)));
      });
    }

    test('a broadcast is on the air with its first packet, and can be watched before', async () => {
      const page = keep(new Page(server, host.token, kind));
      const sender = await startSender();
      keep({ close: sender.stop });
      page.emit('createPresentor', { sdpOffer: sender.offer });
      const [{ sdpAnswer, presentorId: id }] = await page.next('startResponse');
      const { page: viewer } = await watch(server, guest, kind, id);
      keep(viewer);
      await heard(page, 'viewer-entry', guest);
      assert.ok(!(await listed(server, other)).includes(id));
      assert.equal(recordings(id), 0);
      sender.answer(sdpAnswer);
      await until(async () => (await listed(server, other)).includes(id), 'the broadcast to be listed');
      await until(() => recordings(id) === 1, 'its recording');
      assert.equal(viewer.count('presentorgone'), 0);
    });

    test('a broadcast that does not exist is gone at once', async () => {
      const { page: presenter, id } = await present(server, host, kind);
      presenter.emit('stopPresentor');
      await presenter.settle();
      for (const presentorId of [id, 'x', '', '../../etc/passwd', 'x'.repeat(500), '直播', undefined]) {
        const page = keep(new Page(server, guest.token, kind, { presentorId }));
        page.emit('createViewer', { sdpOffer: offer('chromium_viewer') });
        await page.next('presentorgone');
        page.emit('stopViewer');
        await page.next('disconnect');
        assert.equal(page.count('startResponse') + page.count('error'), 0);
      }
      // The socket of a presenter stays, and can present again.
      presenter.emit('createPresentor', { sdpOffer: offer('chromium_presenter') });
      const [{ presentorId }] = await presenter.next('startResponse');
      assert.notEqual(presentorId, id);
      keep(presenter);
    });
  });
}

describe('a presenter who is lost', { concurrency: false }, () => {
  const kind = GENERATIONS['second generation'];
  before(async () => (host = await account(server)));
  const follow = async (who, presentorId) => {
    const page = keep(new Page(server, who.token, kind, { presentorId }));
    page.emit('createViewer', { sdpOffer: offer('chromium_viewer'), follow: true });
    return page;
  };

  test('is waited for by who can follow, and replaced by who says so', async () => {
    const network = keep(await makeNetwork(server));
    const { page: lost, id } = await present(server, host, kind, { url: network.url });
    keep(lost);
    const viewer = await follow(guest, id);
    await viewer.next('startResponse');
    const old = keep((await watch(server, other, GENERATIONS['first generation'], id)).page);
    await at_rest(lost);
    network.cut();
    await viewer.next('presenteraway');
    await old.next('presentorgone');
    assert.ok(!(await isThere(id)));
    const late = await follow(other, id);
    await late.next('presenteraway');

    // Another broadcast of the same user is not meant.
    const { page: beside, id: another } = await present(server, host, kind);
    keep(beside);
    assert.notEqual(another, id);
    const back = keep(new Page(server, host.token, kind));
    const sdpOffer = offer('chromium_presenter');
    const answer = await back.ask('createPresentor', { sdpOffer, kind: 'public', replaces: id });
    assert.equal(answer.replaces, id);
    const [{ presentorId }] = await viewer.next('presenterback');
    assert.equal(presentorId, answer.presentorId);
    await late.next('presenterback');
    assert.equal(viewer.count('presentorgone'), 0);
    // The link of before leads to it.
    const again = await follow(guest, id);
    const [{ presentorId: found }] = await again.next('startResponse');
    assert.equal(found, answer.presentorId);
    const shown = await fetch(`${server.url}/api/v2/broadcasts/${id}`, {
      headers: { authorization: `Bearer ${guest.token}` },
    });
    assert.equal((await shown.json()).id, answer.presentorId);

    // What is on is told, and to who comes later too.
    assert.ok((await back.ask('mediastate', { sound: false, picture: true })).ok);
    assert.deepEqual(await again.next('mediastate'), [{ sound: false, picture: true, heard: true }]);
    const third = await follow(other, id);
    assert.deepEqual(await third.next('mediastate'), [{ sound: false, picture: true, heard: true }]);
    back.emit('stopPresentor');
    await again.next('presentorgone');
    await third.next('presentorgone');
  });

  test('who stops while nobody has noticed the loss ends it, over another connection', async () => {
    const { page: dead, id } = await present(server, host, kind);
    keep(dead);
    const viewer = await follow(guest, id);
    await viewer.next('startResponse');
    const stranger = keep(new Page(server, other.token, kind));
    await stranger.ask('stopPresentor', { presentorId: id });
    assert.ok(await isThere(id));
    const line = keep(new Page(server, host.token, kind));
    await line.ask('stopPresentor', { presentorId: id });
    await viewer.next('presentorgone');
    assert.equal(viewer.count('presenteraway'), 0);
    assert.ok(!(await isThere(id)));
    assert.equal((await dead.next('error'))[0].code, 'replaced');
  });
});

test('who comes late is told who watches already, newest last', async () => {
  const kind = GENERATIONS['second generation'];
  const { page: presenter, id } = await present(server, host, kind);
  keep(presenter);
  const told = async (who, of = kind) => {
    const page = keep(new Page(server, who.token, of, { presentorId: id }));
    page.emit('createViewer', { sdpOffer: offer('chromium_viewer') });
    const [{ watching }] = await page.next('startResponse');
    return { page, watching };
  };
  assert.deepEqual((await told(other)).watching, []);
  const second = await told(guest);
  assert.deepEqual(second.watching, [other.user]);
  second.page.emit('stopViewer');
  await second.page.next('disconnect');
  await told(guest);
  assert.deepEqual((await told(guest)).watching, [other.user, guest.user]);
  assert.equal((await told(guest, GENERATIONS['first generation'])).watching, undefined);
});

test('several pages of one user: each is a viewer, and ends alone', async () => {
  const kind = GENERATIONS['first generation'];
  const { page: presenter, id } = await present(server, host, kind);
  keep(presenter);
  const line = keep(new Page(server, guest.token, kind));
  await line.settle();
  const pages = [];
  for (let i = 0; i < 5; ++i) pages.push(keep((await watch(server, guest, kind, id)).page));
  await until(() => messages(presenter, 'viewer-entry').length === 5, 'five entries');
  for (const [i, page] of pages.entries()) {
    page.emit('stopViewer');
    await page.next('disconnect');
    await presenter.settle();
    assert.equal(messages(presenter, 'viewer-leave').length, i + 1);
  }
  await line.settle();
});

test('one user may have four broadcasts, and the fifth is refused', async () => {
  const kind = GENERATIONS['second generation'];
  const pages = [];
  for (let i = 0; i < 4; ++i) pages.push(keep((await present(server, other, kind)).page));
  const fifth = keep(new Page(server, other.token, kind));
  const sdpOffer = offer('chromium_presenter');
  assert.equal((await fifth.ask('createPresentor', { sdpOffer })).error.code, 'too_many_broadcasts');
  pages[0].emit('stopPresentor');
  await pages[0].settle();
  assert.ok((await fifth.ask('createPresentor', { sdpOffer })).ok);
});

test('a network that falls silent ends what went over it', async () => {
  const figure = 'loopcast_http_events_total{event="engine_ping_timeout"}';
  const sockets = async () => (await server.metrics()).loopcast_socketio_sockets;
  await until(async () => (await sockets()) === 0, 'the sockets of the other tests to go');
  const before = (await server.metrics())[figure];
  const network = keep(await makeNetwork(server));
  const pages = Object.values(GENERATIONS).map((kind) => keep(new Page(server, guest.token, kind, { url: network.url })));
  await Promise.all(pages.map((page) => page.settle()));
  assert.equal(await sockets(), pages.length);
  network.freeze();
  await until(async () => (await sockets()) === 0, 'the silent sockets to end', 30_000);
  assert.equal((await server.metrics())[figure], before + pages.length);
});

test('nothing is left behind', async () => {
  const left = async () => {
    const m = await server.metrics();
    return [m.loopcast_broadcasts, m.loopcast_viewers, m.loopcast_socketio_sockets, m.loopcast_media_peers];
  };
  await until(async () => (await left()).every((n) => n === 0), left);
  const m = await server.metrics();
  const event = (name) => m[`loopcast_live_events_total{event="${name}"}`];
  assert.equal(event('broadcast_started'), event('broadcast_ended'));
  assert.equal(event('viewer_entered'), event('viewer_left'));
  assert.equal(m['loopcast_http_events_total{event="handler_exception"}'], 0);
});
