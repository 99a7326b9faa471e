// What Chromium itself says it sends: its RTP packets and sender reports in the clear, from its log. A reference for
// when a picture and a piece of sound were taken that no code of the server has touched.
import { createHash } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';

// WebRTC writes each packet that it protects as text, one line each.
export const PACKET_LOG_ARGUMENTS = ['--enable-logging=stderr', '--vmodule=srtp_session=9', '--force-fieldtrials=WebRTC-Debugging-RtpDump/Enabled/'];

// A program that is `program` with its complaints in the file `log`: what launches browsers keeps them to itself.
export async function loggingProgram(program, log) {
  const script = `${log}.sh`;
  await writeFile(script, `#!/bin/sh\nexec '${program}' "$@" 2>'${log}'\n`);
  await chmod(script, 0o755);
  return script;
}

const SENDER_REPORT = 200;
const NTP_TO_UNIX = 2_208_988_800;
const digest = (bytes) => createHash('md5').update(bytes).digest('hex');

function payloadOf(packet) {
  let from = 12 + (packet[0] & 15) * 4;
  if (packet[0] & 16) from += 4 + packet.readUInt16BE(from + 2) * 4;
  const padding = packet[0] & 32 ? packet[packet.length - 1] : 0;
  return packet.subarray(from, packet.length - padding);
}

// Bytes at the end of a picture that tell it from the others, whatever its packets and its file put in front of them.
const TAIL = 12;
export const tailOf = (bytes) => digest(bytes.subarray(Math.max(0, bytes.length - TAIL)));
export const wholeOf = digest;

// The streams in a log by SSRC: { packets: [{ timestamp, marker, whole, tail }], reports: [{ wall (seconds), timestamp, after
// (how many packets came before it) }] }.
export async function sentStreams(log) {
  const streams = new Map();
  const stream = (ssrc) => {
    if (!streams.has(ssrc)) streams.set(ssrc, { packets: [], reports: [] });
    return streams.get(ssrc);
  };
  for (const line of (await readFile(log, 'latin1')).split('\n')) {
    const hex = /^O [\d:.]+ 0+ ((?:[0-9a-f]{2} )+)/.exec(line)?.[1];
    if (!hex) continue;
    const packet = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    if (packet[1] === SENDER_REPORT) {
      const to = stream(packet.readUInt32BE(4));
      const wall = packet.readUInt32BE(8) - NTP_TO_UNIX + packet.readUInt32BE(12) / 2 ** 32;
      to.reports.push({ wall, timestamp: packet.readUInt32BE(16), after: to.packets.length });
    } else if (packet[1] < 192 || packet[1] > 223) {
      const payload = payloadOf(packet);
      if (payload.length > 0)
        stream(packet.readUInt32BE(8)).packets.push({ timestamp: packet.readUInt32BE(4), marker: packet[1] >= 128, whole: wholeOf(payload), tail: tailOf(payload) });
    }
  }
  return streams;
}

// When the browser says that `timestamp` was taken, in seconds of its wall clock.
export function takenAt({ reports }, timestamp, rate) {
  const times = reports.map((r) => r.wall + ((timestamp - r.timestamp) | 0) / rate).sort((a, b) => a - b);
  return times[times.length >> 1];
}
