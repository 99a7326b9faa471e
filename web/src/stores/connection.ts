import { defineStore } from 'pinia';
import { ref, shallowRef, watch } from 'vue';
import { set_server_time } from '@/api/server_clock';
import { open_socket, type SignallingSocket, type SocketFactory } from '@/live/signalling';
import { live_error, type LiveError } from '@/live/types';
import { useSession } from './session';

export type ConnectionPhase = 'off' | 'connecting' | 'online' | 'reconnecting';

// A server that closes the socket itself is restarting, or cannot take this one now: socket.io does not
// come back by itself then.
const kComeBackMs = 2000;
const kMaxComeBackMs = 60_000;

type Listener = (payload: any) => void;

/** The one socket of a signed-in page, which tells the server that its user can be reached here. */
export const useConnection = defineStore('connection', () => {
  const phase = ref<ConnectionPhase>('off');
  const session = useSession();
  /** How often this page has been taken into the list of those who can be reached. */
  const openings = ref(0);
  /** Why the server does not let this page in, while it is tried again; null if it does, or did not say. */
  const trouble = shallowRef<LiveError | null>(null);
  let socket: SignallingSocket | null = null;
  const listeners: [event: string, listener: Listener][] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  function open(token: string, factory: SocketFactory): void {
    phase.value = 'connecting';
    const opened = factory({ token, reconnection: true });
    socket = opened;
    let refusals = 0;
    /** Why the server will not have this connection, or not as a line. */
    let refusal: LiveError | null = null;
    let admitted = false;
    const on = (event: string, listener: (...args: any[]) => void): void => {
      opened.on(event, (...args) => {
        if (socket === opened) listener(...args);
      });
    };
    // Only that a session is not known ends it here: a server that is full, or that cannot look at its
    // data, says nothing about it.
    const on_refusal = (what: any): void => {
      const code = typeof what?.code === 'string' ? what.code : 'unauthorized';
      if (code === 'unauthorized') session.expire(token);
      else refusal = live_error(code, typeof what?.message === 'string' ? what.message : '');
    };
    const later = (action: () => void): void => {
      trouble.value = refusal;
      clearTimeout(timer);
      timer = setTimeout(
        () => {
          if (socket === opened) action();
        },
        Math.min(kComeBackMs * 2 ** refusals, kMaxComeBackMs),
      );
      if (refusal !== null) refusals += 1;
    };
    const go_online = (): void => {
      const asked_at = performance.now();
      opened.emit('online', (answer: any) => {
        if (socket !== opened) return;
        if (typeof answer?.time === 'number') set_server_time(answer.time, asked_at, performance.now());
        if (answer?.error !== undefined) {
          on_refusal(answer.error);
          later(go_online);
          return;
        }
        admitted = true;
        refusals = 0;
        trouble.value = null;
        phase.value = 'online';
        openings.value += 1;
      });
    };
    for (const [event, listener] of listeners) on(event, listener);
    on('connect', () => {
      refusal = null;
      admitted = false;
      go_online();
    });
    on('autherror', on_refusal);
    // Later ones are about a single request.
    on('error', (what) => {
      if (!admitted && typeof what?.code === 'string') on_refusal(what);
    });
    on('disconnect', (reason) => {
      phase.value = 'reconnecting';
      if (reason === 'io server disconnect') later(() => opened.connect());
    });
    on('connect_error', (cause) => {
      phase.value = 'reconnecting';
      if (opened.active) return;
      on_refusal({ code: cause?.data?.code, message: cause?.message });
      if (socket === opened) later(() => opened.connect());
    });
  }

  function close(): void {
    clearTimeout(timer);
    const closing = socket;
    socket = null;
    if (closing?.connected) closing.emit('offline');
    closing?.disconnect();
    phase.value = 'off';
    trouble.value = null;
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

  return { phase, openings, trouble, listen, say, follow };
});
