// werift as a publisher or a viewer (see peer.mjs).
//
// Options: role ('publish', 'watch'), url, token, codec ('vp8', 'h264'), file (what a publisher sends), other_ssrc (sends
// under SSRCs that it has not signalled), collect (seconds before the offer, during which media already waits to be
// sent).
// Orders: 'delete' (DELETE, then close), 'close' (no DELETE; it says no goodbye), 'restart' (ICE, by PATCH).
import { setTimeout as sleep } from 'node:timers/promises';
import { MediaStreamTrack, RTCPeerConnection, useH264, useOPUS, useSdesMid, useVP8 } from 'werift';
import { counters, end, obey, OPTIONS, saw, session } from './peer.mjs';
import { decoder, play } from './rtp_media.mjs';

const codecs = { vp8: useVP8({ payloadType: 96 }), h264: useH264({ payloadType: 97 }) };
const publishes = OPTIONS.role === 'publish';
const peer = new RTCPeerConnection({
  // None that tells it its address. It asks a public one all the same, which nobody reaches on its line.
  iceServers: [],
  codecs: { audio: [useOPUS({ payloadType: 111 })], video: publishes ? [codecs[OPTIONS.codec]] : Object.values(codecs) },
  headerExtensions: { audio: [useSdesMid()], video: [useSdesMid()] },
});
peer.connectionStateChange.subscribe((state) => {
  counters.state = state;
});
const whip = session();

const tracks = {};
const waiting = [];
if (publishes) {
  for (const kind of ['audio', 'video']) {
    tracks[kind] = new MediaStreamTrack({ kind });
    peer.addTransceiver(tracks[kind], { direction: 'sendonly' });
  }
  await play(OPTIONS.file, (kind, packet) => {
    if (peer.connectionState !== 'connected') {
      if (OPTIONS.collect) waiting.push([kind, packet]);
      return;
    }
    counters.sent = (counters.sent ?? 0) + waiting.length + 1;
    for (const [of, one] of waiting.splice(0)) tracks[of].writeRtp(one);
    tracks[kind].writeRtp(packet);
  });
  await sleep((OPTIONS.collect ?? 0) * 1000);
} else {
  const decode = await decoder(OPTIONS.codec, saw);
  for (const kind of ['audio', 'video']) peer.addTransceiver(kind, { direction: 'recvonly' });
  peer.onTrack.subscribe((track) => {
    track.onReceiveRtp.subscribe((packet) => {
      if (track.kind === 'audio') ++counters.sounds;
      else decode(packet.serialize());
    });
  });
}

await peer.setLocalDescription(await peer.createOffer());
let answer = await whip.offer(peer.localDescription.sdp);
if (OPTIONS.other_ssrc) for (const sender of peer.getSenders()) sender.ssrc = (sender.ssrc ^ 0x5a5a5a5a) >>> 0;
await peer.setRemoteDescription({ type: 'answer', sdp: answer });

const line = (sdp, name) => new RegExp(`^a=${name}:(.*)$`, 'm').exec(sdp)[1].trim();

await obey({
  async restart() {
    const offer = await peer.createOffer({ iceRestart: true });
    await peer.setLocalDescription(offer);
    const { sdp } = peer.localDescription;
    const candidates = new Set(sdp.split('\r\n').filter((l) => l.startsWith('a=candidate:')));
    const fragment = await whip.restart([`a=ice-ufrag:${line(sdp, 'ice-ufrag')}`, `a=ice-pwd:${line(sdp, 'ice-pwd')}`,
      'm=audio 9 UDP/TLS/RTP/SAVPF 0', `a=mid:${line(sdp, 'mid')}`, ...candidates, ''].join('\r\n'));
    for (const name of ['ice-ufrag', 'ice-pwd']) answer = answer.replace(new RegExp(`^a=${name}:.*$`, 'gm'), `a=${name}:${line(fragment, name)}`);
    await peer.setRemoteDescription({ type: 'answer', sdp: answer });
    // It does not begin by itself while DTLS is connected.
    await peer.iceTransports[0].start();
    counters.restarted = true;
  },
  async delete() {
    await whip.remove();
    await this.close();
  },
  async close() {
    await peer.close();
    end();
  },
});
