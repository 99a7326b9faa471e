/**
 * A browser's first offer takes it some 100 ms: it looks up every codec that it has and makes its
 * first certificate. Done once before anybody clicks, it costs nothing then. An offer of a connection
 * that is closed again at once reaches nobody.
 */
export async function warm_up_webrtc(make_peer: () => RTCPeerConnection = () => new RTCPeerConnection()): Promise<void> {
  try {
    const peer = make_peer();
    peer.addTransceiver('audio', { direction: 'recvonly' });
    peer.addTransceiver('video', { direction: 'recvonly' });
    await peer.createOffer();
    peer.close();
  } catch {
    // A browser without WebRTC is told so when it tries.
  }
}
