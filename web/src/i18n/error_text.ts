import { useI18n } from 'vue-i18n';
import { wait_text } from '@/composables/time';

interface Failure {
  code: string;
  message: string;
  /** In seconds. */
  retry_after?: number | null;
}

/** Puts an error into words: by its code, else as the server said it. */
export function useErrorText(): (error: Failure) => string {
  const { t, te, locale } = useI18n();
  return ({ code, message, retry_after }) => {
    // The catalogues hold the same keys, and English is the one that te() must not miss.
    const until = `errors_until.${code}`;
    if (retry_after != null && te(until, 'en')) return t(until, { time: wait_text(retry_after, locale.value) });
    const key = `errors.${code}`;
    if (code !== 'unknown' && te(key, 'en')) return t(key);
    return message === '' ? t('errors.unknown') : message;
  };
}
