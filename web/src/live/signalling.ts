import { io } from 'socket.io-client';

/** The part of a Socket.IO client socket that the live code uses; tests bring their own. */
export interface SignallingSocket {
  readonly connected: boolean;
  /** False once the server has refused the connection, as opposed to a transport that failed. */
  readonly active: boolean;
  on(event: string, listener: (...args: any[]) => void): unknown;
  emit(event: string, ...args: unknown[]): unknown;
  connect(): unknown;
  disconnect(): unknown;
}

export interface SocketOptions {
  token: string;
  /** The broadcast that this socket wants to watch. */
  presentorId?: string;
  /** Reconnect by itself. A broadcast's socket does not: its media have to be set up again too. */
  reconnection?: boolean;
}

export type SocketFactory = (options: SocketOptions) => SignallingSocket;

export const kSocketPath = '/socket.io/webrtc';

/** How long a WebSocket may take to be open, and another way afterwards. */
export const kWebSocketMs = 5000;
export const kPollingMs = 15_000;

/**
 * Something on the way takes WebSockets and passes nothing, which looks like patience: an error would make the
 * library go on with polling, silence does not. Known until one of them works after all.
 */
let websockets_hang = false;

const ways = (): string[] => (websockets_hang ? ['polling', 'websocket'] : ['websocket', 'polling']);
const patience_ms = (): number => (websockets_hang ? kPollingMs : kWebSocketMs);

export const open_socket: SocketFactory = ({ token, presentorId, reconnection = false }) => {
  const socket = io(window.location.origin, {
    path: kSocketPath,
    auth: { token },
    query: presentorId === undefined ? {} : { presentorId },
    forceNew: true,
    // WebSocket first saves the round trips of polling; polling stays for networks that block it.
    transports: ways(),
    tryAllTransports: true,
    reconnection,
    reconnectionDelay: 500,
    reconnectionDelayMax: 8000,
    timeout: patience_ms(),
  });
  const manager = socket.io;
  manager.on('error', (cause) => {
    // Also where the server itself is silent: then polling is no worse, and turns into a WebSocket later.
    if (cause.message === 'timeout') websockets_hang = true;
    manager.opts.transports = ways();
    manager.timeout(patience_ms());
  });
  manager.on('open', () => {
    const works = (): void => {
      websockets_hang = false;
    };
    if (manager.engine.transport.name === 'websocket') works();
    else manager.engine.once('upgrade', works);
  });
  return socket;
};
