// Recordings of real Chromium in every codec that it sends, looked at by ffmpeg and played by Chromium.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { closePages, launchChromium, openPage } from '../support/chromium.mjs';
import { installClapperCamera } from '../support/clapper.mjs';
import { apart, beeps, pictures, probeFile } from '../support/media_file.mjs';
import { startServer } from '../support/server.mjs';
import { until } from '../support/until.mjs';
import { installWhip } from '../support/whip.mjs';

let browser;
let server;
before(async () => {
  [browser, server] = await Promise.all([launchChromium(), startServer()]);
});
afterEach(() => closePages(browser));
after(async () => {
  await browser?.close();
  await server?.stop();
});

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

let presenters = 0;
// A page that presents by WHIP.
async function present(mime, session) {
  session ??= await server.register(`presenter ${++presenters}`);
  const page = await openPage(browser, server, { init: [installClapperCamera, installWhip] });
  await page.goto(`${server.url}/healthz`);
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

async function mine(session) {
  const response = await fetch(`${server.url}/api/v2/recordings?mine=1`, { headers: { authorization: `Bearer ${session.token}` } });
  return (await response.json()).recordings;
}
const finished = (session) =>
  until(async () => (await mine(session)).find((r) => r.state === 'ready'), 'the recording is not ready', 20_000);
const fileOf = (recording) => path.join(server.data, 'recordings', new URL(recording.url, server.url).pathname.split('/').at(-1));

// Plays it from the middle.
async function play(recording) {
  const page = await openPage(browser, server, { init: [] });
  await page.goto(`${server.url}/healthz`);
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
    return { duration, at, advances, readable: window.probe.read(video) !== null, width: video.videoWidth, end: video.currentTime };
  }, recording.url);
}

async function check(recording, { codec, container, frames, lag }) {
  const file = fileOf(recording);
  const facts = await probeFile(file);
  const video = facts.streams.find((s) => s.codec_type === 'video');
  assert.equal(video.codec_name, codec);
  assert.equal(facts.streams.find((s) => s.codec_type === 'audio').codec_name, 'opus');
  assert.ok(facts.format.includes(container), facts.format);
  assert.ok(Math.abs(facts.duration - recording.duration) < 0.1, `${facts.duration} ${recording.duration}`);
  const [{ pictures: seen, complaints }, heard] = await Promise.all([pictures(file), beeps(file)]);
  assert.deepEqual(complaints, []);
  assert.equal(seen.filter((p) => p.frame === null).length, 0, 'pictures that cannot be read');
  // What the browser encoded is there, one picture after the other: but for the last ones, on their way at the stop.
  assert.ok(seen.length <= frames.after && seen.length >= frames.before - 2, `${seen.length} of ${JSON.stringify(frames)}`);
  assert.ok(seen.every((p, i) => i === 0 || (p.frame >= seen[i - 1].frame && p.time > seen[i - 1].time)));
  // Each picture is shown as long after the first one as it was drawn after it.
  const late = seen.map((p) => p.time - seen[0].time - (p.clock - seen[0].clock) / 1000);
  assert.ok(Math.max(...late.map((x) => Math.abs(x - median(late)))) < 0.25, `${late.map((x) => x.toFixed(3))}`);
  const offsets = apart(seen, heard);
  assert.ok(offsets.length >= 3, `${heard}`);
  console.log(`${codec}: ${seen.length} pictures, sound and picture ${offsets.map((o) => o.toFixed(0))} ms apart, ${lag.toFixed(0)} of it the browser's`);
// One distance from beginning to end, which is the browser's: it takes its first pictures late when it is busy, and
  // says so of all that follow. What the recorder adds is held to 40 ms in virtual time (src/record/recording_test.cc).
  assert.ok(offsets.every((o) => Math.abs(o - median(offsets)) <= 40), `they move against each other: ${offsets}`);
  assert.ok(Math.abs(median(offsets) - lag) <= 300, `sound and picture are ${offsets} ms apart, in the browser ${lag} ms`);
}

for (const [mime, codec, container] of [['h264', 'h264', 'mp4'], ['vp9', 'vp9', 'mp4'], ['av1', 'av1', 'mp4'], ['vp8', 'vp8', 'webm']])
  test(`a broadcast in ${mime} becomes a file that plays, seeks, and misses nothing`, async () => {
    const { page, session } = await present(mime);
    await page.waitForTimeout(6000);
    const before_stop = await encoded(page);
    await stop(page);
    const after_stop = await page.evaluate(() => window.clapper.frames);
    const recording = await finished(session);
    const lag = await page.evaluate(() => window.clapper.lag());
    await check(recording, { codec, container, frames: { before: before_stop, after: after_stop }, lag });
    const played = await play(recording);
    assert.ok(Math.abs(played.duration - recording.duration) < 0.1, JSON.stringify(played));
    assert.ok(played.advances && played.readable && played.at > 2, JSON.stringify(played));
    assert.equal(played.width, recording.width);
    await until(async () => (await mine(session))[0].thumbnail, 'no thumbnail', 20_000);
  });
