import type { PresenceState } from '@/api/types';

/** Whom one talks to. `id` is empty if the server left it out. */
export interface CallUser {
  id: string;
  nickname: string;
  avatar: string;
}

export type CallRole = 'caller' | 'callee';

export const kEndReasons = [
  'declined',
  'cancelled',
  'no_answer',
  'busy',
  'offline',
  'answered_elsewhere',
  'hung_up',
  'lost',
  'error',
  'server_stopping',
] as const;
export type EndReason = (typeof kEndReasons)[number];

/** Who agreed to a recording, and whether it runs. */
export interface Recording {
  mine: boolean;
  theirs: boolean;
  on: boolean;
}

/** What of a person's devices the other gets to see and hear. */
export interface Shown {
  microphone: boolean;
  camera: boolean;
  screen: boolean;
}

/** `call`: somebody rings. */
export interface Ring {
  call_id: string;
  user: CallUser;
  link_id: string;
}

/** `callstate`: what the server knows of this user's call. */
export interface CallSnapshot {
  call_id: string;
  user: CallUser;
  role: CallRole;
  state: 'calling' | 'ringing' | 'accepted' | 'connected';
  /** The other side's broadcast; null while there is none. */
  link_id: string | null;
  /** This user's own broadcast, on whichever page; null while there is none. */
  own_id: string | null;
  /** Milliseconds since 1970 on the server's clock, null if it did not say. */
  since: number | null;
  recording: Recording;
  /** Of the other side; a client that says nothing of it shows everything. */
  shown: Shown;
}

export interface Presence {
  user: CallUser;
  state: PresenceState;
}

const kStates = ['calling', 'ringing', 'accepted', 'connected'] as const;
const kPresence: readonly PresenceState[] = ['offline', 'online', 'live', 'busy'];

type Fields = Record<string, unknown>;

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function one_of<Value extends string>(value: unknown, allowed: readonly Value[]): Value | null {
  return allowed.find((candidate) => candidate === value) ?? null;
}

/** The first generation names a person by the nickname alone. */
export function read_user(value: unknown): CallUser | null {
  const { id, nickname, avatar } = typeof value === 'string' ? { nickname: value } as Fields : fields(value);
  if (text(nickname) === '') return null;
  return { id: text(id), nickname: text(nickname), avatar: text(avatar) };
}

function read_time(value: unknown): number | null {
  const time = typeof value === 'string' ? Date.parse(value) : value;
  return typeof time === 'number' && Number.isFinite(time) && time > 0 ? time : null;
}

export function read_ring(value: unknown): Ring | null {
  const { from, linkId, callId } = fields(value);
  const user = read_user(from);
  if (user === null || text(callId) === '') return null;
  return { call_id: text(callId), user, link_id: text(linkId) };
}

export function read_snapshot(value: unknown): CallSnapshot | null {
  const all = fields(value);
  const user = read_user(all.user);
  const role = one_of(all.role, ['caller', 'callee'] as const);
  const state = one_of(all.state, kStates);
  if (user === null || role === null || state === null || text(all.callId) === '') return null;
  const { mine, theirs, on } = fields(all.recording);
  const { microphone, camera, screen } = fields(all.shown);
  return {
    call_id: text(all.callId),
    user,
    role,
    state,
    link_id: text(all.linkId) === '' ? null : text(all.linkId),
    own_id: text(all.ownId) === '' ? null : text(all.ownId),
    since: read_time(all.since),
    recording: { mine: mine === true, theirs: theirs === true, on: on === true },
    shown: { microphone: microphone !== false, camera: camera !== false, screen: screen === true },
  };
}

/** `callaccepted` and `callended` alike: which call, and what else they say. */
export function read_call_id(value: unknown): string {
  return text(fields(value).callId);
}

export function read_link_id(value: unknown): string {
  return text(fields(value).linkId);
}

export function read_reason(value: unknown): EndReason {
  return one_of(fields(value).reason, kEndReasons) ?? 'error';
}

/** Of `callended`: whether the other side ended it, null if neither did. */
export function read_ended_by(value: unknown): 'you' | 'other' | null {
  return one_of(fields(value).by, ['you', 'other'] as const);
}

export function read_error(value: unknown): { code: string; message: string } {
  const { code, message } = fields(value);
  return { code: text(code) === '' ? 'unknown' : text(code), message: text(message) };
}

export function read_presence(value: unknown): Presence | null {
  const { user, state } = fields(value);
  const who = read_user(user);
  const how = one_of(state, kPresence);
  return who === null || who.id === '' || how === null ? null : { user: who, state: how };
}

export function read_count(value: unknown): number {
  const { count } = fields(value);
  return typeof count === 'number' && count > 0 ? Math.trunc(count) : 0;
}
