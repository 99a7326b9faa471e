import { Audience } from './audience';
import { backoff_ms, kMaxAttempts, kStableAfterMs } from './backoff';
import { MediaLink } from './link';
import type { SocketFactory } from './signalling';
import type { LiveError, Notice } from './types';

/**
 * idle → connecting → live ⇄ reconnecting. `ended`, `unknown` (there is no such broadcast) and
 * `signed_out` are final; from `failed` the user may `retry()`.
 */
export type ViewerPhase =
  | 'idle'
  | 'connecting'
  | 'live'
  | 'reconnecting'
  | 'ended'
  | 'unknown'
  | 'failed'
  | 'signed_out';

export interface ViewerState {
  phase: ViewerPhase;
  error: LiveError | null;
  stream: MediaStream | null;
  /** Which reconnection attempt is under way; 0 while the link stands, however shakily. */
  attempt: number;
  viewers: number;
  notices: readonly Notice[];
}

export interface ViewerEnvironment {
  open_socket: SocketFactory;
  create_peer(): RTCPeerConnection;
  now(): number;
  random(): number;
}

export class Viewer {
  private phase_: ViewerPhase = 'idle';
  private error_: LiveError | null = null;
  private stream_: MediaStream | null = null;
  private link_: MediaLink | null = null;
  private attempt_ = 0;
  private connected_at_: number | null = null;
  private ever_connected_ = false;
  private retry_timer_: ReturnType<typeof setTimeout> | undefined;
  private readonly audience_ = new Audience();

  constructor(
    private readonly environment_: ViewerEnvironment,
    private readonly token_: string,
    readonly broadcast_id: string,
    private readonly changed_: (state: ViewerState) => void,
  ) {}

  get state(): ViewerState {
    return {
      phase: this.phase_,
      error: this.error_,
      stream: this.stream_,
      attempt: this.connected_at_ === null ? this.attempt_ : 0,
      viewers: this.audience_.count,
      notices: this.audience_.notices,
    };
  }

  /** For statistics; another one after each reconnection. */
  get peer(): RTCPeerConnection | null {
    return this.link_?.peer ?? null;
  }

  start(): void {
    if (this.phase_ !== 'idle') return;
    this.phase_ = 'connecting';
    this.connect_();
    this.publish_();
  }

  /** Starts over after `failed`. */
  retry(): void {
    if (this.phase_ !== 'failed') return;
    this.attempt_ = 0;
    this.error_ = null;
    this.phase_ = this.ever_connected_ ? 'reconnecting' : 'connecting';
    this.connect_();
    this.publish_();
  }

  /** The network is back: waiting any longer makes no sense. */
  hurry(): void {
    if (this.phase_ !== 'reconnecting' || this.link_ !== null) return;
    clearTimeout(this.retry_timer_);
    this.connect_();
  }

  stop(): void {
    clearTimeout(this.retry_timer_);
    this.link_?.close('stopViewer');
    this.link_ = null;
    if (this.phase_ !== 'idle') this.finish_('ended', null);
  }

  correct_viewers(count: number): void {
    this.audience_.correct(count);
    this.publish_();
  }

  private connect_(): void {
    const socket = this.environment_.open_socket({ token: this.token_, presentorId: this.broadcast_id });
    const peer = this.environment_.create_peer();
    peer.addTransceiver('audio', { direction: 'recvonly' });
    peer.addTransceiver('video', { direction: 'recvonly' });
    this.link_ = new MediaLink(socket, peer, {
      connected: () => this.on_connected_(),
      unstable: () => {
        this.phase_ = 'reconnecting';
        this.publish_();
      },
      lost: () => this.on_lost_(),
      refused: (error) => this.finish_('failed', error),
      signed_out: () => this.finish_('signed_out', null),
      gone: () => this.on_gone_(),
      notice: (notice) => {
        this.audience_.add(notice, this.environment_.now());
        this.publish_();
      },
      stream: (stream) => {
        this.stream_ = stream;
        this.publish_();
      },
      accepted: () => {},
    });
    void this.link_.offer('createViewer');
  }

  private on_connected_(): void {
    this.connected_at_ = this.environment_.now();
    this.ever_connected_ = true;
    this.phase_ = 'live';
    this.publish_();
  }

  private on_gone_(): void {
    this.finish_(this.ever_connected_ ? 'ended' : 'unknown', null);
  }

  private on_lost_(): void {
    this.link_ = null;
    if (this.connected_at_ !== null && this.environment_.now() - this.connected_at_ >= kStableAfterMs)
      this.attempt_ = 0;
    this.connected_at_ = null;
    if (this.attempt_ >= kMaxAttempts) {
      this.finish_('failed', { code: 'connection_lost', message: '' });
      return;
    }
    this.attempt_ += 1;
    this.phase_ = 'reconnecting';
    this.retry_timer_ = setTimeout(
      () => this.connect_(),
      backoff_ms(this.attempt_, this.environment_.random()),
    );
    this.publish_();
  }

  private finish_(phase: ViewerPhase, error: LiveError | null): void {
    clearTimeout(this.retry_timer_);
    this.link_ = null;
    this.phase_ = phase;
    this.error_ = error;
    if (phase !== 'failed') this.stream_ = null;
    this.publish_();
  }

  private publish_(): void {
    this.changed_(this.state);
  }
}
