import { defineStore } from 'pinia';
import { ref, watch } from 'vue';
import { open_socket, type SignallingSocket, type SocketFactory } from '@/live/signalling';
import { useSession } from './session';

export type ConnectionPhase = 'off' | 'connecting' | 'online' | 'reconnecting';

// A server that closes the socket itself is restarting: socket.io does not come back by itself then.
const kComeBackMs = 2000;

type Listener = (payload: any) => void;

/** The one socket of a signed-in page, which tells the server that its user can be reached here. */
export const useConnection = defineStore('connection', () => {
  const phase = ref<ConnectionPhase>('off');
  const session = useSession();
  /** How often this page has been taken into the list of those who can be reached. */
  const openings = ref(0);
  let socket: SignallingSocket | null = null;
  const listeners: [event: string, listener: Listener][] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  function open(token: string, factory: SocketFactory): void {
    phase.value = 'connecting';
    const opened = factory({ token, reconnection: true });
    socket = opened;
    const on = (event: string, listener: (...args: any[]) => void): void => {
      opened.on(event, (...args) => {
        if (socket === opened) listener(...args);
      });
    };
    for (const [event, listener] of listeners) on(event, listener);
    on('connect', () => {
      phase.value = 'online';
      opened.emit('online', () => {
        openings.value += 1;
      });
    });
    on('autherror', () => session.drop(true));
    on('disconnect', (reason) => {
      phase.value = 'reconnecting';
      if (reason === 'io server disconnect') come_back(opened);
    });
    on('connect_error', (cause) => {
      if (opened.active) {
        phase.value = 'reconnecting';
        return;
      }
      if (cause?.data?.code === undefined || cause.data.code === 'unauthorized') session.drop(true);
      else come_back(opened);
    });
  }

  function come_back(of: SignallingSocket): void {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (socket === of) of.connect();
    }, kComeBackMs);
  }

  function close(): void {
    clearTimeout(timer);
    const closing = socket;
    socket = null;
    if (closing?.connected) closing.emit('offline');
    closing?.disconnect();
    phase.value = 'off';
  }

  /** Hears `event` on this socket and on every later one. To be called before the first `follow()`. */
  function listen(event: string, listener: Listener): void {
    listeners.push([event, listener]);
  }

  /** Waits for the socket if it is connecting; goes nowhere if nobody is signed in. */
  function say(event: string, payload?: object): void {
    if (payload === undefined) socket?.emit(event);
    else socket?.emit(event, payload);
  }

  /** Follows the session from now on. */
  function follow(factory: SocketFactory = open_socket): void {
    watch(
      () => session.token,
      (token) => {
        close();
        if (token !== null) open(token, factory);
      },
      { immediate: true, flush: 'sync' },
    );
  }

  return { phase, openings, listen, say, follow };
});
