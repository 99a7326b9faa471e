import type { PresenterState } from '@/live/presenter';
import type { LiveError } from '@/live/types';
import type { ViewerState } from '@/live/viewer';
import type { DeviceUse } from './media';
import type { CallRole, CallUser, EndReason, Recording, Shown } from './wire';

/**
 * What a person sees: where the page's telephone stands (telephone.ts), and how far the media are. `preparing`: the
 * browser opens the devices; `blocked`: it could not, and the user decides how to go on.
 */
export type CallPhase =
  | 'idle'
  | 'incoming'
  | 'preparing'
  | 'blocked'
  | 'calling'
  | 'ringing'
  | 'connecting'
  | 'connected'
  | 'reconnecting'
  | 'ended'
  | 'elsewhere';

export interface CallState {
  phase: CallPhase;
  user: CallUser | null;
  role: CallRole;
  /** Both sides had agreed to talk, maybe long ago. */
  accepted: boolean;
  reason: EndReason | null;
  /** This page's user ended it. */
  ended_here: boolean;
  /** Why it is `blocked`, or ended with the reason `error`. */
  error: LiveError | null;
  use: DeviceUse;
  /** When both sides first saw each other, and when that ended; milliseconds since 1970. */
  connected_at: number | null;
  ended_at: number | null;
  recording: Recording;
  /** A recording of this call; null if none was begun. */
  recording_id: string | null;
  /** What the other side has on. */
  shown: Shown;
  own: PresenterState | null;
  theirs: ViewerState | null;
}
