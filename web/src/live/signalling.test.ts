import { beforeEach, describe, expect, it, vi } from 'vitest';

type Listener = (what?: unknown) => void;

class Emitter {
  private readonly listeners_ = new Map<string, Listener[]>();
  on(event: string, listener: Listener): void {
    this.listeners_.set(event, [...(this.listeners_.get(event) ?? []), listener]);
  }
  once(event: string, listener: Listener): void {
    this.on(event, listener);
  }
  receive(event: string, what?: unknown): void {
    for (const listener of this.listeners_.get(event) ?? []) listener(what);
  }
}

class FakeEngine extends Emitter {
  transport = { name: 'websocket' };
}

class FakeManager extends Emitter {
  readonly engine = new FakeEngine();
  constructor(readonly opts: { transports: string[]; timeout: number }) {
    super();
  }
  timeout(ms: number): void {
    this.opts.timeout = ms;
  }
}

const managers: FakeManager[] = [];
vi.mock('socket.io-client', () => ({
  io: (_: string, opts: { transports: string[]; timeout: number }) => {
    const manager = new FakeManager(opts);
    managers.push(manager);
    return { io: manager };
  },
}));

/** The options of a socket that is opened now. */
async function opened(): Promise<FakeManager> {
  const { open_socket } = await import('./signalling');
  open_socket({ token: 't' });
  return managers.at(-1) as FakeManager;
}

const kWebSocketFirst = { transports: ['websocket', 'polling'], timeout: 5000 };
const kPollingFirst = { transports: ['polling', 'websocket'], timeout: 15_000 };

beforeEach(() => {
  managers.length = 0;
  vi.resetModules();
});

describe('the way to the server', () => {
  it('is a WebSocket first, and polling after one that hangs, for this socket and for others', async () => {
    const line = await opened();
    expect(line.opts).toMatchObject(kWebSocketFirst);
    line.receive('error', new Error('timeout'));
    expect(line.opts).toMatchObject(kPollingFirst);
    expect((await opened()).opts).toMatchObject(kPollingFirst);
  });

  it('does not change for errors, after which the library tries polling by itself', async () => {
    const line = await opened();
    line.receive('error', new Error('websocket error'));
    expect((await opened()).opts).toMatchObject(kWebSocketFirst);
  });

  it('is a WebSocket again when one works after all', async () => {
    const line = await opened();
    line.receive('error', new Error('timeout'));
    line.engine.transport.name = 'polling';
    line.receive('open');
    expect((await opened()).opts).toMatchObject(kPollingFirst);
    line.engine.receive('upgrade');
    expect((await opened()).opts).toMatchObject(kWebSocketFirst);
  });
});
