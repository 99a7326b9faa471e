export interface User {
  id: string;
  nickname: string;
  /** Path or address of a picture. */
  avatar: string;
}

export interface Login {
  token: string;
  /** ISO 8601, UTC. */
  expires_at: string;
  user: User;
}

/** One device or program where the user is signed in. */
export interface Session {
  id: string;
  user_agent: string;
  /** ISO 8601, UTC. */
  created_at: string;
  last_used_at: string;
  /** The one that asks. */
  current: boolean;
}

/** `live` is on air for an audience, `busy` in a call. */
export type PresenceState = 'offline' | 'online' | 'live' | 'busy';

export interface PersonPresence extends User {
  state: PresenceState;
}

export interface PeoplePage {
  people: PersonPresence[];
  /** Behind which the next page begins; null if there is none. */
  next: string | null;
}

export interface CallRecord {
  id: string;
  user: User;
  direction: 'made' | 'received';
  outcome: 'answered' | 'missed' | 'declined' | 'cancelled' | 'no_answer' | 'busy' | 'offline' | 'lost';
  /** ISO 8601, UTC. */
  started_at: string;
  /** Seconds; 0 if it was not answered. */
  duration: number;
  seen: boolean;
}

export interface CallPage {
  calls: CallRecord[];
  page: number;
  size: number;
  total: number;
}

export interface Broadcast {
  id: string;
  user: User;
  /** ISO 8601, UTC. */
  started_at: string;
  viewers: number;
}

export interface BroadcastPage {
  broadcasts: Broadcast[];
  page: number;
  size: number;
  total: number;
}
