import { expect, it, vi } from 'vitest';
import { warm_up_webrtc } from './warm_up';

it('makes an offer that goes nowhere, and leaves nothing open', async () => {
  const peer = { addTransceiver: vi.fn(), createOffer: vi.fn().mockResolvedValue({}), close: vi.fn() };
  await warm_up_webrtc(() => peer as unknown as RTCPeerConnection);
  expect(peer.addTransceiver.mock.calls.map(([kind]) => kind)).toEqual(['audio', 'video']);
  expect(peer.close).toHaveBeenCalledOnce();
});

it('says nothing where there is no WebRTC', async () => {
  await expect(
    warm_up_webrtc(() => {
      throw new ReferenceError('RTCPeerConnection is not defined');
    }),
  ).resolves.toBeUndefined();
});
