// Signing in, offers and answers over Socket.IO, with both generations of its client.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { GENERATIONS, MANY_ADDRESSES, Page, account, offer, present, watch } from '../support/pages.mjs';
import { startServer } from '../support/server.mjs';
import { until } from '../support/until.mjs';

let server;
let user;
const open = [];
before(async () => {
  server = await startServer({ args: MANY_ADDRESSES });
  user = await account(server);
});
after(() => server.stop());
afterEach(() => open.splice(0).forEach((page) => page.close()));

function connect(token, kind, options) {
  const page = new Page(server, token, kind, options);
  open.push(page);
  return page;
}

// While that runs, every question for a session fails in the database.
async function while_sessions_are_gone(run) {
  const rename = (from, to) =>
    execFileSync('sqlite3', [path.join(server.data, 'loopcast.db'), `ALTER TABLE ${from} RENAME TO ${to}`]);
  rename('sessions', 'sessions_away');
  try {
    return await run();
  } finally {
    rename('sessions_away', 'sessions');
  }
}

const sections = (sdp) => sdp.split(/^(?=m=)/m).slice(1);
const lines = (sdp, pattern) => [...sdp.matchAll(pattern)].map((match) => match[1]);

function check_answer(sdp, direction) {
  assert.ok(sdp.startsWith('v=0\r\n'), sdp);
  assert.match(sdp, /^a=ice-lite\r$/m);
  assert.match(sdp, /^a=group:BUNDLE 0 1\r$/m);
  const [audio, video] = sections(sdp);
  assert.equal(sections(sdp).length, 2);
  assert.match(audio, /^m=audio [1-9]/);
  assert.match(video, /^m=video [1-9]/);
  for (const [i, section] of [audio, video].entries()) {
    assert.match(section, new RegExp(`^a=mid:${i}\r$`, 'm'));
    assert.match(section, new RegExp(`^a=${direction}\r$`, 'm'));
    assert.match(section, /^a=rtcp-mux\r$/m);
    assert.match(section, /^a=setup:(passive|active)\r$/m);
    assert.match(section, /^a=fingerprint:sha-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}\r$/m);
    assert.equal(lines(section, /^a=ssrc:(\d+) cname:/gm).length > 0, true, 'SSRCs are signalled');
  }
  // The page plays the first stream only: both tracks are in it.
  const streams = lines(sdp, /^a=msid:(\S+) \S+\r$/gm);
  assert.equal(streams.length, 2);
  assert.equal(streams[0], streams[1]);
  const tracks = lines(sdp, /^a=msid:\S+ (\S+)\r$/gm);
  assert.notEqual(tracks[0], tracks[1]);
  // UDP first, TCP after it, and nothing to follow.
  const candidates = lines(audio, /^a=candidate:(.*)\r$/gm);
  assert.deepEqual(candidates.map((c) => c.split(' ')[2].toLowerCase()), ['udp', 'tcp']);
  assert.match(candidates[1], /tcptype passive/);
  for (const candidate of candidates) assert.equal(candidate.split(' ')[4], '127.0.0.1');
}

for (const [name, kind] of Object.entries(GENERATIONS)) {
  describe(name, { concurrency: false }, () => {
    // How often one user goes live has a limit, and offers that are refused count.
    before(async () => (user = await account(server)));

    test('a token that is wrong or missing: autherror, then the end', async () => {
      for (const token of ['x'.repeat(43), 'x', '', undefined, `${user.token}x`]) {
        const page = connect(token, kind);
        await page.next('autherror');
        await page.next('disconnect');
        assert.equal(page.count('autherror'), 1);
      }
    });

    test('a database that does not answer signs nobody out', async () => {
      const page = await while_sessions_are_gone(() => {
        const asked = connect(user.token, kind);
        return asked.next('error').then(([error]) => ({ asked, error }));
      });
      const response = await while_sessions_are_gone(() =>
        fetch(`${server.url}/api/v2/me`, { headers: { authorization: `Bearer ${user.token}` } }));
      assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '30']);
      assert.equal(page.error.code, 'store_unavailable');
      await page.asked.next('disconnect');
      assert.equal(page.asked.count('autherror'), 0);
      const again = connect(user.token, kind);
      await again.settle();
    });

    test('a presenter and a viewer get answers with everything in them', async () => {
      const presenter = await present(server, user, kind);
      open.push(presenter.page);
      check_answer(presenter.answer, 'sendrecv');
      assert.match(presenter.id, /^[A-Za-z0-9_-]{16,}$/);
      const viewer = await watch(server, user, kind, presenter.id);
      open.push(viewer.page);
      check_answer(viewer.answer, 'sendonly');
      assert.equal(presenter.page.count('error') + viewer.page.count('error'), 0);
      if (!kind.transports) {
        const transport = () => viewer.page.socket.io.engine.transport.name === 'websocket';
        await until(transport, 'the upgrade to WebSocket');
        await viewer.page.settle();
      }
    });

    test('candidates before the offer, and candidates that are none, harm nothing', async () => {
      const page = connect(user.token, kind);
      const good = 'candidate:1 1 udp 2122194687 127.0.0.1 51043 typ host generation 0';
      const candidates = [
        { candidate: good, sdpMid: '0', sdpMLineIndex: 0, usernameFragment: 'abcd' },
        { candidate: good.replace('127.0.0.1', '3f2a8c.local'), sdpMid: '0', sdpMLineIndex: 0 },
        { candidate: good.replace('1 1 udp', '1 2 UDP'), sdpMid: '1', sdpMLineIndex: 1 },
        { candidate: 'candidate:2 1 tcp 15 127.0.0.1 9 typ host tcptype active', sdpMid: '0' },
        { candidate: '', sdpMid: '', sdpMLineIndex: 0 },
        { candidate: 'garbage' },
        { candidate: `candidate:${'x'.repeat(3000)}` },
        { candidate: 5 },
        { candidate: { candidate: 'nested' } },
        {},
        null,
        'text',
      ];
      for (const candidate of candidates) page.emit('onIceCandidate', { candidate });
      for (const payload of [null, 'text', 5, [], {}]) page.emit('onIceCandidate', payload);
      page.emit('onIceCandidate');
      page.emit('createPresentor', { sdpOffer: offer('firefox_presenter') });
      for (const candidate of candidates) page.emit('onIceCandidate', { candidate });
      const [{ sdpAnswer }] = await page.next('startResponse');
      check_answer(sdpAnswer, 'sendrecv');
      for (const candidate of candidates) page.emit('onIceCandidate', { candidate });
      await page.settle();
      assert.equal(page.count('error'), 0);
      assert.equal(page.count('disconnect'), 0);
    });

    test('errors, in Chinese and for those who ask for it in English', async () => {
      for (const [language, pattern] of [[undefined, /[\u4e00-\u9fff]/], ['en-GB,en;q=0.9', /^[A-Z][ -~]+$/]]) {
        const page = connect(user.token, kind, { language });
        const offers = ['v=0', '', 'x'.repeat(40_000), offer('chromium_presenter').replaceAll('BUNDLE', 'X')];
        for (const sdpOffer of offers) {
          const answer = await page.ask('createPresentor', { sdpOffer });
          assert.match(answer.error.code, /^[a-z_]+$/);
          assert.match(answer.error.message, pattern);
          const [error] = await page.next('error');
          assert.equal(error.message, answer.error.message);
        }
        for (const payload of [null, {}, { sdpOffer: 5 }, 'v=0', []]) {
          page.emit('createPresentor', payload);
          page.emit('createViewer', payload);
          assert.match((await page.next('error'))[0].message, pattern);
          assert.match((await page.next('error'))[0].message, pattern);
        }
        page.emit('neverHeardOf');
        assert.match((await page.next('error'))[0].message, pattern);
        // Still good for an offer.
        page.emit('createPresentor', { sdpOffer: offer('chromium_presenter') });
        await page.next('startResponse');
        page.close();
      }
    });
  });
}

for (const kind of [GENERATIONS['first generation'], GENERATIONS['second generation']]) {
  describe(`generation ${kind.generation}`, { concurrency: false }, () => {
    before(async () => (user = await account(server)));

    test('a session that has expired is none', async () => {
      const other = await account(server);
      const page = connect(other.token, kind);
      await page.settle();
      execFileSync('sqlite3', [path.join(server.data, 'loopcast.db'),
        `.timeout 5000`, `UPDATE sessions SET expires_at = 1 WHERE user_id = '${other.user.id}'`]);
      const late = connect(other.token, kind);
      await late.next('autherror');
      await late.next('disconnect');
    });

    test('every browser is answered', async () => {
      for (const name of ['chromium', 'firefox', 'safari']) {
        const page = connect(user.token, kind);
        page.emit('createPresentor', { sdpOffer: offer(`${name}_presenter`) });
        const [{ presentorId, sdpAnswer }] = await page.next('startResponse');
        check_answer(sdpAnswer, 'sendrecv');
        for (const other of ['chromium', 'firefox', 'safari']) {
          // Firefox of Debian has no H.264, which the others send.
          if (other === 'firefox' && name !== 'firefox') continue;
          const viewer = connect(user.token, kind, { presentorId });
          viewer.emit('createViewer', { sdpOffer: offer(`${other}_viewer`) });
          check_answer((await viewer.next('startResponse'))[0].sdpAnswer, 'sendonly');
          viewer.emit('stopViewer');
        }
        page.emit('stopPresentor');
        await page.settle();
      }
    });

    test('who cannot decode the broadcast is told so', async () => {
      const page = connect(user.token, kind);
      page.emit('createPresentor', { sdpOffer: offer('chromium_presenter') });
      const [{ presentorId }] = await page.next('startResponse');
      const viewer = connect(user.token, kind, { presentorId });
      const sdpOffer = offer('chromium_viewer').replaceAll(/ (H264|VP8|VP9|AV1)\/90000/g, ' X$1/90000');
      const answer = await viewer.ask('createViewer', { sdpOffer });
      assert.equal(answer.error.code, 'no_common_codec');
      assert.equal((await viewer.next('error'))[0].message, answer.error.message);
      assert.equal(page.count('message'), 0, 'nobody has entered');
    });

    test('one socket does one thing at a time', async () => {
      const page = connect(user.token, kind);
      const sdpOffer = offer('chromium_presenter');
      // The second before the first is answered, and each gets its own acknowledgement.
      const both = await Promise.all([
        page.ask('createPresentor', { sdpOffer }), page.ask('createPresentor', { sdpOffer })]);
      assert.equal(both.filter((answer) => answer.ok).length, 1);
      assert.deepEqual(both.filter((a) => a.error).map((a) => a.error.code), ['already_presenting']);
      await page.next('startResponse');
      assert.equal((await page.ask('createViewer', { sdpOffer })).error.code, 'already_presenting');
      assert.equal(page.count('startResponse'), 1);
    });

    test('who is not there cannot be called', async () => {
      const started = async () =>
        (await server.metrics())['loopcast_live_events_total{event="broadcast_started"}'];
      const before = await started();
      const page = connect(user.token, kind);
      page.emit('createPresentor', { sdpOffer: offer('chromium_presenter'), invite: 'anybody', record: false });
      assert.match((await page.next('callerror'))[0].message, /[\u4e00-\u9fff]/);
      await page.settle();
      assert.equal(page.count('startResponse'), 0);
      assert.equal(await started(), before);
      page.emit('inviteViewer', { nickname: 'anybody' });
      assert.match((await page.next('callerror'))[0].message, /[\u4e00-\u9fff]/);
      // Answers to a call that is not ringing count for nothing.
      page.emit('acceptcall', { from: { nickname: 'anybody' } });
      page.emit('rejectcall', { from: { nickname: 'anybody' } });
      page.emit('acceptcall');
      await page.settle();
      assert.equal(page.count('error'), 0);
    });

    test('sockets of one user are bounded, also when they offer nothing', async () => {
      const many = await account(server);
      const pages = Array.from({ length: 64 }, () => connect(many.token, kind));
      await Promise.all(pages.map((page) => page.settle()));
      const over = connect(many.token, kind);
      const [error] = await over.next('error');
      assert.equal(error.code, 'too_many_streams');
      assert.match(error.message, /[\u4e00-\u9fff]/);
      await over.next('disconnect');
      // The session is as good as before, so nothing may say that it is not.
      assert.equal(over.count('autherror'), 0);
      assert.equal((await fetch(`${server.url}/api/v2/me`, { headers: { authorization: `Bearer ${many.token}` } })).status, 200);
      const other = connect(user.token, kind);
      await other.settle();
      // One that ends makes room.
      pages[0].close();
      await until(async () => {
        const page = connect(many.token, kind);
        const end = page.next('error', 1000).catch(() => false);
        return (await Promise.race([page.settle(), end])).ok;
      }, 'room for another socket');
    });
  });
}

test('signing out ends the sockets of that session only', async () => {
  const other = await account(server);
  const login = await fetch(`${server.url}/api/v2/sessions`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ nickname: other.nickname, password: other.password }) });
  const second = await login.json();
  const pages = Object.values(GENERATIONS).map((kind) => connect(other.token, kind));
  const kept = connect(second.token, GENERATIONS['first generation']);
  await Promise.all([...pages, kept].map((page) => page.settle()));
  const { page: presenter, id } = await present(server, other, GENERATIONS['first generation']);
  const viewer = await watch(server, user, GENERATIONS['first generation'], id);
  open.push(presenter, viewer.page);
  const out = await fetch(`${server.url}/api/v2/sessions/current`, {
    method: 'DELETE', headers: { authorization: `Bearer ${other.token}` } });
  assert.equal(out.status, 204);
  for (const page of [...pages, presenter]) {
    await page.next('autherror');
    await page.next('disconnect');
  }
  await viewer.page.next('presentorgone');
  await kept.settle();
  assert.equal(kept.count('autherror'), 0);
});
