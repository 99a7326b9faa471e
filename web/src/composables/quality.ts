import { onBeforeUnmount, shallowRef, type ShallowRef } from 'vue';
import { incoming_sample, outgoing_loss, quality_between, type Quality, type Sample } from '@/calls/quality';
import type { Shown } from '@/calls/wire';

const kEveryMs = 2000;

/** How well the call travels, measured again every two seconds; null until two measurements are there. */
export function useQuality(
  theirs: () => RTCPeerConnection | null,
  own: () => RTCPeerConnection | null,
  shown: () => Shown,
): ShallowRef<Quality | null> {
  const quality = shallowRef<Quality | null>(null);
  let before: Sample | null = null;
  let moved = false;
  let measured: RTCPeerConnection | null = null;

  async function measure(): Promise<void> {
    const peer = theirs();
    if (peer !== measured) {
      measured = peer;
      before = null;
      quality.value = null;
    }
    if (peer === null) return;
    try {
      const [incoming, outgoing] = await Promise.all([peer.getStats(), own()?.getStats()]);
      const now = incoming_sample(incoming.values(), performance.now());
      if (peer !== measured) return;
      // A camera that was switched on meanwhile has not sent for all of the time; a screen may stand still.
      const moving = shown().camera && !shown().screen;
      if (before !== null)
        quality.value = quality_between(before, now, outgoing_loss(outgoing?.values() ?? []), moving && moved);
      before = now;
      moved = moving;
    } catch {
      // The connection was closed meanwhile.
    }
  }

  const timer = setInterval(() => void measure(), kEveryMs);
  onBeforeUnmount(() => clearInterval(timer));
  return quality;
}
