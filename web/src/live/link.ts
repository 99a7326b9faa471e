import { recording_news, type RecordingNews } from '@/api/recordings';
import type { SignallingSocket } from './signalling';
import { live_error, type LiveError, type Notice, type Person } from './types';

/** From the first packet to a media path. Covers a slow TLS handshake and a slow ICE. */
export const kConnectTimeoutMs = 12_000;
/** ICE often recovers from `disconnected` by itself; longer than this the audience notices. */
export const kUnstableTimeoutMs = 4000;
/** The server says within 30 s what becomes of a presenter who was lost: longer than this it says nothing. */
export const kAwayTimeoutMs = 45_000;
/** An attempt that is older may have begun without a network, and would hang until its time-out. */
const kFreshMs = 2000;
/** Candidates that arrive before the answer wait here. */
const kMaxEarlyCandidates = 64;

/** What a presenter sends: not a microphone that is muted, nor a camera that is switched off. */
export interface Sending {
  sound: boolean;
  picture: boolean;
}

/** What viewers are told of it. */
export interface Received extends Sending {
  /** False: nothing comes from the presenter at the moment. */
  heard: boolean;
}
export const kEverything: Received = { sound: true, picture: true, heard: true };

export interface Accepted {
  broadcast_id: string;
  /** The call that the broadcast belongs to. */
  call_id: string | null;
  /** It goes on with the broadcast that the offer named: the links to that one lead to it. */
  goes_on: boolean;
}

export interface LinkHandlers {
  /** Media can flow. May come again after `unstable`. */
  connected(): void;
  /** The path has stopped answering; it may come back. */
  unstable(): void;
  /** The link is dead and closed; another may be tried. */
  lost(): void;
  /** The server said no; the link is closed and another would fare no better. */
  refused(error: LiveError): void;
  /** The session is not valid any more; the link is closed. */
  signed_out(): void;
  /** Something about the recording of this broadcast; viewers need not listen. */
  recording?(news: RecordingNews): void;
  /** The presenter was lost and may come back: there are no media, and `back` or `gone` follow. */
  away?(): void;
  /** The presenter is back; the link is closed, and another one will find the broadcast. */
  back?(): void;
  /** What the presenter sends, whenever that changes. */
  sending?(what: Received): void;
  /** The broadcast is over, or never was; the link is closed. */
  gone(): void;
  notice(notice: Omit<Notice, 'key' | 'at'>): void;
  /** Who watches already, newest last, when a viewer comes; notices tell of everybody after that. */
  watching?(people: Person[]): void;
  stream(stream: MediaStream): void;
  /** The server accepted a presenter's offer. */
  accepted(what: Accepted): void;
}

/** Refusals that another attempt a little later may not meet. */
const kTransient = new Set(['server_stopping', 'overloaded', 'media_lost', 'store_unavailable', 'timeout']);
/** What ends a broadcast that stood: another page presents it, or has ended it. */
const kFinal = new Set(['replaced']);
/** Refusals that mean that there is nothing to watch. */
const kGone = new Set(['not_found', 'publisher_gone']);

type Request = 'createPresentor' | 'createViewer';

function read_person(data: any): Person | null {
  if (typeof data?.nickname !== 'string') return null;
  const { id, nickname, avatar } = data;
  return { id, nickname, avatar: typeof avatar === 'string' ? avatar : '' };
}

/**
 * One attempt: one socket and one peer connection that live and die together. It ends at most once,
 * by `lost`, `refused`, `signed_out`, `gone` or `close()`, and is silent afterwards.
 */
export class MediaLink {
  private answered_ = false;
  private up_ = false;
  private closed_ = false;
  /** When the offer was made: before that the user may be asked for the devices, for as long as it takes. */
  private began_at_ = Infinity;
  private offer_: Promise<RTCSessionDescriptionInit> | null = null;
  private early_: RTCIceCandidateInit[] = [];
  private connect_timer_: ReturnType<typeof setTimeout> | undefined;
  private unstable_timer_: ReturnType<typeof setTimeout> | undefined;
  private away_timer_: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly socket_: SignallingSocket,
    readonly peer: RTCPeerConnection,
    private readonly handlers_: LinkHandlers,
  ) {
    this.listen_to_socket_();
    this.listen_to_peer_();
  }

  get closed(): boolean {
    return this.closed_;
  }

  /** It has no media path, has had time to get one, and does not wait for the presenter either. */
  get overdue(): boolean {
    return !this.up_ && this.away_timer_ === undefined && performance.now() - this.began_at_ > kFreshMs;
  }

  /** Makes the offer already, while something else still has to be waited for. */
  prepare(): void {
    this.offer_ = this.peer.createOffer();
    this.offer_.catch(() => {});
  }

  /**
   * Sends the offer, and with it `terms`. The socket need not be connected yet: the request waits in
   * its queue.
   */
  async offer(request: Request, terms: Record<string, unknown> = {}): Promise<void> {
    this.began_at_ = performance.now();
    this.connect_timer_ = setTimeout(() => this.end_(() => this.handlers_.lost()), kConnectTimeoutMs);
    try {
      const offer = await (this.offer_ ?? this.peer.createOffer());
      if (this.closed_) return;
      // The offer goes out at once; candidates follow it one by one.
      const applied = this.peer.setLocalDescription(offer);
      this.socket_.emit(request, { ...terms, sdpOffer: offer.sdp }, (ack: unknown) => this.on_ack_(ack));
      await applied;
    } catch (cause) {
      this.end_(() => this.handlers_.refused(live_error('webrtc_failed', String(cause))));
    }
  }

  /** Says something else about this broadcast on its own socket. */
  say(event: string, payload: unknown): void {
    if (!this.closed_) this.socket_.emit(event, payload);
  }

  /**
   * Tells the server, then closes. Safe to call twice and after the end. Without a farewell the server
   * takes it for lost, and waits for another if it would for a lost one. Answers whether it was told.
   */
  close(farewell: 'stopPresentor' | 'stopViewer' | null, payload: object = {}): boolean {
    if (this.closed_) return false;
    const tells = farewell !== null && this.socket_.connected;
    if (tells) this.socket_.emit(farewell, payload);
    this.end_(() => {});
    return tells;
  }

  private listen_to_socket_(): void {
    const on = (event: string, listener: (...args: any[]) => void): void => {
      this.socket_.on(event, (...args: any[]) => {
        if (!this.closed_) listener(...args);
      });
    };
    on('startResponse', (data) => {
      if (Array.isArray(data?.watching))
        this.handlers_.watching?.(data.watching.map(read_person).filter((person: Person | null) => person !== null));
      void this.on_answer_(data?.sdpAnswer);
    });
    on('iceCandidate', (data) => this.on_candidate_(data?.candidate));
    on('message', (data) => this.on_message_(data));
    on('recording', (data) => {
      const news = recording_news(data);
      if (news !== null) this.handlers_.recording?.(news);
    });
    on('presenteraway', () => this.on_away_());
    on('presenterback', () => this.end_(() => this.handlers_.back?.()));
    on('mediastate', (data) =>
      this.handlers_.sending?.({
        sound: data?.sound !== false,
        picture: data?.picture !== false,
        heard: data?.heard !== false,
      }),
    );
    on('presentorgone', () => this.end_(() => this.handlers_.gone()));
    on('autherror', (data) => this.refuse_({ code: data?.code ?? 'unauthorized', message: data?.message }));
    on('error', (data) => {
      // Once media flow, other errors concern a single request, not the broadcast.
      if (!this.answered_ || kTransient.has(data?.code) || kFinal.has(data?.code)) this.refuse_(data);
    });
    on('disconnect', () => this.end_(() => this.handlers_.lost()));
    on('connect_error', (cause) => {
      if (this.socket_.active) this.end_(() => this.handlers_.lost());
      else if (cause?.data?.code === undefined || cause.data.code === 'unauthorized')
        this.end_(() => this.handlers_.signed_out());
      else this.refuse_({ code: cause.data.code, message: cause.message });
    });
  }

  private listen_to_peer_(): void {
    this.peer.onicecandidate = ({ candidate }) => {
      if (candidate !== null && candidate.candidate !== '' && !this.closed_)
        this.socket_.emit('onIceCandidate', { candidate: candidate.toJSON() });
    };
    this.peer.ontrack = ({ streams }) => {
      const stream = streams[0];
      if (stream !== undefined && !this.closed_) this.handlers_.stream(stream);
    };
    this.peer.onconnectionstatechange = () => {
      if (this.closed_) return;
      switch (this.peer.connectionState) {
        case 'connected':
          clearTimeout(this.connect_timer_);
          clearTimeout(this.unstable_timer_);
          this.up_ = true;
          this.handlers_.connected();
          break;
        case 'disconnected':
          if (!this.up_) break;
          clearTimeout(this.unstable_timer_);
          this.unstable_timer_ = setTimeout(() => this.end_(() => this.handlers_.lost()), kUnstableTimeoutMs);
          this.handlers_.unstable();
          break;
        case 'failed':
          this.end_(() => this.handlers_.lost());
          break;
        default:
          break;
      }
    };
  }

  private on_ack_(ack: unknown): void {
    if (this.closed_ || typeof ack !== 'object' || ack === null) return;
    const { error, presentorId, callId, replaces } = ack as Record<string, unknown>;
    if (error !== undefined) this.refuse_(error);
    else if (typeof presentorId === 'string')
      this.handlers_.accepted({
        broadcast_id: presentorId,
        call_id: typeof callId === 'string' ? callId : null,
        goes_on: typeof replaces === 'string',
      });
  }

  private on_away_(): void {
    this.silence_peer_();
    this.up_ = false;
    clearTimeout(this.away_timer_);
    this.away_timer_ = setTimeout(() => this.end_(() => this.handlers_.lost()), kAwayTimeoutMs);
    this.handlers_.away?.();
  }

  private async on_answer_(sdp: unknown): Promise<void> {
    if (typeof sdp !== 'string' || this.answered_) return;
    this.answered_ = true;
    try {
      await this.peer.setRemoteDescription({ type: 'answer', sdp });
    } catch (cause) {
      this.end_(() => this.handlers_.refused(live_error('webrtc_failed', String(cause))));
      return;
    }
    const early = this.early_;
    this.early_ = [];
    for (const candidate of early) this.add_candidate_(candidate);
  }

  private on_candidate_(candidate: unknown): void {
    if (typeof candidate !== 'object' || candidate === null) return;
    if (this.peer.remoteDescription !== null) this.add_candidate_(candidate);
    else if (this.early_.length < kMaxEarlyCandidates) this.early_.push(candidate);
  }

  private add_candidate_(candidate: RTCIceCandidateInit): void {
    // One unusable candidate among several is normal.
    this.peer.addIceCandidate(candidate).catch(() => {});
  }

  private on_message_(data: any): void {
    const kind = data?.type === 'viewer-entry' ? 'entry' : data?.type === 'viewer-leave' ? 'leave' : null;
    const person = read_person(data?.from);
    if (kind !== null && person !== null) this.handlers_.notice({ kind, person });
  }

  private refuse_(reason: any): void {
    const code = typeof reason?.code === 'string' ? reason.code : 'unknown';
    const message = typeof reason?.message === 'string' ? reason.message : '';
    if (code === 'unauthorized') this.end_(() => this.handlers_.signed_out());
    else if (kTransient.has(code)) this.end_(() => this.handlers_.lost());
    else if (kGone.has(code)) this.end_(() => this.handlers_.gone());
    else this.end_(() => this.handlers_.refused(live_error(code, message)));
  }

  private end_(report: () => void): void {
    if (this.closed_) return;
    this.closed_ = true;
    this.silence_peer_();
    clearTimeout(this.away_timer_);
    this.socket_.disconnect();
    report();
  }

  private silence_peer_(): void {
    clearTimeout(this.connect_timer_);
    clearTimeout(this.unstable_timer_);
    this.peer.onicecandidate = null;
    this.peer.ontrack = null;
    this.peer.onconnectionstatechange = null;
    this.peer.close();
  }
}
