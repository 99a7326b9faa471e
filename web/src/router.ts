import { createRouter, createWebHistory, type RouteLocationNormalized, type Router } from 'vue-router';
import { MissingPart, missing, part } from '@/missing_part';
import HomePage from '@/pages/HomePage.vue';
import { useSession } from '@/stores/session';

declare module 'vue-router' {
  interface RouteMeta {
    /** Key below `title` in the message catalogues. */
    title: string;
    needs_session?: boolean;
  }
}

const AuthPage = part(() => import('@/pages/AuthPage.vue'));
const LivePage = part(() => import('@/pages/LivePage.vue'));
const WatchPage = part(() => import('@/pages/WatchPage.vue'));
const CallsPage = part(() => import('@/pages/CallsPage.vue'));
const AccountPage = part(() => import('@/pages/AccountPage.vue'));
const RecordingsPage = part(() => import('@/pages/RecordingsPage.vue'));
const RecordingPage = part(() => import('@/pages/RecordingPage.vue'));
const MyRecordingsPage = part(() => import('@/pages/MyRecordingsPage.vue'));
const NotFoundPage = part(() => import('@/pages/NotFoundPage.vue'));

/** Fetches the pages of the next likely click, so that the click itself waits for nothing. */
export function preload_pages(): void {
  void Promise.all([LivePage(), WatchPage(), AuthPage(), RecordingsPage(), RecordingPage(), CallsPage()]).catch(() => {});
}

/** Where to go after signing in: only ever a place in this app. */
export function safe_next(next: unknown): string {
  return typeof next === 'string' && /^\/(?![/\\])/.test(next) ? next : '/';
}

export function sign_in_from(route: RouteLocationNormalized): { path: string; query: Record<string, string> } {
  return { path: '/login', query: route.fullPath === '/' ? {} : { next: route.fullPath } };
}

/** `missing_part` is told the address that could not be opened because a part of the app is not there. */
export function create_router(missing_part: (path: string) => void): Router {
  const router = createRouter({
    history: createWebHistory(),
    scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
    routes: [
      { path: '/', name: 'home', component: HomePage, meta: { title: 'home' } },
      { path: '/login', name: 'login', component: AuthPage, meta: { title: 'login' } },
      { path: '/register', name: 'register', component: AuthPage, meta: { title: 'register' } },
      { path: '/live', name: 'live', component: LivePage, meta: { title: 'live', needs_session: true } },
      {
        path: '/watch/:id',
        name: 'watch',
        component: WatchPage,
        props: true,
        meta: { title: 'watch', needs_session: true },
      },
      { path: '/calls', name: 'calls', component: CallsPage, meta: { title: 'calls', needs_session: true } },
      { path: '/account', name: 'account', component: AccountPage, meta: { title: 'account', needs_session: true } },
      {
        path: '/recordings',
        name: 'recordings',
        component: RecordingsPage,
        meta: { title: 'recordings', needs_session: true },
      },
      {
        path: '/recordings/mine',
        name: 'my_recordings',
        component: MyRecordingsPage,
        meta: { title: 'my_recordings', needs_session: true },
      },
      {
        path: '/recordings/:id',
        name: 'recording',
        component: RecordingPage,
        props: true,
        meta: { title: 'recording', needs_session: true },
      },
      { path: '/:rest(.*)*', name: 'not_found', component: NotFoundPage, meta: { title: 'not_found' } },
    ],
  });

  router.beforeEach((to) => {
    const session = useSession();
    if (to.meta.needs_session === true && !session.signed_in) return sign_in_from(to);
    if ((to.name === 'login' || to.name === 'register') && session.signed_in) return safe_next(to.query.next);
    return true;
  });
  router.onError((cause, to) => {
    if (cause instanceof MissingPart) missing_part(to.fullPath);
  });
  router.afterEach((_to, _from, failure) => {
    if (failure === undefined) missing.value = null;
  });
  return router;
}
