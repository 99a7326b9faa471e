import { useI18n } from 'vue-i18n';
import type { Recording } from '@/api/recordings';
import { when_text } from '@/recordings/format';
import { useSession } from '@/stores/session';
import { ago_text } from './time';

// What is older is easier told by its date.
const kAgoDays = 7;

/** How recordings are called on every page. */
/**
 * What is left of a search without the words that only the page puts around names ("Broadcast by"): the server knows the
 * names. Null if there are none of them in it.
 */
export function without_frames(search: string, frames: readonly string[]): string | null {
  const framing = new Set(frames.flatMap((frame) => frame.toLowerCase().split(/\s+/)).filter((word) => word !== ''));
  const words = search.split(/\s+/);
  const left = words.map((word) => {
    const small = word.toLowerCase();
    if (framing.has(small)) return '';
    // Chinese has no spaces between words.
    const end = [...framing].find((part) => /[^\x00-\x7f]/.test(part) && small.endsWith(part));
    return end === undefined ? word : word.slice(0, word.length - end.length);
  });
  const rest = left.filter((word) => word !== '').join(' ');
  return rest === words.join(' ') ? null : rest;
}

export function useRecordingWords(): {
  title(recording: Recording): string;
  /** The title that somebody gave it; empty if nobody did, and `title` names it. */
  own_title(recording: Recording): string;
  /** For one of several recordings of the same call, which have their title together. */
  half(recording: Recording): string;
  /** See without_frames(), for the titles of `title`. */
  names_in(search: string): string | null;
  when(recording: Recording): string;
  ago(recording: Recording, now: number): string;
} {
  const { t, locale } = useI18n();
  const session = useSession();

  function own_title({ title, user, call }: Recording): string {
    // The server knows a recording that nobody named by those who are in it.
    return ['', user.nickname, call?.with?.nickname].includes(title.trim()) ? '' : title;
  }

  function name_of({ user, call }: Recording): string {
    if (call == null) return t('replay.untitled', { nickname: user.nickname });
    if (call.with === null) return t('replay.call_gone', { nickname: user.nickname });
    const me = session.user?.nickname;
    if (user.nickname === me) return t('replay.call_with', { nickname: call.with.nickname });
    if (call.with.nickname === me) return t('replay.call_with', { nickname: user.nickname });
    return t('replay.call_of', { nickname: user.nickname, other: call.with.nickname });
  }

  return {
    own_title,
    title: (recording) => own_title(recording) || name_of(recording),
    half: (recording) => own_title(recording) || t('replay.half', { nickname: recording.user.nickname }),
    names_in: (search) =>
      without_frames(search, [
        t('replay.untitled', { nickname: ' ' }),
        t('replay.call_with', { nickname: ' ' }),
        t('replay.call_of', { nickname: ' ', other: ' ' }),
      ]),
    when: ({ started_at }) => when_text(started_at, locale.value),
    ago: ({ started_at }, now) => {
      const age = now - Date.parse(started_at);
      if (!(age < kAgoDays * 86_400_000))
        return new Intl.DateTimeFormat(locale.value, { dateStyle: 'medium' }).format(Date.parse(started_at) || 0);
      return ago_text(age, locale.value) ?? t('time.now');
    },
  };
}
