import { defineStore } from 'pinia';
import { ref, watchEffect } from 'vue';
import { choose_language, i18n, kHtmlLanguage, kLanguages, type Language } from '@/i18n';
import { read_stored, store } from './storage';

export type Theme = 'auto' | 'light' | 'dark';
/** --bg of styles/tokens.css. */
const kLight = '#eef3f0';
const kDark = '#0a1110';
const kThemes: readonly Theme[] = ['auto', 'light', 'dark'];

function stored_one_of<Value extends string>(key: string, allowed: readonly Value[]): Value | null {
  const stored = read_stored(key);
  return allowed.find((value) => value === stored) ?? null;
}

/** Language and theme: from the system, until the user chooses. */
export const usePreferences = defineStore('preferences', () => {
  const language = ref<Language>(
    stored_one_of('loopcast.language', kLanguages) ?? choose_language(navigator.languages),
  );
  const theme = ref<Theme>(stored_one_of('loopcast.theme', kThemes) ?? 'auto');

  const system_dark = window.matchMedia('(prefers-color-scheme: dark)');
  const system_is_dark = ref(system_dark.matches);
  system_dark.addEventListener('change', (event) => {
    system_is_dark.value = event.matches;
  });

  watchEffect(() => {
    i18n.global.locale.value = language.value;
    document.documentElement.lang = kHtmlLanguage[language.value];
  });
  watchEffect(() => {
    const dark = theme.value === 'dark' || (theme.value === 'auto' && system_is_dark.value);
    document.documentElement.classList.toggle('dark', dark);
    // The bars of the browser around the page.
    document.querySelector('meta[name="theme-color"]')?.setAttribute('content', dark ? kDark : kLight);
  });

  function toggle_language(): void {
    language.value = language.value === 'zh' ? 'en' : 'zh';
    store('loopcast.language', language.value);
  }

  function next_theme(): void {
    theme.value = kThemes[(kThemes.indexOf(theme.value) + 1) % kThemes.length] ?? 'auto';
    store('loopcast.theme', theme.value === 'auto' ? null : theme.value);
  }

  return { language, theme, toggle_language, next_theme };
});
