import type { DeviceChoice } from '@/live/devices';
import { Presenter, type PresenterEnvironment, type PresenterState } from '@/live/presenter';
import type { LiveError } from '@/live/types';
import { Viewer, type ViewerState } from '@/live/viewer';
import { less_than, media_for, type DeviceUse } from './media';
import type { Memory } from './memory';
import type { CallPhase, CallState } from './state';
import {
  read_call_id,
  read_ended_by,
  read_error,
  read_link_id,
  read_reason,
  read_ring,
  read_snapshot,
  read_user,
  type CallRole,
  type CallSnapshot,
  type CallUser,
  type EndReason,
  type Recording,
  type Shown,
} from './wire';

/** After a break of the line, a ring that the server does not repeat in this time is over. */
export const kRingCheckMs = 3000;
/** The server keeps who has lost the last line for 5 s, then the call is over; who is back is rung again. */
export const kLineAwayMs = 6000;
/**
 * Each state before two talk ends on the server after 30 s, and the page is told. It does not wait for
 * that word for ever: it may be lost.
 */
export const kStateLimitMs = 35_000;

/**
 * Where this page stands:
 *
 *   idle → outgoing → talking → ended → idle
 *   idle → incoming → answering → talking
 *   idle → elsewhere: the user's call runs on another page or device.
 *
 * `ended` may be followed by any call.
 */
type Stage = 'idle' | 'incoming' | 'outgoing' | 'answering' | 'talking' | 'ended' | 'elsewhere';

export interface TelephoneEnvironment extends PresenterEnvironment {
  /** Speaks on the page's call line. */
  say(event: string, payload: object): void;
  token(): string;
  /** The devices that this user prefers. */
  choice(): DeviceChoice;
  memory: Memory;
}

/** What the server calls a refusal, as an end. */
const kRefusals: Record<string, EndReason> = {
  cannot_be_reached: 'offline',
  busy: 'busy',
  no_answer: 'no_answer',
};

const kAllShown: Shown = { microphone: true, camera: true, screen: false };

/** At most one call of this page, from the first ring to the reason of its end. */
export class Telephone {
  private stage_: Stage = 'idle';
  private call_id_: string | null = null;
  private user_: CallUser | null = null;
  private role_: CallRole = 'caller';
  private rings_there_ = false;
  private accepted_ = false;
  private link_id_: string | null = null;
  private reason_: EndReason | null = null;
  private ended_here_ = false;
  private error_: LiveError | null = null;
  private use_: DeviceUse = 'camera';
  private connected_at_: number | null = null;
  private ended_at_: number | null = null;
  private recording_: Recording = { mine: false, theirs: false, on: false };
  private recording_id_: string | null = null;
  private shown_: Shown = kAllShown;
  /** What the server was told of this side. */
  private told_shown_ = '';
  private presenter_: Presenter | null = null;
  private own_: PresenterState | null = null;
  /** The ids of this page's broadcasts in this call. */
  private readonly presented_ = new Set<string>();
  private viewer_: Viewer | null = null;
  private theirs_: ViewerState | null = null;
  /** The latest call that is over for this page: late news of it are nothing new. */
  private done_id_: string | null = null;
  private ring_check_: ReturnType<typeof setTimeout> | undefined;
  private limit_: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly environment_: TelephoneEnvironment,
    private readonly changed_: (state: CallState) => void,
  ) {}

  get state(): CallState {
    return {
      phase: this.phase_(),
      user: this.user_,
      role: this.role_,
      accepted: this.accepted_,
      reason: this.reason_,
      ended_here: this.ended_here_,
      error: this.phase_() === 'blocked' ? (this.own_?.error ?? null) : this.error_,
      use: this.use_,
      connected_at: this.connected_at_,
      ended_at: this.ended_at_,
      recording: this.recording_,
      recording_id: this.recording_id_,
      shown: this.shown_,
      own: this.own_,
      theirs: this.theirs_,
    };
  }

  /** The machines of the two broadcasts: the own one, for its switches, and the other's. */
  get presenter(): Presenter | null {
    return this.presenter_;
  }

  get viewer(): Viewer | null {
    return this.viewer_;
  }

  /** This page is one end of a call, or may become one. */
  get engaged(): boolean {
    return this.stage_ !== 'idle' && this.stage_ !== 'ended' && this.stage_ !== 'elsewhere';
  }

  call(user: CallUser, use: DeviceUse = 'camera'): void {
    if (this.engaged) return;
    this.begin_('outgoing', user, 'caller', null);
    this.present_(use);
  }

  answer(use: DeviceUse = 'camera'): void {
    if (this.stage_ !== 'incoming') return;
    this.stage_ = 'answering';
    clearTimeout(this.ring_check_);
    this.unlimit_();
    this.remember_();
    this.present_(use);
  }

  /** Another try from `blocked`, with what the user is ready to give. */
  retry(use: DeviceUse): void {
    if (this.phase_() === 'blocked') this.present_(use);
  }

  /** Cancels, declines or hangs up, whatever it is; also a call on another page or device. */
  hang_up(): void {
    if (!this.engaged && this.stage_ !== 'elsewhere') return;
    if (this.call_id_ !== null) this.environment_.say('hangup', { callId: this.call_id_ });
    if (this.stage_ === 'elsewhere') return;
    // Who declines knows it, and goes on with something else.
    if (this.stage_ === 'incoming' || this.stage_ === 'answering') this.drop();
    else this.end_(this.accepted_ ? 'hung_up' : 'cancelled', true);
  }

  /** The user has read how it ended. */
  dismiss(): void {
    if (this.stage_ !== 'ended') return;
    this.begin_('idle', null, 'caller', null);
  }

  agree_to_recording(agree: boolean): void {
    if (this.stage_ !== 'talking' || this.call_id_ === null) return;
    this.recording_ = { ...this.recording_, mine: agree };
    this.environment_.say('callrecording', { callId: this.call_id_, agree });
    this.publish_();
  }

  /** The session is over: nothing can be said any more. */
  drop(): void {
    if (this.stage_ === 'idle') return;
    this.done_id_ = this.call_id_;
    this.stop_media_();
    this.environment_.memory.write(null);
    this.begin_('idle', null, 'caller', null);
  }

  /** The network is back. */
  hurry(): void {
    this.presenter_?.hurry();
    this.viewer_?.hurry();
  }

  /** The line is away: the end of what rings may not be heard. */
  line_is_away(): void {
    if (this.stage_ !== 'incoming') return;
    clearTimeout(this.ring_check_);
    this.ring_check_ = setTimeout(() => {
      this.end_('lost', false);
      // It may still ring elsewhere, and rings here again when the line is back in time.
      this.done_id_ = null;
    }, kLineAwayMs);
  }

  /** The line was away and is here again. */
  line_is_back(): void {
    if (this.stage_ !== 'incoming' && this.stage_ !== 'elsewhere') return;
    clearTimeout(this.ring_check_);
    this.ring_check_ = setTimeout(() => this.drop(), kRingCheckMs);
  }

  on_ring(payload: unknown): void {
    const ring = read_ring(payload);
    if (ring === null || this.engaged || ring.call_id === this.done_id_) return;
    this.begin_('incoming', ring.user, 'callee', ring.call_id);
    this.link_id_ = ring.link_id === '' ? null : ring.link_id;
    this.publish_();
  }

  on_snapshot(payload: unknown): void {
    const call = read_snapshot(payload);
    if (call === null) return;
    clearTimeout(this.ring_check_);
    if (this.concerns_(call)) this.follow_(call);
    else if (!this.engaged && call.call_id !== this.done_id_) this.meet_(call);
  }

  on_accepted(payload: unknown): void {
    const id = read_call_id(payload);
    if (this.stage_ !== 'outgoing' || (this.call_id_ !== null && id !== '' && id !== this.call_id_)) return;
    this.accept_(read_link_id(payload));
    this.publish_();
  }

  on_rejected(payload: unknown): void {
    const id = read_call_id(payload);
    if (this.stage_ === 'outgoing' && (id === '' || id === this.call_id_)) this.end_('declined', false);
  }

  on_error(payload: unknown): void {
    const id = read_call_id(payload);
    if (this.stage_ !== 'outgoing' || (id !== '' && this.call_id_ !== null && id !== this.call_id_)) return;
    this.refuse_(read_error(payload));
  }

  on_ended(payload: unknown): void {
    const reason = read_reason(payload);
    if (this.stage_ === 'ended') {
      // What was noticed as an error, or as a broadcast that is gone, has a better name now. A call that
      // was refused never had an id here.
      const user = read_user((payload as { user?: unknown } | null)?.user);
      const vague = this.reason_ === 'error' || this.reason_ === 'lost';
      if (!vague || this.ended_here_ || user?.nickname !== this.user_?.nickname) return;
      this.reason_ = reason;
      this.publish_();
      return;
    }
    const id = read_call_id(payload);
    if (id === '' || id !== this.call_id_) return;
    // Who declined or answered on another device knows it.
    const here = !this.accepted_ && this.role_ === 'callee' && reason === 'declined';
    if (this.stage_ === 'elsewhere' || reason === 'answered_elsewhere' || here) this.drop();
    else this.end_(reason, read_ended_by(payload) === 'you');
  }

  private phase_(): CallPhase {
    switch (this.stage_) {
      case 'outgoing':
        return this.device_phase_() ?? (this.rings_there_ ? 'ringing' : 'calling');
      case 'answering':
        return this.device_phase_() ?? 'connecting';
      case 'talking':
        if (this.own_?.phase === 'live' && this.theirs_?.phase === 'live') return 'connected';
        return this.connected_at_ === null ? 'connecting' : 'reconnecting';
      default:
        return this.stage_;
    }
  }

  private device_phase_(): 'preparing' | 'blocked' | null {
    if (this.own_ === null || this.own_.phase === 'permission') return 'preparing';
    return this.own_.phase === 'error' ? 'blocked' : null;
  }

  private concerns_(call: CallSnapshot): boolean {
    if (!this.engaged) return false;
    if (call.call_id === this.call_id_) return true;
    // Two who call each other at the same moment have one call, and the server says which.
    return this.stage_ === 'outgoing' && call.user.nickname === this.user_?.nickname;
  }

  /** News of this page's own call. */
  private follow_(call: CallSnapshot): void {
    this.call_id_ = call.call_id;
    this.user_ = call.user;
    this.role_ = call.role;
    this.recording_ = call.recording;
    this.shown_ = call.shown;
    const accepted = call.state === 'accepted' || call.state === 'connected';
    if (this.stage_ === 'incoming') {
      this.link_id_ = call.link_id ?? this.link_id_;
      // Answered by another page of the same user.
      if (accepted) this.drop();
    } else if (accepted && this.is_superseded_by_(call.own_id)) {
      this.yield_();
    } else {
      if (call.state === 'ringing' && !this.rings_there_) {
        this.rings_there_ = true;
        this.limit_state_('no_answer');
      }
      if (accepted && this.stage_ === 'outgoing') this.accept_(call.link_id ?? '');
      else if (this.stage_ === 'talking' || accepted) this.watch_(call.link_id);
      else this.link_id_ = call.link_id ?? this.link_id_;
      this.remember_();
    }
    this.publish_();
  }

  /**
   * The user's end of the call is the broadcast of another page. While this one comes back, it may be its own, of which
   * it has not heard yet.
   */
  private is_superseded_by_(own_id: string | null): boolean {
    if (own_id === null || this.presented_.has(own_id)) return false;
    return this.stage_ === 'answering' || (this.stage_ === 'talking' && this.presenter_?.accepted === true);
  }

  /** The call goes on, on another page or device. */
  private yield_(): void {
    // A stop would be taken for the end of the call.
    this.presenter_?.leave();
    this.stop_media_();
    this.environment_.memory.write(null);
    this.begin_('elsewhere', this.user_, this.role_, this.call_id_);
  }

  /** The server tells of a call that this page knows nothing about. */
  private meet_(call: CallSnapshot): void {
    const remembered = this.environment_.memory.read();
    const accepted = call.state === 'accepted' || call.state === 'connected';
    // The memory of a tab that was duplicated is in both: who is still presenting goes on doing so.
    if (remembered?.call_id === call.call_id && accepted && call.own_id === null) {
      this.begin_('talking', call.user, call.role, call.call_id);
      this.accepted_ = true;
      this.recording_ = call.recording;
      this.shown_ = call.shown;
      // Half a round trip is not known for certain, and must not show a time below zero.
      this.connected_at_ = Math.min(call.since ?? Infinity, this.environment_.now());
      this.present_(remembered.use, remembered);
      this.watch_(call.link_id);
    } else if (!accepted && call.role === 'callee') {
      this.begin_('incoming', call.user, 'callee', call.call_id);
      this.link_id_ = call.link_id;
    } else {
      this.begin_('elsewhere', call.user, call.role, call.call_id);
    }
    this.publish_();
  }

  private begin_(stage: Stage, user: CallUser | null, role: CallRole, call_id: string | null): void {
    clearTimeout(this.ring_check_);
    this.unlimit_();
    this.stage_ = stage;
    if (stage === 'incoming') this.limit_state_('no_answer');
    this.user_ = user;
    this.role_ = role;
    this.call_id_ = call_id;
    this.rings_there_ = false;
    this.accepted_ = false;
    this.link_id_ = null;
    this.presented_.clear();
    this.reason_ = null;
    this.ended_here_ = false;
    this.error_ = null;
    this.connected_at_ = null;
    this.ended_at_ = null;
    this.recording_ = { mine: false, theirs: false, on: false };
    this.recording_id_ = null;
    this.shown_ = kAllShown;
    this.told_shown_ = '';
    this.publish_();
  }

  /** What the server should have ended by now is over. */
  private limit_state_(reason: EndReason): void {
    clearTimeout(this.limit_);
    this.limit_ = setTimeout(() => {
      if (this.call_id_ !== null && this.stage_ !== 'incoming')
        this.environment_.say('hangup', { callId: this.call_id_ });
      this.end_(reason, false);
    }, kStateLimitMs);
  }

  private unlimit_(): void {
    clearTimeout(this.limit_);
    this.limit_ = undefined;
  }

  /** Without a network the server's word that the call is over never comes. */
  private limit_own_(own: PresenterState, before: PresenterState | null): void {
    if (!this.engaged || this.stage_ === 'incoming') return;
    const dials = own.phase === 'connecting' && this.stage_ === 'outgoing';
    if ((dials || own.phase === 'reconnecting') && own.phase !== before?.phase && this.limit_ === undefined)
      this.limit_state_('lost');
    // Back in a call that stood, the server says what becomes of the other. Who is asked how to go on decides in peace.
    const back = own.phase === 'live' && this.stage_ === 'talking' && this.connected_at_ !== null;
    if (back || (own.phase === 'error' && this.stage_ !== 'talking')) this.unlimit_();
  }

  private present_(use: DeviceUse, on?: { microphone: boolean; camera: boolean }): void {
    this.use_ = use;
    const presenter: Presenter = new Presenter(
      { ...this.environment_, media: media_for(this.environment_.media, () => use) },
      this.environment_.token(),
      (state) => {
        if (presenter === this.presenter_) this.on_own_(state);
      },
      { kind: 'call', request: () => this.request_(), accepted: (id, say) => this.on_presenting_(id, say) },
    );
    this.presenter_ = presenter;
    void presenter.start(this.environment_.choice(), on);
  }

  /** Who talks already goes on with what can be had, rather than let the other wait for an answer. */
  private present_less_(state: PresenterState): void {
    const less = less_than(this.use_, state.error?.failed);
    if (less === null) this.refuse_(state.error);
    else this.present_(less, { microphone: state.microphone_on, camera: state.camera_on });
  }

  /** The offer's terms: the first of a caller invites, all others name the call that they belong to. */
  private request_(): Record<string, unknown> {
    return this.call_id_ === null
      ? { invite: this.user_?.nickname, record: false }
      : { callId: this.call_id_, record: false };
  }

  private on_presenting_(call_id: string | null, say: (event: string, payload: unknown) => void): void {
    if (this.stage_ === 'outgoing') this.call_id_ ??= call_id;
    if (this.stage_ === 'answering') {
      say('acceptcall', { from: { nickname: this.user_?.nickname }, callId: this.call_id_ });
      this.accept_(this.link_id_ ?? '');
    }
    this.remember_();
    this.publish_();
  }

  private on_own_(state: PresenterState): void {
    const before = this.own_;
    this.own_ = state;
    if (state.broadcast_id !== null) this.presented_.add(state.broadcast_id);
    this.recording_id_ ??= state.recording?.id ?? null;
    this.tell_shown_(state);
    if (before?.microphone_on !== state.microphone_on || before.camera_on !== state.camera_on) this.remember_();
    // The call that was begun without a camera went down with it; another try is another call.
    if (this.stage_ === 'outgoing' && state.phase === 'error' && before?.phase !== 'error' && this.call_id_ !== null) {
      this.done_id_ = this.call_id_;
      this.call_id_ = null;
      this.rings_there_ = false;
    }
    this.limit_own_(state, before);
    // The devices are open: fetch the other's picture while the own broadcast is being set up.
    if (this.stage_ === 'answering' && state.phase === 'connecting') this.watch_(this.link_id_);
    if (state.phase === 'ended') this.end_('lost', false);
    else if (state.phase === 'signed_out') this.drop();
    else if (state.phase === 'error' && state.error?.code.startsWith('device_') !== true)
      this.refuse_(state.error);
    else if (state.phase === 'error' && this.stage_ === 'talking') this.present_less_(state);
    else this.note_media_();
  }

  /** Says what of the devices is on, once they are open and whenever that changes. */
  private tell_shown_(own: PresenterState): void {
    if (own.phase !== 'live' || this.call_id_ === null) return;
    const opening = this.use_ !== 'none' && own.microphone === null && !own.has_camera;
    if (opening) return;
    const shown: Shown = {
      microphone: own.has_microphone && own.microphone_on,
      camera: own.has_camera && own.camera_on,
      screen: own.sharing,
    };
    const told = JSON.stringify(shown);
    if (told === this.told_shown_) return;
    this.told_shown_ = told;
    this.environment_.say('callmedia', { callId: this.call_id_, ...shown });
  }

  private accept_(link_id: string): void {
    this.stage_ = 'talking';
    this.accepted_ = true;
    this.limit_state_('lost');
    this.watch_(link_id === '' ? null : link_id);
  }

  private watch_(link_id: string | null): void {
    this.link_id_ = link_id ?? this.link_id_;
    const over = this.theirs_?.phase === 'ended' || this.theirs_?.phase === 'unknown';
    if (link_id === null || (this.viewer_?.broadcast_id === link_id && !over)) return;
    this.viewer_?.stop();
    const viewer: Viewer = new Viewer(this.environment_, this.environment_.token(), link_id, (state) => {
      if (viewer === this.viewer_) this.on_theirs_(state);
    });
    this.viewer_ = viewer;
    viewer.start();
  }

  private on_theirs_(state: ViewerState): void {
    this.theirs_ = state;
    if (state.phase === 'signed_out') this.drop();
    else if (state.phase === 'failed') {
      if (this.call_id_ !== null) this.environment_.say('hangup', { callId: this.call_id_ });
      this.end_('error', true, state.error);
    } else this.note_media_();
  }

  private note_media_(): void {
    if (this.phase_() === 'connected') {
      this.connected_at_ ??= this.environment_.now();
      this.unlimit_();
    }
    this.publish_();
  }

  private remember_(): void {
    if (!this.engaged || this.stage_ === 'incoming' || this.call_id_ === null) return;
    this.environment_.memory.write({
      call_id: this.call_id_,
      use: this.use_,
      microphone: this.own_?.microphone_on ?? true,
      camera: this.own_?.camera_on ?? true,
    });
  }

  private stop_media_(): void {
    const [presenter, viewer] = [this.presenter_, this.viewer_];
    this.presenter_ = null;
    this.viewer_ = null;
    this.own_ = null;
    this.theirs_ = null;
    presenter?.stop();
    viewer?.stop();
  }

  private refuse_(error: LiveError | null): void {
    const code = error?.code ?? '';
    // Of a call that stood, it means that the call was over before this page was back in it.
    const over = code === 'cannot_be_reached' ? 'lost' : undefined;
    const reason = this.stage_ === 'outgoing' ? kRefusals[code] : over;
    this.end_(reason ?? 'error', false, reason === undefined ? error : null);
  }

  private end_(reason: EndReason, here: boolean, error: LiveError | null = null): void {
    clearTimeout(this.ring_check_);
    this.unlimit_();
    this.stage_ = 'ended';
    this.done_id_ = this.call_id_;
    this.reason_ = reason;
    this.ended_here_ = here;
    this.error_ = error;
    this.ended_at_ = this.environment_.now();
    this.recording_ = { mine: false, theirs: false, on: false };
    this.stop_media_();
    this.environment_.memory.write(null);
    this.publish_();
  }

  private publish_(): void {
    this.changed_(this.state);
  }
}
