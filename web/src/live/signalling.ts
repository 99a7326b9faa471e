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

export const open_socket: SocketFactory = ({ token, presentorId, reconnection = false }) =>
  io(window.location.origin, {
    path: kSocketPath,
    auth: { token },
    query: presentorId === undefined ? {} : { presentorId },
    forceNew: true,
    // WebSocket first saves the round trips of polling; polling stays for networks that block it.
    transports: ['websocket', 'polling'],
    tryAllTransports: true,
    reconnection,
    reconnectionDelay: 500,
    reconnectionDelayMax: 8000,
    timeout: 10_000,
  });
