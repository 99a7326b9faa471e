import type { LiveError } from './types';
import { live_error } from './types';

/** Why this browser can neither send nor receive live media; null if it can. Some have WebRTC switched off. */
export function missing_webrtc(): LiveError | null {
  return typeof globalThis.RTCPeerConnection === 'function' ? null : live_error('webrtc_missing');
}
