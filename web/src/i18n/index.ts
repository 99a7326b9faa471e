import { createI18n } from 'vue-i18n';
import { en } from './en';
import { zh } from './zh';

export type Language = 'zh' | 'en';
export const kLanguages: readonly Language[] = ['zh', 'en'];

export const i18n = createI18n({
  legacy: false,
  locale: 'en' as Language,
  fallbackLocale: 'en' as Language,
  messages: { en, zh },
});

/** The first of the browser's languages that this app speaks. */
export function choose_language(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const primary = tag.toLowerCase().split('-')[0];
    if (primary === 'zh' || primary === 'en') return primary;
  }
  return 'en';
}

/** The value of `lang`: screen readers pick their voice by it. */
export const kHtmlLanguage: Record<Language, string> = { zh: 'zh-CN', en: 'en' };
