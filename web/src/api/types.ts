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
