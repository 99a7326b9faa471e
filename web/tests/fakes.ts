import { vi } from 'vitest';
import type { DeviceChoice, MediaSource } from '@/live/devices';
import type { SignallingSocket, SocketOptions } from '@/live/signalling';

type Listener = (...args: any[]) => void;

/** A socket whose server is the test. */
export class FakeSocket implements SignallingSocket {
  connected = true;
  active = true;
  disconnected_by_us = false;
  readonly sent: { event: string; args: any[] }[] = [];
  private readonly listeners_ = new Map<string, Listener[]>();

  constructor(readonly options: SocketOptions) {}

  on(event: string, listener: Listener): void {
    this.listeners_.set(event, [...(this.listeners_.get(event) ?? []), listener]);
  }

  emit(event: string, ...args: unknown[]): void {
    this.sent.push({ event, args });
  }

  connect(): void {
    this.sent.push({ event: '(connect)', args: [] });
  }

  disconnect(): void {
    this.connected = false;
    this.disconnected_by_us = true;
  }

  /** What the server, or the transport, tells the app. */
  receive(event: string, ...args: unknown[]): void {
    for (const listener of this.listeners_.get(event) ?? []) listener(...args);
  }

  events(): string[] {
    return this.sent.map(({ event }) => event);
  }

  request(event: string): { payload: any; ack: Listener } {
    const found = this.sent.find((packet) => packet.event === event);
    if (found === undefined) throw new Error(`${event} was not sent, only ${this.events().join(', ')}`);
    return { payload: found.args[0], ack: found.args.at(-1) };
  }
}

export class FakeSender {
  track: FakeTrack | null = null;
  async replaceTrack(track: FakeTrack | null): Promise<void> {
    this.track = track;
  }
}

export class FakePeer {
  connectionState: RTCPeerConnectionState = 'new';
  remoteDescription: RTCSessionDescriptionInit | null = null;
  onicecandidate: ((event: any) => void) | null = null;
  ontrack: ((event: any) => void) | null = null;
  onconnectionstatechange: (() => void) | null = null;
  readonly transceivers: { kind: string; init: RTCRtpTransceiverInit; sender: FakeSender }[] = [];
  readonly candidates: RTCIceCandidateInit[] = [];
  closed = false;
  refuse_answer = false;

  addTransceiver(kind: string, init: RTCRtpTransceiverInit): { sender: FakeSender } {
    const transceiver = { kind, init, sender: new FakeSender() };
    this.transceivers.push(transceiver);
    return transceiver;
  }

  async createOffer(): Promise<RTCSessionDescriptionInit> {
    return { type: 'offer', sdp: 'the offer' };
  }

  async setLocalDescription(): Promise<void> {}

  async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    if (this.refuse_answer) throw new Error('bad answer');
    this.remoteDescription = description;
  }

  async addIceCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    this.candidates.push(candidate);
  }

  close(): void {
    this.closed = true;
  }

  become(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

export class FakeTrack {
  enabled = true;
  stopped = false;
  contentHint = '';
  onended: (() => void) | null = null;
  constructor(readonly name: string) {}
  stop(): void {
    this.stopped = true;
  }
}

export function named(name: string): Error {
  const error = new Error(name);
  error.name = name;
  return error;
}

export function choice(): DeviceChoice {
  return { camera: '', microphone: '', resolution: '720p' };
}

/** Everything that a machine needs from outside, and what it did with it. */
export class FakeWorld {
  readonly sockets: FakeSocket[] = [];
  readonly peers: FakePeer[] = [];
  clock = 1_000_000;
  readonly media = {
    allowed: vi.fn(async () => false),
    open: vi.fn(async () => ({ audio: new FakeTrack('microphone'), video: new FakeTrack('camera') })),
    open_microphone: vi.fn(async () => new FakeTrack('other microphone')),
    open_camera: vi.fn(async () => new FakeTrack('other camera')),
    open_screen: vi.fn(async () => new FakeTrack('screen')),
  };

  readonly environment = {
    open_socket: (options: SocketOptions): SignallingSocket => {
      const socket = new FakeSocket(options);
      this.sockets.push(socket);
      return socket;
    },
    create_peer: (): RTCPeerConnection => {
      const peer = new FakePeer();
      this.peers.push(peer);
      return peer as unknown as RTCPeerConnection;
    },
    create_stream: (): MediaStream => ({ id: 'stream' }) as MediaStream,
    media: this.media as unknown as MediaSource,
    now: (): number => this.clock,
    random: (): number => 0.5,
  };

  get socket(): FakeSocket {
    return last(this.sockets);
  }

  get peer(): FakePeer {
    return last(this.peers);
  }
}

function last<Item>(items: Item[]): Item {
  const item = items.at(-1);
  if (item === undefined) throw new Error('there is none yet');
  return item;
}

/** Lets promises settle without letting time pass. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; ++i) await Promise.resolve();
}
