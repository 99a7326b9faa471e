// A small WHIP and WHEP client that runs inside a page: window.whip. Handed over as text, so it uses nothing from here.
//
// It needs a page of the server's own origin and installBarcodeCamera().
export function installWhip() {
  const gathered = (peer) =>
    new Promise((resolve) => {
      const done = () => peer.iceGatheringState === 'complete' && resolve();
      peer.addEventListener('icegatheringstatechange', done);
      done();
    });

  const send = (token, method, url, type, body, headers = {}) =>
    fetch(url, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(type ? { 'content-type': type } : {}), ...headers },
      body,
    });

  function prefer(transceiver, mime) {
    if (!mime) return;
    const all = RTCRtpReceiver.getCapabilities('video').codecs;
    transceiver.setCodecPreferences(all.filter((codec) => codec.mimeType.toLowerCase() === `video/${mime}`));
  }

  async function publisher(mime) {
    const peer = new RTCPeerConnection();
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    for (const track of stream.getTracks()) {
      const transceiver = peer.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
      if (track.kind === 'video') prefer(transceiver, mime);
    }
    return peer;
  }

  function viewer(mime) {
    const peer = new RTCPeerConnection();
    peer.addTransceiver('audio', { direction: 'recvonly' });
    prefer(peer.addTransceiver('video', { direction: 'recvonly' }), mime);
    const video = document.createElement('video');
    video.muted = true;
    video.autoplay = true;
    document.body.append(video);
    peer.ontrack = ({ streams }) => {
      video.srcObject = streams[0];
    };
    return { peer, video };
  }

  // Offers to `url`; answers { status, type, problem } of a refusal or the session.
  // `edit` (source of a function) changes the server's answer before it is used.
  async function connect(peer, url, token, { edit, edit_offer } = {}) {
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    const offer = peer.localDescription.sdp;
    const response = await send(token, 'POST', url, 'application/sdp', edit_offer ? edit_offer(offer) : offer);
    const body = await response.text();
    const type = response.headers.get('content-type');
    if (response.status !== 201) {
      peer.close();
      return { status: response.status, type, problem: JSON.parse(body) };
    }
    const session = {
      status: 201,
      type,
      peer,
      token,
      location: new URL(response.headers.get('location'), location.href).href,
      etag: response.headers.get('etag'),
      answer: edit ? edit(body) : body,
      broadcast: /broadcasts\/([^>]+)>/.exec(response.headers.get('link'))?.[1],
    };
    await peer.setRemoteDescription({ type: 'answer', sdp: session.answer });
    return session;
  }

  const connected = (peer, ms = 30_000) =>
    new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), ms);
      const done = () => {
        if (peer.connectionState !== 'connected') return;
        clearTimeout(timer);
        resolve(true);
      };
      peer.addEventListener('connectionstatechange', done);
      done();
    });

  const line = (sdp, name) => new RegExp(`^a=${name}:(.*)$`, 'm').exec(sdp)?.[1].trim();

  // The ICE part of a description (RFC 8840) with the candidates of its first section.
  function fragment(sdp) {
    const candidates = sdp.split('\r\n').filter((l) => l.startsWith('a=candidate:'));
    return [
      ...[`a=ice-ufrag:${line(sdp, 'ice-ufrag')}`, `a=ice-pwd:${line(sdp, 'ice-pwd')}`],
      ...['a=group:BUNDLE 0 1', 'm=audio 9 UDP/TLS/RTP/SAVPF 0', 'a=mid:0', ...new Set(candidates), ''],
    ].join('\r\n');
  }

  const patch = (session, body, headers, type = 'application/trickle-ice-sdpfrag') =>
    send(session.token, 'PATCH', session.location, type, body, headers);

  // Restarts ICE by PATCH; answers { status, changed }.
  async function restart(session) {
    const { peer } = session;
    peer.restartIce();
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    const response = await patch(session, fragment(peer.localDescription.sdp), { 'if-match': session.etag });
    if (response.status !== 200) return { status: response.status };
    const body = await response.text();
    const ufrag = line(body, 'ice-ufrag');
    const changed = ufrag !== line(session.answer, 'ice-ufrag') && response.headers.get('etag') !== session.etag;
    session.etag = response.headers.get('etag');
    session.answer = session.answer
      .replace(/^a=ice-ufrag:.*$/gm, `a=ice-ufrag:${ufrag}`)
      .replace(/^a=ice-pwd:.*$/gm, `a=ice-pwd:${line(body, 'ice-pwd')}`);
    await peer.setRemoteDescription({ type: 'answer', sdp: session.answer });
    return { status: 200, changed };
  }

  async function remove(session) {
    const { status } = await send(session.token, 'DELETE', session.location);
    session.peer.close();
    return status;
  }

  window.whip = { publisher, viewer, connect, connected, fragment, patch, restart, remove, send, gathered };
}
