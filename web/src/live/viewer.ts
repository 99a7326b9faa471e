import { Audience } from './audience';
import { Retry } from './backoff';
import { kEverything, MediaLink, type Received } from './link';
import type { SocketFactory } from './signalling';
import type { LiveError, Notice, Person } from './types';

/**
 * idle → connecting → live ⇄ reconnecting, and live ⇄ away while the presenter's connection is lost.
 * `ended`, `unknown` (there is no such broadcast) and `signed_out` are final; from `failed` (the server
 * said no) the user, or the return of the network, may `retry()`.
 */
export type ViewerPhase =
  | 'idle'
  | 'connecting'
  | 'live'
  | 'reconnecting'
  | 'away'
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
  /** What the presenter has switched on, and whether anything comes. */
  sending: Received;
  viewers: number;
  notices: readonly Notice[];
  /** Those who were here before this page and still are, newest first. */
  here: readonly Person[];
  /** Those who watch besides, without being named. */
  unnamed: number;
}

/** When the presenter is back, so much is spread over the audience. */
const kFollowSpreadMs = 400;
/** Refusals that have to do with this browser: the return of the network does not change them. */
const kForGood = new Set(['no_common_codec', 'bad_sdp', 'no_bundle', 'no_rtcp_mux', 'no_fingerprint', 'webrtc_failed']);

export interface ViewerEnvironment {
  open_socket: SocketFactory;
  create_peer(): RTCPeerConnection;
  now(): number;
  random(): number;
  /** False while the browser knows that it has no network. */
  online(): boolean;
}

export class Viewer {
  private phase_: ViewerPhase = 'idle';
  private error_: LiveError | null = null;
  private stream_: MediaStream | null = null;
  private link_: MediaLink | null = null;
  private sending_: Received = kEverything;
  private connected_at_: number | null = null;
  /** There was such a broadcast. */
  private found_ = false;
  private readonly retry_: Retry;
  private readonly audience_ = new Audience();

  constructor(
    private readonly environment_: ViewerEnvironment,
    private readonly token_: string,
    readonly broadcast_id: string,
    private readonly changed_: (state: ViewerState) => void,
  ) {
    this.retry_ = new Retry(environment_, () => this.connect_());
  }

  get state(): ViewerState {
    return {
      phase: this.phase_,
      error: this.error_,
      stream: this.stream_,
      attempt: this.connected_at_ === null ? this.retry_.attempt : 0,
      sending: this.sending_,
      viewers: this.audience_.count,
      notices: this.audience_.notices,
      here: this.audience_.here,
      unnamed: this.audience_.unnamed(this.phase_ === 'live'),
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
    this.retry_.reset();
    this.error_ = null;
    this.phase_ = this.found_ ? 'reconnecting' : 'connecting';
    this.connect_();
    this.publish_();
  }

  /** The network is back, or somebody looks at the page: waiting any longer makes no sense. */
  hurry(): void {
    if (this.phase_ === 'failed' && !kForGood.has(this.error_?.code ?? '')) return this.retry();
    const waiting = this.phase_ === 'reconnecting' || this.phase_ === 'connecting';
    if (!waiting || (this.link_ !== null && !this.link_.overdue)) return;
    this.link_?.close(null);
    this.retry_.now();
  }

  stop(): void {
    this.link_?.close('stopViewer');
    this.link_ = null;
    if (this.phase_ !== 'idle') this.finish_('ended', null);
  }

  correct_viewers(count: number): void {
    this.audience_.correct(count);
    this.publish_();
  }

  private connect_(): void {
    this.sending_ = kEverything;
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
      gone: () => this.finish_(this.found_ ? 'ended' : 'unknown', null),
      away: () => this.on_away_(),
      back: () => {
        this.link_ = null;
        this.retry_.reset();
        this.retry_.in_ms(kFollowSpreadMs * this.environment_.random());
      },
      sending: (what) => {
        this.sending_ = what;
        this.publish_();
      },
      notice: (notice) => {
        this.audience_.add(notice, this.environment_.now());
        this.publish_();
      },
      watching: (people) => {
        this.audience_.begin(people);
        this.publish_();
      },
      stream: (stream) => {
        this.stream_ = stream;
        this.publish_();
      },
      accepted: () => {},
    });
    void this.link_.offer('createViewer', { follow: true });
  }

  private on_connected_(): void {
    this.connected_at_ = this.environment_.now();
    this.found_ = true;
    this.phase_ = 'live';
    this.publish_();
  }

  private on_away_(): void {
    this.found_ = true;
    this.connected_at_ = null;
    this.sending_ = kEverything;
    this.phase_ = 'away';
    this.publish_();
  }

  private on_lost_(): void {
    this.link_ = null;
    this.retry_.after_loss(this.connected_at_ === null ? null : this.environment_.now() - this.connected_at_);
    this.connected_at_ = null;
    this.phase_ = 'reconnecting';
    this.publish_();
  }

  private finish_(phase: ViewerPhase, error: LiveError | null): void {
    this.retry_.stop();
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
