// RTP for the stacks that carry it without knowing what is in it, by ffmpeg.
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { barcode, HEIGHT, WIDTH } from '../media_file.mjs';
import { until } from '../until.mjs';

const CLOCKS = { video: 90_000, audio: 48_000 };

function start(args) {
  const child = spawn('ffmpeg', ['-v', 'warning', '-nostdin', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  process.once('exit', () => child.kill('SIGKILL'));
  child.stderr.pipe(process.stderr);
  return child;
}

async function socket() {
  const made = dgram.createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  made.bind(0, '127.0.0.1');
  await once(made, 'listening');
  return made;
}

// Plays the file as fast as it was taken: `use(kind, packet)` for each packet of RTP. Answers a function that tells the
// timestamp of a kind at a time of day, in ms, or undefined while ffmpeg has not reported it.
export async function play(file, use) {
  const outputs = [];
  const reports = {};
  for (const kind of ['video', 'audio']) {
    const [to, report] = [await socket(), await socket()];
    to.on('message', (packet) => use(kind, packet));
    report.on('message', (packet) => {
      const at = (packet.readUInt32BE(8) - 2_208_988_800 + packet.readUInt32BE(12) / 2 ** 32) * 1000;
      reports[kind] = { at, timestamp: packet.readUInt32BE(16) };
    });
    const repeat = kind === 'video' && file.endsWith('.mp4') ? ['-bsf:v', 'h264_mp4toannexb,dump_extra=freq=keyframe'] : [];
    outputs.push('-map', `0:${kind[0]}`, '-c', 'copy', ...repeat, '-f', 'rtp',
      `rtp://127.0.0.1:${to.address().port}?rtcpport=${report.address().port}&pkt_size=1200`);
  }
  start(['-re', '-i', file, ...outputs]);
  return (kind, at) => reports[kind] && (reports[kind].timestamp + Math.round(((at - reports[kind].at) * CLOCKS[kind]) / 1000)) >>> 0;
}

// Decodes video: answers a function that takes packets of RTP. `saw(number)` for each picture, null if it is unreadable.
export async function decoder(codec, saw) {
  const out = await socket();
  // A port that was free a moment ago, for ffmpeg.
  const free = await socket();
  const { port } = free.address();
  free.close();
  const sdp = ['v=0', 'o=- 0 0 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0',
    `m=video ${port} RTP/AVP 96`, `a=rtpmap:96 ${codec.toUpperCase()}/${CLOCKS.video}`, ''];
  const child = start(['-protocol_whitelist', 'pipe,rtp,udp', '-f', 'sdp', '-i', 'pipe:0', '-an',
    '-fps_mode', 'passthrough', '-vf', `scale=${WIDTH}:${HEIGHT}:flags=area`, '-pix_fmt', 'gray', '-f', 'rawvideo', '-']);
  child.stdin.end(sdp.join('\r\n'));
  // Nothing that is sent before it listens would come.
  const listening = `:${port.toString(16).toUpperCase().padStart(4, '0')} `;
  await until(async () => (await readFile('/proc/self/net/udp', 'utf8')).includes(listening), 'ffmpeg does not listen');
  let rest = Buffer.alloc(0);
  child.stdout.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (; rest.length >= WIDTH * HEIGHT; rest = rest.subarray(WIDTH * HEIGHT)) saw(barcode(rest.subarray(0, WIDTH * HEIGHT))?.frame ?? null);
  });
  return (packet) => {
    const copy = Buffer.from(packet);
    copy[1] = (copy[1] & 0x80) | 96;
    out.send(copy, port, '127.0.0.1');
  };
}
