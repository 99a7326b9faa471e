import { useI18n } from 'vue-i18n';
import type { Recording } from '@/api/recordings';
import { when_text } from '@/recordings/format';
import { ago_text } from './time';

// What is older is easier told by its date.
const kAgoDays = 7;

/** How recordings are called on every page. */
export function useRecordingWords(): {
  title(recording: Recording): string;
  when(recording: Recording): string;
  ago(recording: Recording, now: number): string;
} {
  const { t, locale } = useI18n();
  return {
    // Who gave it no name is in its place.
    title: ({ title, user }) =>
      ['', user.nickname].includes(title.trim()) ? t('replay.untitled', { nickname: user.nickname }) : title,
    when: ({ started_at }) => when_text(started_at, locale.value),
    ago: ({ started_at }, now) => {
      const age = now - Date.parse(started_at);
      if (!(age < kAgoDays * 86_400_000))
        return new Intl.DateTimeFormat(locale.value, { dateStyle: 'medium' }).format(Date.parse(started_at) || 0);
      return ago_text(age, locale.value) ?? t('time.now');
    },
  };
}
