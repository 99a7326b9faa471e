import { onBeforeUnmount, ref, shallowRef, type ShallowRef } from 'vue';
import { server_now } from '@/api/server_clock';
import { browser_media } from '@/live/devices';
import { Presenter, type PresenterState, type PresenterTerms } from '@/live/presenter';
import { open_socket } from '@/live/signalling';
import { Viewer, type ViewerState } from '@/live/viewer';

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
};

/** The machine must not outlive the page that shows it. */
function tie_to_page(machine: { hurry(): void; stop(): void }): void {
  const hurry = (): void => machine.hurry();
  const stop = (): void => machine.stop();
  window.addEventListener('online', hurry);
  window.addEventListener('pagehide', stop);
  onBeforeUnmount(() => {
    window.removeEventListener('online', hurry);
    window.removeEventListener('pagehide', stop);
    machine.stop();
  });
}

export function usePresenter(
  token: string,
  terms: PresenterTerms | null = null,
): { presenter: Presenter; state: ShallowRef<PresenterState> } {
  let changed: (state: PresenterState) => void = () => {};
  const presenter = new Presenter(environment, token, (next) => changed(next), terms);
  const state = shallowRef(presenter.state);
  changed = (next) => {
    state.value = next;
    on_air.value = presenter.on_air;
  };
  tie_to_page(presenter);
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
  tie_to_page({ hurry: () => viewer.value.hurry(), stop: () => viewer.value.stop() });

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
