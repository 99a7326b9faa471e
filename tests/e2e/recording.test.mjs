// Recordings of real Chromium in every codec that it sends, looked at by ffmpeg and played by Chromium.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { closePages, launchChromium, openPage } from '../support/chromium.mjs';
import { installClapperCamera } from '../support/clapper.mjs';
import { apart, beeps, packets, pictures, probeFile } from '../support/media_file.mjs';
import { sentStreams, tailOf, takenAt, wholeOf } from '../support/sent_media.mjs';
import { startServer } from '../support/server.mjs';
import { until } from '../support/until.mjs';
import { installWhip } from '../support/whip.mjs';

let browser;
let server;
let folder;
const log = () => path.join(folder, 'packets');
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'loopcast-test-'));
  [browser, server] = await Promise.all([launchChromium({ packets: log() }), startServer()]);
});
afterEach(() => closePages(browser));
after(async () => {
  await browser?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
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

// Plays it from the middle, and its end.
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
    await until(async () => (await mine(session))[0].thumbnail, 'no thumbnail', 20_000);
  });
