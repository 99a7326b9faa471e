import { createPinia } from 'pinia';
import { createApp } from 'vue';
import App from './App.vue';
import { i18n } from './i18n';
import { warm_up_webrtc } from './live/warm_up';
import { create_router, preload_pages } from './router';
import { useConnection } from './stores/connection';
import { usePreferences } from './stores/preferences';
import { useRecordingNews } from './stores/recording_news';
import { useSession } from './stores/session';
import './styles/main.css';

const app = createApp(App);
app.use(createPinia());
usePreferences();
const session = useSession();
useRecordingNews().follow();
useConnection().follow();
app.use(i18n);
app.use(create_router());
app.mount('#app');

void session.refresh();
// After the first page is on the screen; Safari has no requestIdleCallback.
setTimeout(preload_pages, 300);
setTimeout(() => void warm_up_webrtc(), 600);
