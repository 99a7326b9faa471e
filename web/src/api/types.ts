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
