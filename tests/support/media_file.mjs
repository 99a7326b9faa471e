// What is really in a media file, by ffmpeg: its streams, the barcodes of its pictures (see probe.mjs and clapper.mjs),
// and when its sound begins to beep.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const LARGEST = 512 * 2 ** 20;

async function ffmpeg(args) {
  const { stdout, stderr } = await run('ffmpeg', ['-v', 'repeat+error', '-nostdin', ...args], { encoding: 'buffer', maxBuffer: LARGEST });
  // Raw pictures have no times: what their writer says of them, each time anew, is no complaint about the file.
  const complaints = stderr.toString().split('\n').filter((line) => line !== '' && !line.startsWith('[rawvideo'));
  return { bytes: stdout, complaints };
}

// { format, duration, streams } as ffprobe tells them.
export async function probeFile(file) {
  const { stdout } = await run('ffprobe', ['-v', 'error', '-show_streams', '-show_format', '-of', 'json', file], { maxBuffer: LARGEST });
  const { streams, format } = JSON.parse(stdout);
  return { format: format.format_name, duration: Number(format.duration), streams };
}

// Every packet of a kind ('v' or 'a') as it is in the file: { time (seconds), bytes }.
export async function packets(file, kind) {
  const [{ stdout }, { bytes }] = await Promise.all([
    run('ffprobe', ['-v', 'error', '-select_streams', `${kind}:0`, '-show_entries', 'packet=pts_time,size', '-of', 'json', file], { maxBuffer: LARGEST }),
    ffmpeg(['-i', file, '-map', `0:${kind}:0`, '-c', 'copy', '-f', 'data', '-']),
  ]);
  let at = 0;
  return JSON.parse(stdout).packets.map((p) => ({ time: Number(p.pts_time), bytes: bytes.subarray(at, (at += Number(p.size))) }));
}

export const WIDTH = 128;
export const HEIGHT = 80;

export function barcode(picture) {
  const rows = [0, 0, 0];
  for (let row = 0; row < 3; ++row)
    for (let bit = 0; bit < 16; ++bit) {
      let light = 0;
      for (let y = 3; y < 5; ++y) for (let x = 3; x < 5; ++x) light += picture[(row * 8 + y) * WIDTH + bit * 8 + x];
      rows[row] = (rows[row] << 1) | (light > 512 ? 1 : 0);
    }
  const [a, b, c] = rows;
  const clock = (a << 8) | (b >> 8);
  const frame = ((b & 0xff) << 8) | (c >> 8);
  const sum = ((clock >> 16) * 7 + (clock & 0xffff) * 13 + frame * 31 + 0x5a) & 0xff;
  return sum === (c & 0xff) ? { clock, frame } : null;
}

// Every picture in order: { time (seconds), clock, frame (null if it cannot be read), flash }; and what the decoder
// complained about.
export async function pictures(file) {
  const times = await run('ffprobe', ['-v', 'error', '-select_streams', 'v:0', '-show_entries', 'frame=pts_time', '-of', 'csv=p=0', file],
    { maxBuffer: LARGEST });
  const { bytes, complaints } = await ffmpeg(['-i', file, '-map', '0:v:0', '-vsync', 'passthrough',
    '-vf', `scale=${WIDTH}:${HEIGHT}:flags=area`, '-pix_fmt', 'gray', '-f', 'rawvideo', '-']);
  const found = times.stdout.split('\n').filter((line) => line !== '').map((line, i) => {
    const picture = bytes.subarray(i * WIDTH * HEIGHT, (i + 1) * WIDTH * HEIGHT);
    const code = picture.length === WIDTH * HEIGHT ? barcode(picture) : null;
    return { time: Number.parseFloat(line), clock: code?.clock ?? null, frame: code?.frame ?? null, flash: picture[72 * WIDTH + 64] > 128 };
  });
  return { pictures: found, complaints };
}

const RATE = 48_000;
const WINDOW = RATE / 500; // 2 ms

// Seconds at which the sound becomes loud after it was quiet.
export async function beeps(file) {
  const { bytes } = await ffmpeg(['-i', file, '-map', '0:a:0', '-af', 'aresample=async=1:first_pts=0', '-ac', '1', '-ar', `${RATE}`, '-f', 'f32le', '-']);
  const samples = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4 | 0);
  const found = [];
  let quiet = 0;
  for (let at = 0; at + WINDOW <= samples.length; at += WINDOW) {
    let peak = 0;
    for (let i = at; i < at + WINDOW; ++i) peak = Math.max(peak, Math.abs(samples[i]));
    if (peak < 0.1) ++quiet;
    else {
      if (quiet > 50) found.push(at / RATE);
      quiet = 0;
    }
  }
  return found;
}

// For each beep that has a flash within half a second, how much later the flash is, in ms.
export function apart(seen, heard) {
  const flashes = seen.filter((p, i) => p.flash && i > 0 && !seen[i - 1].flash).map((p) => p.time);
  return heard.flatMap((at) => {
    const nearest = flashes.reduce((best, f) => (Math.abs(f - at) < Math.abs(best - at) ? f : best), Infinity);
    return Math.abs(nearest - at) < 0.5 ? [(nearest - at) * 1000] : [];
  });
}
