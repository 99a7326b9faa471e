import { createPinia } from 'pinia';
import { createApp } from 'vue';
import App from './App.vue';
import { on_air } from './composables/live';
import { i18n } from './i18n';
import { warm_up_webrtc } from './live/warm_up';
import { on_missing_part } from './missing_part';
import { create_router, preload_pages } from './router';
import { allow_ringing_on_touch } from './calls/ring';
import { useCalls } from './stores/calls';
import { useConnection } from './stores/connection';
import { usePreferences } from './stores/preferences';
import { useRecordingNews } from './stores/recording_news';
import { useSession } from './stores/session';
import './styles/main.css';

function open_anew(path: string, by_hand = false): void {
  const busy = (): boolean => on_air.value || useCalls().telephone.engaged;
  const load = (to: string): void => window.location.assign(to);
  void on_missing_part(path, { busy, load, now: () => Date.now() }, by_hand);
}

const app = createApp(App, { onLoad: (path: string) => open_anew(path, true) });
app.use(createPinia());
usePreferences();
const session = useSession();
useCalls().follow();
useRecordingNews().follow();
useConnection().follow();
allow_ringing_on_touch();
app.use(i18n);
app.use(create_router(open_anew));
app.mount('#app');

void session.refresh();
// After the first page is on the screen; Safari has no requestIdleCallback.
setTimeout(preload_pages, 300);
setTimeout(() => void warm_up_webrtc(), 600);
