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

export function useViewer(token: string, id: string): { viewer: Viewer; state: ShallowRef<ViewerState> } {
  let changed: (state: ViewerState) => void = () => {};
  const viewer = new Viewer(environment, token, id, (next) => changed(next));
  const state = shallowRef(viewer.state);
  changed = (next) => {
    state.value = next;
  };
  tie_to_page(viewer);
  return { viewer, state };
}
