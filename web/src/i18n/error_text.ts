import { useI18n } from 'vue-i18n';

/** Puts an error into words: by its code, else as the server said it. */
export function useErrorText(): (error: { code: string; message: string }) => string {
  const { t, te } = useI18n();
  return ({ code, message }) => {
    const key = `errors.${code}`;
    // The catalogues hold the same keys, and English is the one that te() must not miss.
    if (code !== 'unknown' && te(key, 'en')) return t(key);
    return message === '' ? t('errors.unknown') : message;
  };
}
