// Recordings of real Chromium in every codec that it sends, looked at by ffmpeg and played by Chromium and Firefox.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { goLive, stopLive } from '../support/app.mjs';
import { closePages, crash, launchChromium, openPage } from '../support/chromium.mjs';
import { installClapperCamera } from '../support/clapper.mjs';
import { launchFirefox, openFirefoxPage } from '../support/firefox.mjs';
import { apart, beeps, packets, pictures, probeFile } from '../support/media_file.mjs';
import { sentStreams, tailOf, takenAt, wholeOf } from '../support/sent_media.mjs';
import { MANY_PEOPLE, startServer } from '../support/server.mjs';
import { sleep, until } from '../support/until.mjs';
import { installWhip } from '../support/whip.mjs';

let browser;
let firefox;
let server;
let folder;
const log = () => path.join(folder, 'packets');
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'loopcast-test-'));
  [browser, firefox, server] = await Promise.all([launchChromium({ packets: log() }), launchFirefox(), startServer({ args: MANY_PEOPLE })]);
});
afterEach(() => closePages(browser));
after(async () => {
  await browser?.close();
  await firefox?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

let presenters = 0;
// A page that presents by WHIP.
async function present(mime, session, on = server, from = browser) {
  session ??= await on.register(`presenter ${++presenters}`);
  const page = await openPage(from, on, { init: [installClapperCamera, installWhip] });
  await page.goto(`${on.url}/healthz`);
  const status = await page.evaluate(
    async ([codec, token]) => {
      window.published = await window.whip.connect(await window.whip.publisher(codec), '/whip', token);
      return (await window.whip.connected(window.published.peer)) ? window.published.status : 0;
    },
    [mime, session.token],
  );
  assert.equal(status, 201);
  return { page, session };
}

const encoded = (page) =>
  page.evaluate(async () => (await window.probe.rtp('video', 'outbound', window.published.peer)).framesEncoded);
const stop = (page) => page.evaluate(() => window.whip.remove(window.published));

async function mine(session, on = server) {
  const response = await fetch(`${on.url}/api/v2/recordings?mine=1`, { headers: { authorization: `Bearer ${session.token}` } });
  return (await response.json()).recordings;
}
const finished = (session, on = server) =>
  until(async () => (await mine(session, on)).find((r) => r.state === 'ready'), 'the recording is not ready', 20_000);
const fileOf = (recording, on = server) =>
  path.join(on.data, 'recordings', new URL(recording.url, on.url).pathname.split('/').at(-1));

// Plays it from the middle, and its end: in Chromium, or in another page.
async function play(recording, on = server, other) {
  const page = other ?? (await openPage(browser, on, { init: [] }));
  await page.goto(`${on.url}/healthz`);
  return page.evaluate(async (url) => {
    const video = document.createElement('video');
    document.body.append(video);
    const happened = (name) => new Promise((resolve, reject) => {
      video.addEventListener(name, resolve, { once: true });
      video.addEventListener('error', () => reject(new Error(video.error.message)), { once: true });
    });
    const loaded = happened('loadeddata');
    video.src = url;
    await loaded;
    const { duration } = video;
    const sought = happened('seeked');
    video.currentTime = duration / 2;
    await sought;
    const at = video.currentTime;
    await video.play();
    const advances = await window.probe.pictures(video, 10, 10_000);
    const readable = window.probe.read(video) !== null;
    const ended = happened('ended');
    video.currentTime = duration - 0.3;
    await ended;
    return { duration, at, advances, readable, width: video.videoWidth, end: video.currentTime };
  }, recording.url);
}

// How many ms later each picture is in the file than the sound that the browser says it took at the same time.
async function lateness(file, ssrcs) {
  const [streams, video, audio] = await Promise.all([sentStreams(log()), packets(file, 'v'), packets(file, 'a')]);
  const picture_stream = streams.get(ssrcs.video);
  const sound_stream = streams.get(ssrcs.audio);
  assert.ok(picture_stream?.reports.length > 0 && sound_stream?.reports.length > 0, 'the browser reported nothing');

  const sent = picture_stream.packets.filter((p) => p.marker);
  const from = sent.findIndex((p) => p.tail === tailOf(video[0].bytes));
  // Each picture that was sent is there, once.
  video.forEach((p, i) => assert.equal(tailOf(p.bytes), sent[from + i]?.tail, `picture ${i} of ${video.length}`));

  const known = audio.map((p) => ({ time: p.time, whole: wholeOf(p.bytes) }));
  const sources = new Map();
  for (const p of sound_stream.packets) sources.set(p.whole, [...(sources.get(p.whole) ?? []), p]);
  const placed = known.filter((p) => sources.get(p.whole)?.length === 1)
    .map((p) => ({ time: p.time, lead: p.time - takenAt(sound_stream, sources.get(p.whole)[0].timestamp, 48_000) }));
  assert.ok(placed.length > 20, `${placed.length} pieces of sound`);
  const lead = median(placed.map((p) => p.lead));
  assert.ok(placed.every((p) => Math.abs(p.lead - lead) < 0.03), `sound moves against its clock: ${placed.map((p) => ((p.lead - lead) * 1000).toFixed(0))}`);

  return video.map((p, i) => (p.time - takenAt(picture_stream, sent[from + i].timestamp, 90_000) - lead) * 1000);
}

async function check(recording, { codec, container, frames, ssrcs }) {
  const file = fileOf(recording);
  const facts = await probeFile(file);
  const video = facts.streams.find((s) => s.codec_type === 'video');
  assert.equal(video.codec_name, codec);
  assert.equal(facts.streams.find((s) => s.codec_type === 'audio').codec_name, 'opus');
  assert.ok(facts.format.includes(container), facts.format);
  assert.ok(Math.abs(facts.duration - recording.duration) < 0.1, `${facts.duration} ${recording.duration}`);
  const [{ pictures: seen, complaints }, heard] = await Promise.all([pictures(file), beeps(file)]);
  assert.deepEqual(complaints, []);
  // A browser short of bits makes one or the other too coarse to be read.
  const read = seen.filter((p) => p.frame !== null);
  assert.ok(read.length >= seen.length * 0.95, `${read.length} of ${seen.length} pictures can be read`);
  // What the browser encoded is there, one picture after the other: but for the last ones, on their way at the stop.
  assert.ok(seen.length <= frames.after && seen.length >= frames.before - 2, `${seen.length} of ${JSON.stringify(frames)}`);
  assert.ok(read.every((p, i) => i === 0 || (p.frame > read[i - 1].frame && p.time > read[i - 1].time)));
  const offsets = apart(seen, heard);
  assert.ok(offsets.length >= 3, `${heard}`);
  // The recorder's duty is the distance that the browser says. A busy one takes its first pictures and pieces of sound
  // late, and for seconds gives those that follow times that are as wrong: that is told, not judged.
  const drawn = read.map((p) => p.time - read[0].time - (p.clock - read[0].clock) / 1000);
  const typical = median(drawn);
  const late = await lateness(file, ssrcs);
  const worst = Math.max(...late.map(Math.abs));
  console.log(`${codec}: ${seen.length} pictures; flashes ${offsets.map((o) => o.toFixed(0))} ms after the beeps; of that the recorder's at most `
    + `${worst.toFixed(1)} ms (median ${median(late).toFixed(1)}); the browser's times of pictures are off by up to `
    + `${(Math.max(...drawn.map((x) => Math.abs(x - typical))) * 1000).toFixed(0)} ms`);
  // From the first picture on: those before the browser's first reports were put right by them.
  assert.ok(worst <= 40, `sound and picture are apart: ${late.map((ms) => ms.toFixed(0))}`);
  assert.ok(facts.streams.some((s) => Number(s.start_time) === 0), 'it does not begin at 0');
}

// Firefox reads less of MP4 than the standard has: each codec and container has to play there too.
async function plays_in_firefox(recording, session, on = server) {
  const page = await openFirefoxPage(firefox.browser, on, session);
  try {
    const played = await play(recording, on, page);
    assert.ok(Math.abs(played.duration - recording.duration) < 0.1, JSON.stringify(played));
    assert.ok(played.advances && played.readable && played.at > Math.min(2, played.duration / 3), JSON.stringify(played));
    assert.ok(Math.abs(played.end - played.duration) < 0.1, `it ends elsewhere than it says: ${JSON.stringify(played)}`);
    assert.deepEqual(page.problems, []);
  } finally {
    await page.browserContext().close();
  }
}

for (const [mime, codec, container] of [['h264', 'h264', 'mp4'], ['vp9', 'vp9', 'mp4'], ['av1', 'av1', 'mp4'], ['vp8', 'vp8', 'webm']])
  test(`a broadcast in ${mime} becomes a file that plays, seeks, and misses nothing`, async () => {
    const { page, session } = await present(mime);
    await page.waitForTimeout(6000);
    const ssrcs = await page.evaluate(async () => ({
      audio: (await window.probe.rtp('audio', 'outbound', window.published.peer)).ssrc,
      video: (await window.probe.rtp('video', 'outbound', window.published.peer)).ssrc,
    }));
    const before_stop = await encoded(page);
    await stop(page);
    const after_stop = await page.evaluate(() => window.clapper.frames);
    const recording = await finished(session);
    await check(recording, { codec, container, frames: { before: before_stop, after: after_stop }, ssrcs });
    const played = await play(recording);
    assert.ok(Math.abs(played.duration - recording.duration) < 0.1, JSON.stringify(played));
    assert.ok(played.advances && played.readable && played.at > 2, JSON.stringify(played));
    assert.ok(Math.abs(played.end - played.duration) < 0.05, `it ends elsewhere than it says: ${JSON.stringify(played)}`);
    assert.equal(played.width, recording.width);
    await plays_in_firefox(recording, session);
    await until(async () => (await mine(session))[0].thumbnail, 'no thumbnail', 60_000);
  });

// Sizes of samples as earlier versions wrote them, which Firefox does not read: the box is half as long, and the rest
// is left free.
function withCompactSizes(file) {
  const bytes = Buffer.from(file);
  for (let at = bytes.indexOf('stsz'); at >= 0; at = bytes.indexOf('stsz', at)) {
    const start = at - 4;
    const count = bytes.readUInt32BE(start + 16);
    if (bytes.readUInt32BE(start) !== 20 + 4 * count) throw new Error('no box');
    const sizes = Array.from({ length: count }, (_, i) => bytes.readUInt32BE(start + 20 + 4 * i));
    if (sizes.some((size) => size > 0xffff)) {
      at += 4;
      continue;
    }
    bytes.fill(0, start, start + 20 + 4 * count);
    bytes.writeUInt32BE(20 + 2 * count, start);
    bytes.write('stz2', start + 4);
    bytes.writeUInt32BE(16, start + 12);
    bytes.writeUInt32BE(count, start + 16);
    sizes.forEach((size, i) => bytes.writeUInt16BE(size, start + 20 + 2 * i));
    bytes.writeUInt32BE(2 * count, start + 20 + 2 * count);
    bytes.write('free', start + 24 + 2 * count);
  }
  return bytes;
}

test('a recording of an earlier version plays in Firefox after the server was started anew', async () => {
  const data = await mkdtemp(path.join(tmpdir(), 'loopcast-test-'));
  let own = await startServer({ data });
  try {
    const { page, session } = await present('h264', undefined, own);
    await page.waitForTimeout(4000);
    await stop(page);
    const recording = await finished(session, own);
    const file = fileOf(recording, own);
    await own.stop();
    own = undefined;
    await writeFile(file, withCompactSizes(await readFile(file)));
    assert.ok((await readFile(file)).includes('stz2'));
    await rm(path.join(data, 'recordings', '.plain-index'));
    own = await startServer({ data });
    // The old index is hidden behind a box, so that its bytes are there still.
    const done = path.join(data, 'recordings', '.plain-index');
    await until(() => readFile(done).then(() => true, () => false), 'it stays as it was', 20_000);
    const [again] = await mine(session, own);
    assert.deepEqual((await readable(file)).length > 40, true);
    await plays_in_firefox(again, session, own);
    const played = await play(again, own);
    assert.ok(played.advances && played.readable, JSON.stringify(played));
  } finally {
    await own?.stop();
    await rm(data, { recursive: true, force: true });
  }
});

test('a picture that changes its size while it is recorded plays everywhere, and the file says so', async () => {
  for (const [mime, tag] of [['h264', 'avc3'], ['vp9', 'vp09'], ['av1', 'av01'], ['vp8', '']]) {
    const { page, session } = await present(mime);
    await page.waitForTimeout(2500);
    await page.evaluate(async () => {
      const sender = window.published.peer.getSenders().find((s) => s.track?.kind === 'video');
      const parameters = sender.getParameters();
      parameters.encodings[0].scaleResolutionDownBy = 2;
      await sender.setParameters(parameters);
    });
    await page.waitForTimeout(3500);
    await stop(page);
    const recording = await finished(session);
    const file = fileOf(recording);
    const facts = await probeFile(file);
    const video = facts.streams.find((s) => s.codec_type === 'video');
    if (tag) assert.equal(video.codec_tag_string, tag);
    assert.ok((await readable(file)).length > 60, mime);
    const played = await play(recording);
    assert.ok(played.advances && Math.abs(played.end - played.duration) < 0.1, `${mime}: ${JSON.stringify(played)}`);
    await plays_in_firefox(recording, session);
    await page.context().close();
  }
});

// The pictures of a file that ffmpeg decodes without a complaint.
async function readable(file) {
  const { pictures: seen, complaints } = await pictures(file);
  assert.deepEqual(complaints, []);
  return seen.filter((p) => p.frame !== null);
}

const bearer = (session) => ({ authorization: `Bearer ${session.token}` });

// The ids of the user's broadcasts on the air, oldest first.
async function onAir(session) {
  const response = await fetch(`${server.url}/api/v2/broadcasts`, { headers: bearer(session) });
  const { broadcasts } = await response.json();
  return broadcasts.filter((b) => b.user.id === session.user.id).map((b) => b.id).reverse();
}
// From their first packets on.
const areOnAir = (session, ids) =>
  until(async () => (await onAir(session)).join() === ids.join(), async () => `${await onAir(session)} instead of ${ids}`, 5000);

// The media of a page end without a word to the server's HTTP side.
async function lose(page, session) {
  await page.evaluate(() => window.published.peer.close());
  await until(async () => (await onAir(session)).length === 0, 'the loss goes unnoticed');
}

// The counter of pictures begins anew with another page: where in what was read.
const turnsOf = (read) => read.flatMap((p, i) => (i > 0 && p.frame < read[i - 1].frame ? [i] : []));

test('a presenter who is lost and comes back is one recording, and a stop while waited for ends it at once', async () => {
  const { page, session } = await present('vp8');
  const began = Date.now();
  await page.waitForTimeout(2500);
  await lose(page, session);
  const lost = (await mine(session)).map((r) => r.state);
  assert.deepEqual(lost, ['recording'], 'it is waited for');
  await page.close();
  await until(() => Date.now() - began > 5000, 'time stands still');

  const { page: again } = await present('vp8', session);
  await again.waitForTimeout(2500);
  const first_frames = await again.evaluate(() => window.clapper.frames);
  await lose(again, session);
  const lasted = (Date.now() - began) / 1000;
  assert.equal((await mine(session))[0].state, 'recording');
  const stopped = Date.now();
  assert.equal(await again.evaluate(() => window.whip.remove(window.published)), 200);
  const recording = await until(async () => (await mine(session)).find((r) => r.state === 'ready'), 'still waited for', 1000, 10);
  console.log(`listed ${Date.now() - stopped} ms after a stop while it was waited for`);
  assert.equal((await mine(session)).length, 1);
  assert.ok(Math.abs(recording.duration - lasted) < 1.5, `${recording.duration} of ${lasted} s`);
  const read = await readable(fileOf(recording));
  const turns = turnsOf(read);
  assert.equal(turns.length, 1, `${read.map((p) => p.frame)}`);
  assert.ok(turns[0] > 30 && read.length - turns[0] > Math.min(30, first_frames / 2), `${turns} of ${read.length}`);
  assert.ok(read[turns[0]].time - read[turns[0] - 1].time > 1, 'there is no gap');
  const played = await play(recording);
  assert.ok(played.advances && Math.abs(played.duration - recording.duration) < 0.1, JSON.stringify(played));
});

// Where a page's own broadcast is to be deleted, and its id.
const published = (page) => page.evaluate(() => ({ location: window.published.location, id: window.published.broadcast }));

for (const [when, pause] of [['later', 4000], ['at once', 200]])
  test(`a program that dies without a goodbye and offers anew ${when} is one recording`, async () => {
    const { page, session } = await present('vp8');
    const old = await published(page);
    const began = Date.now();
    await sleep(2500);
    await crash(page);
    await sleep(pause);
    assert.deepEqual(await onAir(session), [old.id], 'the death is noticed: this shows nothing');

    const { page: again } = await present('vp8', session);
    const { id } = await published(again);
    assert.deepEqual(await onAir(session), [id], 'the dead one is on the air still');
    // Should the old one live after all, its goodbye is not the new one's.
    const goodbye = await fetch(old.location, { method: 'DELETE', headers: bearer(session) });
    assert.equal(goodbye.status, 200);
    await sleep(2500);
    await areOnAir(session, [id]);
    assert.deepEqual((await mine(session)).map((r) => r.state), ['recording']);
    const lasted = (Date.now() - began) / 1000;
    await stop(again);
    const recording = await finished(session);
    assert.equal((await mine(session)).length, 1);
    assert.ok(Math.abs(recording.duration - lasted) < 1.5, `${recording.duration} of ${lasted} s`);
    const read = await readable(fileOf(recording));
    const turns = turnsOf(read);
    assert.equal(turns.length, 1, `${read.map((p) => p.frame)}`);
    assert.ok(turns[0] > 30 && read.length - turns[0] > 30, `${turns} of ${read.length}`);
    assert.ok(read[turns[0]].time - read[turns[0] - 1].time > Math.min(pause, 3000) / 1000, 'there is no gap');
  });

// A browser that can be frozen: with all its connections it falls silent, and does not know.
async function launchFreezable() {
  const children = async () => (await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')).trim().split(' ');
  const before = await children();
  const frozen_browser = await launchChromium();
  const pids = (await children()).filter((pid) => !before.includes(pid)).map(Number);
  assert.equal(pids.length, 1, `${pids}`);
  // It leads a process group of its own.
  const signal = (name) => process.kill(-pids[0], name);
  return {
    browser: frozen_browser,
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    async close() {
      signal('SIGCONT');
      await frozen_browser.close();
    },
  };
}

test('a second camera of the same user takes the place only of a program that is silent', async () => {
  const other = await launchFreezable();
  try {
    const { page: first, session } = await present('vp8', undefined, server, other.browser);
    const app = await openPage(other.browser, server, { session, init: [installClapperCamera] });
    const of_page = await goLive(app, server);
    // Silent, but heard again.
    other.freeze();
    await sleep(4000);
    other.thaw();
    await sleep(1000);
    const { page: second } = await present('vp8', session);
    const [a, b] = await Promise.all([published(first), published(second)]);
    await areOnAir(session, [a.id, of_page, b.id]);

    // A page says itself what it replaces.
    other.freeze();
    await sleep(4000);
    const { page: third } = await present('vp8', session);
    const c = await published(third);
    await areOnAir(session, [of_page, b.id, c.id]);
    other.thaw();
    await until(() => first.evaluate(() => window.published.peer.connectionState !== 'connected'), 'its media goes on');
    await sleep(1500);
    await stopLive(app);
    await Promise.all([stop(second), stop(third)]);
    const ready = await until(async () => {
      const all = (await mine(session)).filter((r) => r.state === 'ready');
      return all.length >= 3 && all;
    }, async () => `not three: ${JSON.stringify(await mine(session))}`, 20_000);
    const turns = await Promise.all(ready.map(async (r) => turnsOf(await readable(fileOf(r))).length));
    // Newest first: the second program's, the page's, and the first program's, in which the third goes on.
    assert.deepEqual(turns, [0, 0, 1]);
  } finally {
    await other.close();
  }
});

test('a presenter who comes back with another codec goes on in a second recording', async () => {
  const { page, session } = await present('vp8');
  await page.waitForTimeout(2000);
  await lose(page, session);
  await page.close();
  const { page: again } = await present('h264', session);
  await again.waitForTimeout(2500);
  await stop(again);
  const ready = await until(async () => {
    const all = (await mine(session)).filter((r) => r.state === 'ready');
    return all.length === 2 && all;
  }, async () => `not two: ${JSON.stringify(await mine(session))}`, 10_000);
  assert.deepEqual(ready.map((r) => [r.video_codec, r.audio_codec, r.title]), [['h264', 'opus', session.user.nickname], ['vp8', 'opus', session.user.nickname]]);
  for (const recording of ready) {
    const seen = await readable(fileOf(recording));
    assert.ok(seen.length > 20, `${seen.length} pictures`);
  }
});

test('a server that is killed loses less than a second of what it was recording', async () => {
  const data = await mkdtemp(path.join(tmpdir(), 'loopcast-killed-'));
  let own = await startServer({ data });
  try {
    const { page, session } = await present('h264', undefined, own);
    await page.waitForTimeout(3000);
    const before = await page.evaluate(() => window.clapper.frames);
    own.kill('SIGKILL');
    await own.exited;
    own = await startServer({ data });
    const recording = await finished(session, own);
    const read = await readable(fileOf(recording, own));
    const lost = before - 1 - read.at(-1).frame;
    console.log(`killed after picture ${before - 1}: the recording has ${read.length} pictures, the last is ${read.at(-1).frame}`);
    // 20 a second.
    assert.ok(lost < 20, `${lost} pictures are lost`);
    assert.ok(read.every((p, i) => i === 0 || (p.frame > read[i - 1].frame && p.time > read[i - 1].time)));
    assert.ok(read.length > 30);
    const played = await play(recording, own);
    assert.ok(played.advances && Math.abs(played.duration - recording.duration) < 0.1, JSON.stringify(played));
    await until(async () => (await mine(session, own))[0].thumbnail, 'no thumbnail', 60_000);
  } finally {
    await own.stop();
    await rm(data, { recursive: true, force: true });
  }
});
