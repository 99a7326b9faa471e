import { onBeforeUnmount, ref, shallowRef, watch, type ShallowRef } from 'vue';
import { server_now } from '@/api/server_clock';
import { browser_media } from '@/live/devices';
import { Presenter, type PresenterState, type PresenterTerms } from '@/live/presenter';
import { open_socket } from '@/live/signalling';
import { Viewer, type ViewerState } from '@/live/viewer';
import { useConnection } from '@/stores/connection';

/** This page broadcasts to an audience. */
export const on_air = ref(false);

export const environment = {
  open_socket,
  // No ICE servers: the server has a public address and puts all its candidates into the answer.
  create_peer: () => new RTCPeerConnection(),
  create_stream: () => new MediaStream(),
  media: browser_media,
  now: server_now,
  random: () => Math.random(),
  online: () => navigator.onLine,
};

/** Calls back whenever an attempt to connect that failed before may succeed now. Answers how to stop it. */
export function on_better_times(hurry: () => void): () => void {
  const connection = useConnection();
  const seen = (): void => {
    if (document.visibilityState === 'visible') hurry();
  };
  window.addEventListener('online', hurry);
  document.addEventListener('visibilitychange', seen);
  const unwatch = watch(
    () => connection.phase,
    (phase, before) => {
      // The first time says nothing of an attempt that has only just begun.
      if (phase === 'online' && before === 'reconnecting') hurry();
    },
  );
  return () => {
    window.removeEventListener('online', hurry);
    document.removeEventListener('visibilitychange', seen);
    unwatch();
  };
}

/** The machine must not outlive the page that shows it. `leave`: the page is left, or loaded again. */
function tie_to_page(machine: { hurry(): void; stop(): void }, leave: () => void): void {
  const stop_hurrying = on_better_times(() => machine.hurry());
  window.addEventListener('pagehide', leave);
  onBeforeUnmount(() => {
    stop_hurrying();
    window.removeEventListener('pagehide', leave);
    machine.stop();
  });
}

/** `left`: the page goes away while it is on air. */
export function usePresenter(
  token: string,
  terms: PresenterTerms,
  left: () => void = () => {},
): { presenter: Presenter; state: ShallowRef<PresenterState> } {
  let changed: (state: PresenterState) => void = () => {};
  const presenter = new Presenter(environment, token, (next) => changed(next), terms);
  const state = shallowRef(presenter.state);
  changed = (next) => {
    state.value = next;
    on_air.value = presenter.on_air;
  };
  tie_to_page(presenter, () => {
    if (presenter.on_air) left();
    presenter.leave();
  });
  const devices_changed = (): void => void presenter.devices_changed();
  navigator.mediaDevices?.addEventListener('devicechange', devices_changed);
  onBeforeUnmount(() => navigator.mediaDevices?.removeEventListener('devicechange', devices_changed));
  return { presenter, state };
}

/** `viewer` is another one after the browser has brought the page back from its cache; it has been started, then. */
export function useViewer(
  token: string,
  id: string,
): { viewer: ShallowRef<Viewer>; state: ShallowRef<ViewerState> } {
  function create(): Viewer {
    const created: Viewer = new Viewer(environment, token, id, (next) => {
      if (viewer.value === created) state.value = next;
    });
    return created;
  }
  const viewer = shallowRef(create());
  const state = shallowRef(viewer.value.state);
  const stop = (): void => viewer.value.stop();
  tie_to_page({ hurry: () => viewer.value.hurry(), stop }, stop);

  // Going back may show the very page that was left, which has stopped watching then.
  function come_back(event: PageTransitionEvent): void {
    if (!event.persisted) return;
    const left = viewer.value;
    viewer.value = create();
    left.stop();
    state.value = viewer.value.state;
    viewer.value.start();
  }
  window.addEventListener('pageshow', come_back);
  onBeforeUnmount(() => window.removeEventListener('pageshow', come_back));
  return { viewer, state };
}
