// WHIP and WHEP as a browser speaks them, with a picture that can be told from any other.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { plays, waitForState, watch, WATCH } from '../support/app.mjs';
import { closePages, launchChromium, openPage } from '../support/chromium.mjs';
import { installBarcodeCamera } from '../support/probe.mjs';
import { MANY_PEOPLE, startServer } from '../support/server.mjs';
import { until } from '../support/until.mjs';
import { installWhip } from '../support/whip.mjs';

let browser;
let server;
let session;
before(async () => {
  [browser, server] = await Promise.all([launchChromium(), startServer({ args: MANY_PEOPLE })]);
  session = await server.register('whip');
});
afterEach(() => closePages(browser));
after(async () => {
  await browser?.close();
  await server?.stop();
});

// A page without the app that has window.whip.
async function openTool(at = server) {
  const page = await openPage(browser, at, { init: [installBarcodeCamera, installWhip] });
  await page.goto(`${at.url}/healthz`);
  return page;
}

// Goes on air in that page; answers the broadcast's id.
async function publish(page, { mime, token = session.token } = {}) {
  const published = await page.evaluate(
    async ([codec, bearer]) => {
      window.published = await window.whip.connect(await window.whip.publisher(codec), '/whip', bearer);
      const { peer, ...plain } = window.published;
      return { ...plain, connected: peer ? await window.whip.connected(peer) : false };
    },
    [mime, token],
  );
  assert.equal(published.status, 201, JSON.stringify(published));
  assert.equal(published.type, 'application/sdp');
  assert.ok(published.connected, 'the publisher does not connect');
  return published.broadcast;
}

// Watches in that page until the barcode has been read in a few pictures.
async function view(page, id, { mime, tcp = false, token = session.token } = {}) {
  const result = await page.evaluate(
    async ([broadcast, codec, only_tcp, bearer]) => {
      const { peer, video } = window.whip.viewer(codec);
      const edit = (sdp) => (only_tcp ? sdp.replace(/^a=candidate:\S+ \d+ udp .*\r\n/gim, '') : sdp);
      window.viewed = await window.whip.connect(peer, `/whep/${broadcast}`, bearer, { edit });
      const { peer: _, ...plain } = window.viewed;
      if (plain.status !== 201) return plain;
      if (!(await window.whip.connected(peer))) return { ...plain, connected: false };
      window.video = video;
      const read = await window.probe.ages(video, 5, 30_000);
      return { ...plain, connected: true, read: read.ages.length, ...(await window.probe.rtp('video', 'inbound', peer)) };
    },
    [id, mime, tcp, token],
  );
  assert.equal(result.status, 201, JSON.stringify(result));
  assert.ok(result.connected, 'the viewer does not connect');
  assert.ok(result.read >= 5, `the picture is not the publisher's: ${JSON.stringify(result)}`);
  return result;
}

const unpublish = (page) => page.evaluate(() => window.whip.remove(window.published));

async function broadcasts(at = server, token = session.token) {
  const response = await fetch(`${at.url}/api/v2/broadcasts`, { headers: { authorization: `Bearer ${token}` } });
  return (await response.json()).broadcasts;
}

test('what is published by WHIP is watched by WHEP and in the app, through ICE restarts, until DELETE', async () => {
  const [publisher, viewer] = await Promise.all([openTool(), openTool()]);
  const id = await publish(publisher);
  await view(viewer, id);
  assert.deepEqual((await broadcasts()).map((broadcast) => broadcast.id), [id]);

  const watcher = await openPage(browser, server, { session });
  await watch(watcher, server, id);

  // Candidates that come later.
  const trickled = await publisher.evaluate(async () => {
    const { peer } = window.published;
    const fragment = window.whip.fragment(peer.localDescription.sdp);
    const response = await window.whip.patch(window.published, fragment);
    return response.status;
  });
  assert.equal(trickled, 204);
  const stale = await publisher.evaluate(async () => {
    const fragment = window.whip.fragment(window.published.peer.localDescription.sdp);
    const response = await window.whip.patch(window.published, fragment, { 'if-match': '"other"' });
    return { status: response.status, code: (await response.json()).code };
  });
  assert.deepEqual(stale, { status: 412, code: 'precondition_failed' });

  for (const [page, name] of [[publisher, 'published'], [viewer, 'viewed']]) {
    const restarted = await page.evaluate((of) => window.whip.restart(window[of]), name);
    assert.deepEqual(restarted, { status: 200, changed: true }, name);
    // The new path is in use once the browser has chosen it under the new name.
    await until(
      () =>
        page.evaluate(async (of) => {
          const { peer } = window[of];
          const stats = await peer.getStats();
          const transport = [...stats.values()].find((s) => s.type === 'transport');
          const ufrag = /a=ice-ufrag:(\S+)/.exec(peer.localDescription.sdp)[1];
          return transport.iceLocalUsernameFragment === ufrag && transport.iceState === 'connected';
        }, name),
      `${name}: the restarted path is not used`,
    );
    const goes_on = await viewer.evaluate(() => window.probe.ages(window.video, 15, 30_000));
    assert.equal(goes_on.ages.length, 15, `${name}: no picture after the restart`);
    // Pictures of now, not what had been waiting.
    assert.ok(Math.min(...goes_on.ages) < 3000, `${name}: pictures are ${goes_on.ages} ms old`);
  }
  await plays(watcher, WATCH);

  assert.equal(await viewer.evaluate(() => window.whip.remove(window.viewed)), 200);
  assert.equal(await unpublish(publisher), 200);
  await waitForState(watcher, 'watch-state', 'ended');
  assert.deepEqual(await broadcasts(), []);
  const again = await publisher.evaluate(async () => {
    const { token, location } = window.published;
    return (await window.whip.send(token, 'DELETE', location)).status;
  });
  assert.equal(again, 404);
});

test('refusals say why', async () => {
  const page = await openTool();
  const id = await publish(page, { mime: 'vp9' });
  const refused = await page.evaluate(
    async ([broadcast, token]) => {
      const { whip } = window;
      const brief = ({ status, type, problem }) => ({ status, type, code: problem?.code });
      const offer = async (url, bearer, options = {}, mime = undefined) =>
        brief(await whip.connect(url === '/whip' ? await whip.publisher() : whip.viewer(mime).peer, url, bearer, options));
      const unknown = (sdp) => sdp.replace(/^(a=rtpmap:\d+) [^/\r\n]+/gm, '$1 X-UNKNOWN');
      const typed = async (url) => {
        const response = await whip.send(token, 'POST', url, 'text/plain', 'v=0');
        const { code } = await response.json();
        return { status: response.status, type: response.headers.get('content-type'), code };
      };
      return {
        whip_token: await offer('/whip', 'wrong'),
        whep_token: await offer(`/whep/${broadcast}`, 'wrong'),
        no_broadcast: await offer('/whep/AAAAAAAAAAAAAAAAAAAAAA', token),
        whip_type: await typed('/whip'),
        whep_type: await typed(`/whep/${broadcast}`),
        whip_codec: await offer('/whip', token, { edit_offer: unknown }),
        // A viewer who decodes VP8 only, of a broadcast in VP9.
        whep_codec: await offer(`/whep/${broadcast}`, token, {}, 'vp8'),
        nonsense: await offer('/whip', token, { edit_offer: () => 'this is no description' }),
      };
    },
    [id, session.token],
  );
  const type = 'application/problem+json';
  assert.deepEqual(refused, {
    whip_token: { status: 401, type, code: 'unauthorized' },
    whep_token: { status: 401, type, code: 'unauthorized' },
    no_broadcast: { status: 404, type, code: 'publisher_gone' },
    whip_type: { status: 415, type, code: 'unsupported_media_type' },
    whep_type: { status: 415, type, code: 'unsupported_media_type' },
    whip_codec: { status: 422, type, code: 'no_common_codec' },
    whep_codec: { status: 422, type, code: 'no_common_codec' },
    nonsense: { status: 400, type, code: 'bad_sdp' },
  });
  assert.equal(await unpublish(page), 200);
});

test('where UDP is blocked, TCP carries the media', async () => {
  const [publisher, viewer] = await Promise.all([openTool(), openTool()]);
  const id = await publish(publisher);
  const seen = await view(viewer, id, { tcp: true });
  assert.equal(seen.protocol, 'tcp');
  await unpublish(publisher);
});

test('a publisher chooses the codec by offering no other', async () => {
  const [publisher, viewer] = await Promise.all([openTool(), openTool()]);
  for (const mime of ['h264', 'vp9', 'av1', 'vp8']) {
    const id = await publish(publisher, { mime });
    assert.equal((await view(viewer, id)).codec.toLowerCase(), `video/${mime}`);
    await unpublish(publisher);
  }
});

test('a server chooses the codec by its order', async () => {
  const all = ['h264', 'vp9', 'av1', 'vp8'];
  for (const first of all) {
    const own = await startServer({ args: ['--video-codecs', [first, ...all.filter((c) => c !== first)].join(',')] });
    const { token } = await own.register('whip');
    const page = await openTool(own);
    const id = await publish(page, { token });
    assert.equal((await view(page, id, { token })).codec.toLowerCase(), `video/${first}`);
    await closePages(browser);
    await own.stop();
  }
});
