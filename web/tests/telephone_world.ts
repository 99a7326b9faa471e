import { afterEach, beforeEach, vi } from 'vitest';
import type { Memory, Remembered } from '@/calls/memory';
import type { CallState } from '@/calls/state';
import { Telephone } from '@/calls/telephone';
import { choice, FakeWorld, settle, type FakeSocket } from './fakes';

export const kBob = { id: 'u2', nickname: 'bob', avatar: '/avatars/u2.svg' };
export const kQuiet = { mine: false, theirs: false, on: false };

export let world: FakeWorld;
export let said: [string, object][];
export let stored: Remembered | null;
export let states: CallState[];
export let telephone: Telephone;

export function make(): Telephone {
  const memory: Memory = {
    read: () => stored,
    write: (call) => {
      stored = call;
    },
  };
  return new Telephone(
    {
      ...world.environment,
      say: (event, payload) => said.push([event, payload]),
      token: () => 'token',
      choice,
      memory,
    },
    (state) => states.push(state),
  );
}

export const phases = (): string[] => states.map(({ phase }) => phase).filter((phase, i, all) => phase !== all[i - 1]);

/** The open sockets of the own broadcast and of the other's. */
export const open_sockets = (): FakeSocket[] => world.sockets.filter((socket) => !socket.disconnected_by_us);
export const own_socket = (): FakeSocket => {
  const found = open_sockets().find(({ options }) => options.presentorId === undefined);
  if (found === undefined) throw new Error('nothing is presented');
  return found;
};
export const watched = (): (string | undefined)[] =>
  open_sockets().flatMap(({ options }) => (options.presentorId === undefined ? [] : [options.presentorId]));

export function connect(): void {
  for (const peer of world.peers) if (!peer.closed) peer.become('connected');
}

export async function presenting(answer: object): Promise<void> {
  await settle();
  own_socket().request('createPresentor').ack({ ok: true, presentorId: 'mine', ...answer });
  own_socket().receive('startResponse', { sdpAnswer: 'the answer' });
  await settle();
}

export function snapshot(changes: object = {}): object {
  return {
    callId: 'c1',
    user: kBob,
    role: 'caller',
    state: 'ringing',
    linkId: null,
    since: new Date(world.clock).toISOString(),
    recording: kQuiet,
    ...changes,
  };
}

export async function dial(): Promise<void> {
  telephone.call(kBob);
  await presenting({ callId: 'c1' });
  telephone.on_snapshot(snapshot());
}

export async function talk(): Promise<void> {
  await dial();
  telephone.on_accepted({ to: kBob, linkId: 'theirs', callId: 'c1' });
  await settle();
  connect();
  telephone.on_snapshot(snapshot({ state: 'connected', linkId: 'theirs' }));
}

/** A page that has just been loaded, in a tab that remembers nothing. */
function begin(): void {
  said = [];
  stored = null;
  states = [];
  reload();
}

export function each_test_in_a_world_of_its_own(): void {
  beforeEach(() => {
    vi.useFakeTimers();
    begin();
  });
  afterEach(() => {
    vi.useRealTimers();
  });
}

/** The same tab again, with another page. */
export function reload(): void {
  world = new FakeWorld();
  telephone = make();
}

export function remember(call: Remembered): void {
  stored = call;
}
