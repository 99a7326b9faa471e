import { onBeforeUnmount, shallowRef, watchEffect } from 'vue';
import { useI18n } from 'vue-i18n';
import { useRoute } from 'vue-router';
import { useRingTitle } from '@/composables/ring';
import { useCalls } from '@/stores/calls';

type Words = () => string | null;

/** What the pages that are open say of themselves; the last one counts. */
const told = shallowRef<readonly Words[]>([]);

/**
 * What the tab is called while this page is open: the title of a recording, whether it is on air. `words` is asked
 * again whenever what it reads changes; null leaves the name of the route. Nobody else writes the title of the document.
 */
export function usePageTitle(words: Words): void {
  told.value = [...told.value, words];
  onBeforeUnmount(() => {
    told.value = told.value.filter((other) => other !== words);
  });
}

/** Keeps the title of the document; to be used once, by the app. A call comes before the page that it lies over. */
export function useDocumentTitle(): void {
  const { t } = useI18n();
  const route = useRoute();
  const calls = useCalls();
  const ring = useRingTitle();
  watchEffect(() => {
    const own = told.value.at(-1)?.() ?? null;
    const of_route = route.meta.title === undefined ? null : t(`title.${route.meta.title}`);
    const { user } = calls.state;
    const of_call = calls.shown && calls.phase !== 'ended' && user !== null ? t('call.with', { nickname: user.nickname }) : null;
    const title = of_call ?? own ?? of_route;
    document.title = ring.value ?? (title === null ? 'Loopcast' : `${title} · Loopcast`);
  });
}
