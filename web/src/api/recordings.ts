import type { User } from './types';

export type Visibility = 'public' | 'unlisted' | 'private';
export type RecordingState = 'recording' | 'processing' | 'ready' | 'damaged';

/** One picture that holds small pictures of the recording, `interval` seconds apart, row by row. */
export interface Sprite {
  url: string;
  interval: number;
  columns: number;
  rows: number;
  /** Size of one small picture in pixels. */
  width: number;
  height: number;
  /** How many there are; the last row need not be full. */
  count: number;
}

/** The call that a recording is one side of, and who was at the other side. */
export interface RecordedCall {
  id: string;
  /** Null if that account is gone. */
  with: { nickname: string; avatar: string } | null;
}

export interface Recording {
  id: string;
  /** Whose picture and sound it is. */
  user: User;
  /** Absent or null for a broadcast. */
  call?: RecordedCall | null;
  title: string;
  /** ISO 8601, UTC. */
  started_at: string;
  /** Seconds. */
  duration: number;
  /** Pixels; 0 if there is no picture. */
  width: number;
  height: number;
  /** Empty if there is none. */
  video_codec: string;
  audio_codec: string;
  bytes: number;
  /** Empty or "unknown" if nobody knows. */
  location: string;
  comments: string;
  visibility: Visibility;
  state: RecordingState;
  /** Whether the asker may change it. */
  mine: boolean;
  /** Signed addresses that expire after some hours; null while there is nothing to fetch. */
  url: string | null;
  download_url: string | null;
  thumbnail: string | null;
  sprite: Sprite | null;
}

export interface RecordingPage {
  recordings: Recording[];
  page: number;
  size: number;
  total: number;
}

export interface RecordingUsage {
  bytes: number;
  count: number;
  /** Both are the user's own; null is no limit. */
  limit_bytes: number | null;
  seconds: number;
  limit_seconds: number | null;
}

export type RecordingChange = Partial<Pick<Recording, 'title' | 'comments' | 'visibility'>>;

/** The Socket.IO event `recording`: something happened to one of the user's own recordings. */
export interface RecordingNews {
  id: string;
  /** Removed: deleted, or too short to be kept. */
  state: RecordingState | 'removed';
  /** What went wrong, while the broadcast goes on unharmed. */
  trouble?: { code: string; message: string };
}

/** Null for anything that is not such an event. */
export function recording_news(data: unknown): RecordingNews | null {
  const { id, state, trouble } = (data ?? {}) as Record<string, unknown>;
  if (typeof id !== 'string' || typeof state !== 'string') return null;
  const news: RecordingNews = { id, state: state as RecordingNews['state'] };
  const { code, message } = (trouble ?? {}) as Record<string, unknown>;
  if (typeof code === 'string') news.trouble = { code, message: typeof message === 'string' ? message : '' };
  return news;
}
