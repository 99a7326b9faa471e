import { useI18n } from 'vue-i18n';
import type { Recording } from '@/api/recordings';
import { when_text } from '@/recordings/format';
import { useSession } from '@/stores/session';
import { ago_text } from './time';

// What is older is easier told by its date.
const kAgoDays = 7;

/** How recordings are called on every page. */
export function useRecordingWords(): {
  title(recording: Recording): string;
  /** The title that somebody gave it; empty if nobody did, and `title` names it. */
  own_title(recording: Recording): string;
  /** For one of several recordings of the same call, which have their title together. */
  half(recording: Recording): string;
  when(recording: Recording): string;
  ago(recording: Recording, now: number): string;
} {
  const { t, locale } = useI18n();
  const session = useSession();

  function own_title({ title, user, call }: Recording): string {
    // The server knows a recording that nobody named by those who are in it.
    return ['', user.nickname, call?.with.nickname].includes(title.trim()) ? '' : title;
  }

  function name_of({ user, call }: Recording): string {
    if (call == null) return t('replay.untitled', { nickname: user.nickname });
    const me = session.user?.nickname;
    if (user.nickname === me) return t('replay.call_with', { nickname: call.with.nickname });
    if (call.with.nickname === me) return t('replay.call_with', { nickname: user.nickname });
    return t('replay.call_of', { nickname: user.nickname, other: call.with.nickname });
  }

  return {
    own_title,
    title: (recording) => own_title(recording) || name_of(recording),
    half: (recording) => own_title(recording) || t('replay.half', { nickname: recording.user.nickname }),
    when: ({ started_at }) => when_text(started_at, locale.value),
    ago: ({ started_at }, now) => {
      const age = now - Date.parse(started_at);
      if (!(age < kAgoDays * 86_400_000))
        return new Intl.DateTimeFormat(locale.value, { dateStyle: 'medium' }).format(Date.parse(started_at) || 0);
      return ago_text(age, locale.value) ?? t('time.now');
    },
  };
}
