// WebRTC stacks that share no code with a browser's: GStreamer, aiortc, werift and libdatachannel publish by WHIP and
// watch by WHEP. Whatever they decode, and whatever is recorded, is read: each picture says which one it is.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { promisify } from 'node:util';
import { makeLine } from '../support/line.mjs';
import { apart, beeps, pictures, probeFile } from '../support/media_file.mjs';
import { startServer } from '../support/server.mjs';
import { makeClip, STACKS, startPeer } from '../support/stacks.mjs';
import { sleep, until } from '../support/until.mjs';

const CODECS = ['vp8', 'h264'];
// Those that make their own pictures; the others send a file.
const ENCODES = ['gstreamer', 'aiortc'];
// werift reports when it sent a packet as the time at which it was taken.
const KNOWS_ITS_CLOCK = (stack) => stack !== 'werift';

let line;
let server;
let clips;
const folders = [];
before(async () => {
  line = await makeLine();
  server = await startServer({ host: line.address, args: ['--max-registrations-per-ip', '100'] });
  folders.push(await mkdtemp(path.join(tmpdir(), 'loopcast-clips-')));
  const [vp8, h264, reordered] = await Promise.all(['vp8', 'h264', 'b-frames'].map((kind) => makeClip(folders[0], kind)));
  clips = { vp8, h264, reordered };
});
const running = new Set();
afterEach(async () => {
  await Promise.all([...running].map((peer) => peer.kill()));
  running.clear();
});
after(async () => {
  await server?.stop();
  await line?.close();
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
});

let people = 0;
const person = () => server.register(`person ${++people}`);

async function start(stack, options, on = line) {
  const peer = await startPeer(on, stack, options);
  running.add(peer);
  return peer;
}

// Somebody who publishes and is on the air.
async function publish(stack, codec, { session, on, ...options } = {}) {
  const who = session ?? (await person());
  const file = ENCODES.includes(stack) ? {} : { file: clips[codec] };
  const peer = await start(stack, { role: 'publish', url: `${server.url}/whip`, token: who.token, codec, ...file, ...options }, on);
  peer.session = who;
  await peer.until('does not connect', (c) => c.state === 'connected' && c.broadcast);
  return peer;
}

const watch = (stack, publisher, codec, { on, ...options } = {}) =>
  start(stack, { role: 'watch', url: `${server.url}/whep/${publisher.counters.broadcast}`, token: publisher.session.token, codec, ...options }, on);

// Has decoded that many more pictures, all of which could be read, in their order; and hears.
async function sees(viewer, more = 30) {
  const before = viewer.counters.pictures ?? 0;
  await viewer.until('does not see', (c) => c.pictures >= before + more && c.sounds > 0 && (c.loudest === undefined || c.loudest > 3000));
  const { pictures: all, readable, backwards, complaints } = viewer.counters;
  assert.deepEqual({ readable, backwards, complaints }, { readable: all, backwards: 0, complaints: undefined }, viewer.stack);
}

const ask = async (session, method, url) => {
  const response = await fetch(new URL(url, server.url), { method, headers: { authorization: `Bearer ${session.token}` } });
  return { status: response.status, body: response.headers.get('content-type')?.includes('json') ? await response.json() : null };
};

// In the place of the publisher, whose machine may be slow: what comes of it is measured.
const remove = async ({ session, counters }) => assert.equal((await ask(session, 'DELETE', counters.location)).status, 200);

// What was recorded of a broadcast that has ended: { recording, found (pictures), heard (beeps) }.
async function recorded(publisher) {
  const { session } = publisher;
  const all = await until(async () => {
    const { recordings } = (await ask(session, 'GET', '/api/v2/recordings?mine=1')).body;
    return recordings.length === 1 && recordings[0].state === 'ready' && recordings;
  }, `the recording of ${publisher.stack} is not ready`, 10_000);
  const { id, video_codec: codec } = all[0];
  const file = path.join(server.data, 'recordings', `${id}.${codec === 'h264' ? 'mp4' : 'webm'}`);
  const { streams } = await probeFile(file);
  assert.deepEqual(streams.map((s) => s.codec_name).sort(), [codec, 'opus'].sort());
  const [{ pictures: found, complaints }, heard] = await Promise.all([pictures(file), beeps(file)]);
  assert.deepEqual(complaints, [], publisher.stack);
  return { recording: all[0], found, heard };
}

// Every picture can be read, and comes after the one before; `missing` at most are not there. Unless its clock is told
// wrong, it is at the time at which it was taken, and with its sound.
function inOrder(stack, { found, heard }, { missing = 0, clock = true } = {}) {
  assert.ok(found.length >= 15, `${stack}: ${found.length} pictures`);
  assert.deepEqual(found.filter((p) => p.frame === null), [], stack);
  const steps = found.slice(1).map((p, i) => p.frame - found[i].frame);
  assert.ok(steps.every((step) => step > 0), `${stack}: ${steps}`);
  const lost = steps.reduce((sum, step) => sum + step - 1, 0);
  assert.ok(lost <= missing, `${stack}: ${lost} pictures are missing: ${steps}`);
  if (!clock) return;
  const late = found.map((p) => Math.round((p.time - found[0].time) * 1000 - (p.clock - found[0].clock)));
  assert.ok(late.every((ms) => Math.abs(ms) < 200), `${stack}: pictures are ${late} ms late`);
  const distances = apart(found, heard).map(Math.round);
  assert.ok(distances.length > 0 && distances.every((ms) => Math.abs(ms) < 200), `${stack}: picture and sound are ${distances} ms apart`);
}

// werift is not asked: it takes one encrypted alert in ten for a plain one that it cannot read.
async function endsFor(viewers, what, end) {
  const told = viewers.filter((viewer) => viewer.stack !== 'werift');
  await Promise.all([end(), ...told.map((viewer) => viewer.until(`is not told of ${what}`, (c) => c.told, 2000))]);
}

for (const [at, stack] of STACKS.entries())
  test(`what ${stack} publishes is decoded by others, and recorded`, async () => {
    // Each stack watches each other one once, over both codecs.
    const others = (from) => [from, from + 1].map((n) => STACKS[(at + n) % STACKS.length]);
    await Promise.all(CODECS.map(async (codec, i) => {
      const publisher = await publish(stack, codec);
      const viewers = await Promise.all(others(2 * i).map((other) => watch(other, publisher, codec)));
      await Promise.all(viewers.map((viewer) => sees(viewer)));
      await endsFor(viewers, 'the end', () => remove(publisher));
      const result = await recorded(publisher);
      assert.equal(result.recording.video_codec, codec);
      inOrder(stack, result, { clock: KNOWS_ITS_CLOCK(stack) });
    }));
  });

test('pictures in another order, no reports, reports without a clock, and SSRCs that were not signalled', async () => {
  const cases = [
    // At the end, what is shown before the last picture may not have been sent. GStreamer's reports are off by as much as
    // pictures are sent before others that are shown first.
    { stack: 'gstreamer', codec: 'h264', options: { file: clips.reordered }, viewer: 'datachannel', missing: 3, clock: false },
    { stack: 'datachannel', codec: 'h264', options: { reports: 'none' }, viewer: 'gstreamer' },
    { stack: 'datachannel', codec: 'vp8', options: { reports: 'zero' }, viewer: 'aiortc' },
    { stack: 'werift', codec: 'vp8', options: { other_ssrc: true }, viewer: 'gstreamer' },
  ];
  await Promise.all(cases.map(async ({ stack, codec, options, viewer, ...bounds }) => {
    const publisher = await publish(stack, codec, options);
    await sees(await watch(viewer, publisher, codec));
    publisher.order('delete');
    inOrder(`${stack} ${Object.keys(options)}`, await recorded(publisher), { clock: KNOWS_ITS_CLOCK(stack), ...bounds });
  }));
});

test('what a sender collects before it is connected is recorded', async () => {
  await Promise.all(['gstreamer', 'werift'].map(async (stack) => {
    const publisher = await publish(stack, 'vp8', { collect: 2.5 });
    await sees(await watch('datachannel', publisher, 'vp8'), 15);
    publisher.order('delete');
    const result = await recorded(publisher);
    inOrder(stack, result, { clock: KNOWS_ITS_CLOCK(stack) });
    assert.ok(result.found[0].frame <= 2, `${stack}: the first picture is number ${result.found[0].frame}`);
  }));
});

test('on a line that loses packets, pictures go on, with retransmissions and without', async () => {
  const lossy = await makeLine();
  const other = await startServer({ host: lossy.address });
  const here = server;
  try {
    server = other;
    const [answers, deaf] = await Promise.all([
      publish('aiortc', 'vp8', { on: lossy }),
      publish('gstreamer', 'vp8', { on: lossy }),
    ]);
    const viewers = await Promise.all([
      watch('aiortc', answers, 'vp8', { on: lossy }),
      watch('gstreamer', answers, 'vp8', { on: lossy, nack: true }),
      watch('datachannel', answers, 'vp8', { on: lossy }),
      watch('gstreamer', deaf, 'vp8', { on: lossy }),
    ]);
    await Promise.all(viewers.map((viewer) => sees(viewer, 5)));
    await lossy.lose(5);
    const from = viewers.map((viewer) => viewer.counters.last);
    await sleep(6000);
    for (const [i, viewer] of viewers.entries())
      await viewer.until(`does not see what was sent after ${from[i]}`, (c) => c.last > from[i] + 60);
    await lossy.lose(0);
    const results = [];
    for (const publisher of [answers, deaf]) {
      publisher.order('delete');
      results.push(await recorded(publisher));
    }
    // Nothing is asked again of a sender that does not offer it, so that each loss lasts until the next keyframe.
    inOrder('aiortc', results[0], { missing: results[0].found.length / 20, clock: false });
    inOrder('gstreamer', results[1], { missing: results[1].found.length * 3, clock: false });
  } finally {
    server = here;
    await other.stop();
    await lossy.close();
  }
});

test('an agent that nominates everything, and one that restarts ICE, stay connected', async () => {
  const [eager, restarting] = await Promise.all([publish('aiortc', 'vp8', { hide_lite: true }), publish('werift', 'vp8')]);
  const viewers = await Promise.all([watch('datachannel', eager, 'vp8'), watch('aiortc', restarting, 'vp8', { hide_lite: true })]);
  await Promise.all(viewers.map((viewer) => sees(viewer, 10)));
  restarting.order('restart');
  await restarting.until('does not restart', (c) => c.restarted && c.state === 'connected');
  await sleep(1000);
  await Promise.all(viewers.map((viewer) => sees(viewer)));
  await endsFor([viewers[1]], 'the end', () => remove(restarting));
  inOrder('werift', await recorded(restarting), { clock: false });
});

test('the goodbye of DTLS ends a broadcast for its viewers at once', async () => {
  const publisher = await publish('aiortc', 'vp8');
  const viewers = await Promise.all(STACKS.map((stack) => watch(stack, publisher, 'vp8')));
  await Promise.all(viewers.map((viewer) => sees(viewer, 10)));
  await endsFor(viewers, 'the goodbye', () => publisher.order('close'));
  await publisher.ended;
  // Whoever asked to come back does not.
  await remove(publisher);
  inOrder('aiortc', await recorded(publisher));
});

test('a program of another stack takes the place of one that died', async () => {
  const first = await publish('datachannel', 'vp8');
  const viewer = await watch('aiortc', first, 'vp8');
  await sees(viewer);
  await first.kill();
  const second = await publish('gstreamer', 'vp8', { session: first.session });
  await viewer.until('is not told', (c) => c.told, 2000);
  await sees(await watch('werift', second, 'vp8'));
  second.order('delete');
  const { found } = await recorded(second);
  assert.deepEqual(found.filter((p) => p.frame === null), []);
  const began = found.findIndex((p, i) => i > 0 && p.frame <= found[i - 1].frame);
  assert.ok(began > 10 && found.length - began > 10, 'the recording has not both');
  assert.ok(found[began].time - found[began - 1].time > 1, 'nothing was away');
});
