import type { Recording } from '@/api/recordings';

export interface Group {
  key: string;
  /** One recording, or several sides and parts of one call, in the order of the list. */
  recordings: Recording[];
}

/** Puts the recordings of the same call beside each other, where the first of them stands. */
export function by_call(recordings: readonly Recording[]): Group[] {
  const groups = new Map<string, Group>();
  for (const recording of recordings) {
    const key = recording.call == null ? recording.id : `call ${recording.call.id}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { key, recordings: [recording] });
    else group.recordings.push(recording);
  }
  return [...groups.values()];
}
