// libdatachannel as a publisher or a viewer (see peer.mjs). It does not ask for what was lost.
//
// Options: role ('publish', 'watch'), url, token, codec ('vp8', 'h264'), file (what a publisher sends), reports ('true',
// 'none', 'zero': those of the sender say the right time, are not sent, or say that there is no clock).
// Orders: 'delete' (DELETE, then close), 'close' (no DELETE; it says no goodbye).
import datachannel from 'node-datachannel';
import { counters, end, obey, OPTIONS, saw, session } from './peer.mjs';
import { decoder, play } from './rtp_media.mjs';

const publishes = OPTIONS.role === 'publish';
const PAYLOADS = { audio: 111, video: 96 };
const SSRCS = { audio: 1111, video: 2222 };

// No server for addresses, and no offer before there are tracks.
const peer = new datachannel.PeerConnection(OPTIONS.role, { iceServers: [], disableAutoNegotiation: true });
peer.onStateChange((state) => {
  counters.state = state;
});
const gathered = new Promise((resolve) => {
  peer.onGatheringStateChange((state) => state === 'complete' && resolve());
});
const whip = session();

const tracks = {};
for (const kind of ['audio', 'video']) {
  const Section = kind === 'audio' ? datachannel.Audio : datachannel.Video;
  const section = new Section(kind, publishes ? 'SendOnly' : 'RecvOnly');
  if (kind === 'audio') section.addOpusCodec(PAYLOADS.audio);
  else if (OPTIONS.codec === 'vp8') section.addVP8Codec(PAYLOADS.video);
  // What decodes it knows the highest profile, which includes the others.
  else section.addH264Codec(PAYLOADS.video, `profile-level-id=${publishes ? '42e01f' : '64001f'};packetization-mode=1;level-asymmetry-allowed=1`);
  if (publishes) section.addSSRC(SSRCS[kind], 'sender', 'stream', kind);
  tracks[kind] = peer.addTrack(section);
}

const sent = { audio: { packets: 0, bytes: 0 }, video: { packets: 0, bytes: 0 } };
// A report of a stream, whose timestamp is `timestamp` now.
function report(kind, now, timestamp) {
  const sender = Buffer.alloc(28);
  sender.writeUInt32BE(0x80c80006, 0);
  sender.writeUInt32BE(SSRCS[kind], 4);
  if (OPTIONS.reports !== 'zero') {
    sender.writeUInt32BE(Math.floor(now / 1000) + 2_208_988_800, 8);
    sender.writeUInt32BE(Math.floor(((now % 1000) / 1000) * 2 ** 32), 12);
  }
  sender.writeUInt32BE(timestamp, 16);
  sender.writeUInt32BE(sent[kind].packets, 20);
  sender.writeUInt32BE(sent[kind].bytes, 24);
  tracks[kind].sendMessageBinary(sender);
  counters.reports = (counters.reports ?? 0) + 1;
}

if (publishes) {
  const timestampOf = await play(OPTIONS.file, (kind, packet) => {
    if (!tracks[kind].isOpen()) return;
    packet[1] = (packet[1] & 0x80) | PAYLOADS[kind];
    packet.writeUInt32BE(SSRCS[kind], 8);
    ++sent[kind].packets;
    sent[kind].bytes += packet.length - 12;
    tracks[kind].sendMessageBinary(packet);
    counters.sent = (counters.sent ?? 0) + 1;
  });
  setInterval(() => {
    const now = Date.now();
    for (const kind of OPTIONS.reports === 'none' ? [] : Object.keys(tracks)) {
      const timestamp = timestampOf(kind, now);
      if (timestamp !== undefined && tracks[kind].isOpen()) report(kind, now, timestamp);
    }
  }, 500);
} else {
  const decode = await decoder(OPTIONS.codec, saw);
  for (const [kind, track] of Object.entries(tracks)) {
    track.setMediaHandler(new datachannel.RtcpReceivingSession());
    track.onMessage((packet) => {
      // Reports come the same way (RFC 5761, section 4).
      if (packet[1] >= 192 && packet[1] <= 223) return;
      if (kind === 'audio') ++counters.sounds;
      else decode(packet);
    });
    track.onClosed(() => {
      counters.told = true;
    });
  }
}

peer.setLocalDescription('offer');
await gathered;
const answer = await whip.offer(peer.localDescription().sdp);
peer.setRemoteDescription(answer, 'answer');

await obey({
  async delete() {
    await whip.remove();
    await this.close();
  },
  async close() {
    peer.close();
    end();
  },
});
