import { describe, expect, it, vi } from 'vitest';
import { settle } from '../../tests/fakes';
import {
  each_test_in_a_world_of_its_own,
  connect,
  kBob,
  open_sockets,
  own_socket,
  presenting,
  said,
  snapshot,
  talk,
  telephone,
} from '../../tests/telephone_world';

each_test_in_a_world_of_its_own();

describe('a call that another page of the user takes over', () => {
  it('leaves the call to the page that has taken its place, and does not take it back', async () => {
    await talk();
    const socket = own_socket();
    telephone.on_snapshot(snapshot({ state: 'connected', linkId: 'theirs', ownId: 'mine' }));
    telephone.on_snapshot(snapshot({ state: 'connected', linkId: 'theirs', ownId: null }));
    expect(telephone.state.phase).toBe('connected');
    telephone.on_snapshot(snapshot({ state: 'connected', linkId: 'theirs', ownId: 'of another page' }));
    expect(telephone.state).toMatchObject({ phase: 'elsewhere', user: kBob, own: null, theirs: null });
    expect(open_sockets()).toEqual([]);
    expect([socket.events().includes('stopPresentor'), said.some(([event]) => event === 'hangup')]).toEqual([false, false]);
    telephone.on_snapshot(snapshot({ state: 'connected', linkId: 'theirs', ownId: null }));
    expect(telephone.state.phase).toBe('elsewhere');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(open_sockets()).toEqual([]);
  });

  it('knows its own broadcasts of before, and waits for its answer before it believes in another', async () => {
    await talk();
    own_socket().receive('disconnect', 'transport close');
    telephone.on_snapshot(snapshot({ state: 'connected', linkId: 'theirs', ownId: 'mine too' }));
    await vi.advanceTimersByTimeAsync(5000);
    await presenting({ callId: 'c1', presentorId: 'mine too' });
    telephone.on_snapshot(snapshot({ state: 'connected', linkId: 'theirs', ownId: 'mine' }));
    connect();
    telephone.on_snapshot(snapshot({ state: 'connected', linkId: 'theirs', ownId: 'mine too' }));
    expect(telephone.state.phase).toBe('connected');
  });

  it('stops to answer when another page of the user has', async () => {
    telephone.on_ring({ from: kBob, linkId: 'theirs', callId: 'c1' });
    telephone.answer();
    await settle();
    telephone.on_snapshot(snapshot({ role: 'callee', state: 'accepted', linkId: 'theirs', ownId: 'of another page' }));
    expect(telephone.state.phase).toBe('elsewhere');
    expect(open_sockets()).toEqual([]);
    expect(said).toEqual([]);
  });
});
