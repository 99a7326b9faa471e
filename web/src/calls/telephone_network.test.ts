import { describe, expect, it, vi } from 'vitest';
import { settle } from '../../tests/fakes';
import { connect, each_test_in_a_world_of_its_own, kBob, open_sockets, own_socket, presenting, said, talk, telephone, world } from '../../tests/telephone_world';
import { kStateLimitMs } from './telephone';

each_test_in_a_world_of_its_own();

describe('what goes away', () => {
  it('does not ring later if there was no network', async () => {
    telephone.call(kBob);
    for (let waited = 0; waited <= kStateLimitMs; waited += 1000) {
      await settle();
      for (const socket of open_sockets()) socket.receive('connect_error', new Error('no network'));
      vi.advanceTimersByTime(1000);
    }
    expect(telephone.state).toMatchObject({ phase: 'ended', reason: 'lost', accepted: false });
    expect(open_sockets()).toEqual([]);
  });

  it('is over by itself when the network does not come back', async () => {
    await talk();
    for (const socket of open_sockets()) socket.receive('disconnect', 'transport close');
    for (let waited = 0; waited < kStateLimitMs; waited += 1000) {
      vi.advanceTimersByTime(1000);
      await settle();
    }
    expect(telephone.state).toMatchObject({ phase: 'ended', reason: 'lost' });
  });

  it('goes on when the network is back in time', async () => {
    await talk();
    own_socket().receive('disconnect', 'transport close');
    vi.advanceTimersByTime(1000);
    await presenting({ callId: 'c1' });
    connect();
    vi.advanceTimersByTime(kStateLimitMs);
    expect(telephone.state.phase).toBe('connected');
  });

  it('says that a microphone is off that was unplugged', async () => {
    await talk();
    const senders = world.peers.flatMap(({ transceivers }) => transceivers.map(({ sender }) => sender));
    senders.find(({ track }) => track?.name === 'microphone')?.track?.unplug();
    expect(said.at(-1)).toEqual(['callmedia', { callId: 'c1', microphone: false, camera: true, screen: false }]);
  });
});
