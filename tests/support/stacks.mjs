// Peers of other WebRTC stacks than a browser's: each a program of its own (support/stacks/), in the network namespace
// of a line (line.mjs), that publishes by WHIP or watches by WHEP.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './until.mjs';

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), 'stacks');
// Debian's, which knows Debian's packages; another one may stand before it in PATH.
const PYTHON = '/usr/bin/python3';
const PROGRAMS = {
  gstreamer: [PYTHON, 'gstreamer_peer.py'],
  aiortc: [PYTHON, 'aiortc_peer.py'],
  werift: [process.execPath, 'werift_peer.mjs'],
  datachannel: [process.execPath, 'datachannel_peer.mjs'],
};
export const STACKS = Object.keys(PROGRAMS);

// Starts one; answers { counters (the newest), until(what, condition, ms), order(text), kill(), ended }.
export async function startPeer(line, stack, options) {
  const [program, file] = PROGRAMS[stack];
  // A group of its own, since some have an ffmpeg.
  const child = spawn(await line.wrap(program), [path.join(folder, file), JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const endWithUs = () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
  };
  process.once('exit', endWithUs);
  const peer = { stack, counters: {}, log: '' };
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const text of lines) if (text.startsWith('{')) peer.counters = JSON.parse(text);
  });
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    peer.log += chunk;
  });
  peer.ended = new Promise((resolve) => child.on('close', resolve)).then(() => process.removeListener('exit', endWithUs));
  peer.until = (what, condition, ms = 20_000) =>
    until(() => {
      if (peer.counters.error) throw new Error(`${stack}: ${peer.counters.error}`);
      return condition(peer.counters);
    }, () => `${stack}: ${what}: ${JSON.stringify(peer.counters)}\n${peer.log.slice(-2000)}`, ms);
  peer.order = (text) => child.stdin.write(`${text}\n`);
  // Without a goodbye.
  peer.kill = () => {
    endWithUs();
    return peer.ended;
  };
  return peer;
}

// A clip of 20 s with barcodes, flashes and beeps for the stacks that have no encoder; answers its path.
// kind: 'vp8', 'h264', 'b-frames' (H.264 whose pictures are decoded in another order than they are shown).
export async function makeClip(to, kind) {
  const encoders = {
    vp8: ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '300k', '-g', '15'],
    h264: ['-c:v', 'libx264', '-preset', 'ultrafast', '-profile:v', 'baseline', '-g', '15'],
    'b-frames': ['-c:v', 'libx264', '-preset', 'veryfast', '-profile:v', 'main', '-bf', '3', '-b_strategy', '0', '-g', '15'],
  };
  const file = path.join(to, `${kind}.${kind === 'vp8' ? 'webm' : 'mp4'}`);
  const beep = "aevalsrc='if(lt(mod(t\\,1)\\,0.1)\\,0.5*sin(2*PI*1000*t)\\,0)':s=48000:d=20";
  const draw = spawn(PYTHON, [path.join(folder, 'barcode.py'), '300', '15'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const encode = spawn('ffmpeg', ['-v', 'error', '-f', 'rawvideo', '-pix_fmt', 'gray', '-video_size', '256x160', '-framerate', '15', '-i', '-',
    '-f', 'lavfi', '-i', beep, '-pix_fmt', 'yuv420p', ...encoders[kind], '-c:a', 'libopus', file], { stdio: ['pipe', 'inherit', 'inherit'] });
  draw.stdout.pipe(encode.stdin);
  const [code] = await once(encode, 'exit');
  if (code !== 0) throw new Error(`ffmpeg ends with ${code}`);
  return file;
}
