import type { RecordingNews } from '@/api/recordings';
import { Audience } from './audience';
import { Retry } from './backoff';
import { Capture } from './capture';
import { device_error, kBoth, type DeviceChoice, type DeviceKind, type MediaSource, type Wanted } from './devices';
import { MediaLink, type Accepted, type Sending } from './link';
import type { SocketFactory } from './signalling';
import { live_error, type LiveError, type Notice } from './types';

/**
 * idle → permission → connecting → live ⇄ reconnecting → ended. `error` and `ended` may be followed
 * by another `start()`; `signed_out` is final.
 *
 * The server waits for a public broadcast whose connection is lost. Coming back means a new broadcast
 * with a new id, which says what it goes on with: its viewers follow, and the links before lead to it.
 */
export type PresenterPhase =
  | 'idle'
  | 'permission'
  | 'connecting'
  | 'live'
  | 'reconnecting'
  | 'ended'
  | 'error'
  | 'signed_out';

export interface PresenterState {
  phase: PresenterPhase;
  error: LiveError | null;
  /** A device that could not be had, while the broadcast goes on. */
  device_error: LiveError | null;
  broadcast_id: string | null;
  /** The id to share: the first one that leads to this broadcast. */
  link_id: string | null;
  /** Links that were shared before are dead. */
  link_changed: boolean;
  /** When the broadcast went live, in milliseconds since 1970. */
  live_since: number | null;
  /** The last word about the recording of this broadcast; null if there is none. */
  recording: RecordingNews | null;
  /** What the audience gets, back from the server. */
  loopback: MediaStream | null;
  microphone_on: boolean;
  camera_on: boolean;
  /** There is a microphone, or a camera, that could be on. */
  has_microphone: boolean;
  has_camera: boolean;
  /** The size that the camera really has, if the browser tells. */
  camera_size: { width: number; height: number } | null;
  /** What goes out. */
  sending: Sending;
  /** The microphone's track while the broadcast runs, for a level meter. */
  microphone: MediaStreamTrack | null;
  sharing: boolean;
  /** Which reconnection attempt is under way; 0 while the link stands, however shakily. */
  attempt: number;
  viewers: number;
  notices: readonly Notice[];
  /** Those who watch besides, without being named. */
  unnamed: number;
}

/** A broadcast for everybody, or one of a call's two. */
export type PresenterKind = 'public' | 'call';

export interface PresenterTerms {
  kind: PresenterKind;
  /** Goes out with each offer. */
  request(): Record<string, unknown>;
  /** The offer was accepted, maybe not for the first time; `say` speaks on the broadcast's own socket. */
  accepted(call_id: string | null, say: (event: string, payload: unknown) => void): void;
}

/** What is on from the start. */
export interface Switches {
  microphone: boolean;
  camera: boolean;
}

/** A broadcast that this page presented before it was loaded again. */
export interface Interrupted {
  broadcast_id: string;
  link_id: string;
  live_since: number;
  /** The last word about its recording, which goes on as well. */
  recording: RecordingNews | null;
}

export interface StartOptions {
  on?: Switches;
  wanted?: Wanted;
  goes_on?: Interrupted;
}

export interface PresenterEnvironment {
  open_socket: SocketFactory;
  create_peer(): RTCPeerConnection;
  create_stream(): MediaStream;
  media: MediaSource;
  now(): number;
  random(): number;
  /** False while the browser knows that it has no network. */
  online(): boolean;
}

/** What is refused to who comes back, and may be granted a little later. */
const kLater = new Set(['rate_limited', 'server_full', 'too_many_streams', 'too_many_broadcasts']);

/** How long a page tries to tell the server of a stop. */
const kFarewellMs = 60_000;

interface Attempt {
  link: MediaLink;
  audio: RTCRtpSender;
  video: RTCRtpSender;
}

export class Presenter {
  private phase_: PresenterPhase = 'idle';
  private recording_: RecordingNews | null = null;
  /** The offer of now may begin a recording, of which nothing was heard yet. */
  private recording_due_ = false;
  private error_: LiveError | null = null;
  private device_error_: LiveError | null = null;
  private broadcast_id_: string | null = null;
  private link_id_: string | null = null;
  private link_changed_ = false;
  private live_since_: number | null = null;
  private loopback_: MediaStream | null = null;
  private attempt_: Attempt | null = null;
  private connected_at_: number | null = null;
  /** The server knows it by the link of now, and what it was last told to be sent. */
  private accepted_ = false;
  private told_: Sending = { sound: true, picture: true };
  private audience_ = new Audience();
  /** What was begun before a stop has no effect after it. */
  private run_ = 0;
  private readonly capture_: Capture;
  private readonly retry_: Retry;

  constructor(
    private readonly environment_: PresenterEnvironment,
    private readonly token_: string,
    private readonly changed_: (state: PresenterState) => void,
    private readonly terms_: PresenterTerms,
  ) {
    this.retry_ = new Retry(environment_, () => this.reconnect_());
    this.capture_ = new Capture(environment_.media, {
      changed: () => {
        this.tell_sending_();
        this.publish_();
      },
      unplugged: (kind) => {
        this.device_error_ = live_error(`device_${kind}_unplugged`);
        this.tell_sending_();
        this.publish_();
      },
    });
  }

  get state(): PresenterState {
    return {
      phase: this.phase_,
      error: this.error_,
      device_error: this.device_error_,
      broadcast_id: this.broadcast_id_,
      link_id: this.link_id_,
      link_changed: this.link_changed_,
      live_since: this.live_since_,
      recording: this.recording_,
      loopback: this.loopback_,
      microphone_on: this.capture_.microphone_on,
      camera_on: this.capture_.camera_on,
      has_microphone: this.capture_.has_microphone,
      has_camera: this.capture_.has_camera,
      camera_size: this.capture_.camera_size,
      sending: this.sending_(),
      microphone: this.capture_.microphone,
      sharing: this.capture_.sharing,
      attempt: this.connected_at_ === null ? this.retry_.attempt : 0,
      viewers: this.audience_.count,
      notices: this.audience_.notices,
      unnamed: this.audience_.unnamed(false),
    };
  }

  /** For statistics; another one after each reconnection. */
  get peer(): RTCPeerConnection | null {
    return this.attempt_?.link.peer ?? null;
  }

  get on_air(): boolean {
    return this.phase_ === 'connecting' || this.phase_ === 'live' || this.phase_ === 'reconnecting';
  }

  /** The server has accepted the offer of now. */
  get accepted(): boolean {
    return this.accepted_;
  }

  async start(choice: DeviceChoice, on?: Switches, options: StartOptions = {}): Promise<void> {
    if (this.on_air || this.phase_ === 'permission' || this.phase_ === 'signed_out') return;
    const run = ++this.run_;
    this.reset_(options.goes_on ?? null);
    this.capture_.preset(on?.microphone ?? true, on?.camera ?? true);
    this.phase_ = 'permission';
    // The socket connects, and the offer is made, while the browser opens the devices.
    this.attempt_ = this.prepare_();
    this.attempt_.link.prepare();
    this.publish_();
    // Cameras take their time. Nobody waits for one to ring; it joins when it is there.
    if (this.terms_.kind === 'call') {
      const allowed = await this.environment_.media.allowed(['camera', 'microphone']);
      if (run !== this.run_) return;
      if (allowed) this.connect_();
    }
    const wanted = options.wanted ?? kBoth;
    try {
      await this.capture_.open(choice, wanted);
    } catch (cause) {
      const only = wanted.camera ? (wanted.microphone ? undefined : 'camera') : 'microphone';
      if (run === this.run_) this.finish_('error', device_error(cause, only));
      return;
    }
    // What was opened for a run that is over has been stopped.
    if (run === this.run_ && this.phase_ === 'permission') this.connect_();
  }

  stop(): void {
    if (!this.on_air && this.phase_ !== 'permission') return;
    this.finish_(this.phase_ === 'permission' ? 'idle' : 'ended', null);
  }

  /** The page goes away, and may be back in a moment: nothing is said, so that the server waits. */
  leave(): void {
    if (!this.on_air && this.phase_ !== 'permission') return;
    this.release_();
    this.phase_ = 'idle';
    this.publish_();
  }

  /** A broadcast of before is over: the server need not wait for it. */
  give_up(broadcast_id: string): void {
    const socket = this.environment_.open_socket({ token: this.token_, reconnection: true });
    const close = (): void => {
      clearTimeout(timer);
      socket.disconnect();
    };
    const timer = setTimeout(close, kFarewellMs);
    socket.on('autherror', close);
    socket.emit('stopPresentor', { presentorId: broadcast_id }, close);
  }

  /** The network is back, or somebody looks at the page: waiting any longer makes no sense. */
  hurry(): void {
    if (this.phase_ !== 'reconnecting' && this.phase_ !== 'connecting') return;
    if (this.attempt_ !== null && !this.attempt_.link.overdue) return;
    this.attempt_?.link.close(null);
    this.retry_.now();
  }

  dismiss_device_error(): void {
    this.device_error_ = null;
    this.publish_();
  }

  set_microphone(on: boolean): void {
    if (this.on_air) void this.switch_(() => this.capture_.set_microphone(on), 'microphone');
    else this.preset_(on, this.capture_.camera_on);
  }

  set_camera(on: boolean): void {
    if (this.on_air) void this.switch_(() => this.capture_.set_camera(on), 'camera');
    else this.preset_(this.capture_.microphone_on, on);
  }

  async switch_microphone(choice: DeviceChoice): Promise<void> {
    await this.switch_(() => this.capture_.switch_microphone(choice), 'microphone');
  }

  async switch_camera(choice: DeviceChoice): Promise<void> {
    await this.switch_(() => this.capture_.switch_camera(choice), 'camera');
  }

  async share_screen(): Promise<void> {
    await this.switch_(() => this.capture_.share_screen());
  }

  async unshare_screen(): Promise<void> {
    this.capture_.unshare_screen();
  }

  /** A device was plugged in or out. */
  async devices_changed(): Promise<void> {
    if (!this.on_air) return;
    await this.capture_.reopen_lost();
    const { has_camera, has_microphone } = this.capture_;
    const code = this.device_error_?.code;
    const back = (has_camera && code === 'device_camera_unplugged') || (has_microphone && code === 'device_microphone_unplugged');
    if (back) this.dismiss_device_error();
  }

  private preset_(microphone: boolean, camera: boolean): void {
    this.capture_.preset(microphone, camera);
    this.publish_();
  }

  private async switch_(act: () => Promise<void>, kind?: DeviceKind): Promise<void> {
    if (!this.on_air) return;
    const run = this.run_;
    this.device_error_ = null;
    try {
      await act();
    } catch (cause) {
      if (run !== this.run_) return;
      this.device_error_ = device_error(cause, kind);
    }
    if (run === this.run_) this.publish_();
  }

  private sending_(): Sending {
    return { sound: this.capture_.sends_sound, picture: this.capture_.sends_picture };
  }

  private tell_sending_(): void {
    const now = this.sending_();
    // In a call the other side is told by the call.
    if (this.terms_.kind === 'call' || !this.accepted_) return;
    if (now.sound === this.told_.sound && now.picture === this.told_.picture) return;
    this.told_ = now;
    this.attempt_?.link.say('mediastate', now);
  }

  private prepare_(): Attempt {
    const socket = this.environment_.open_socket({ token: this.token_ });
    const peer = this.environment_.create_peer();
    const streams = [this.environment_.create_stream()];
    const audio = peer.addTransceiver('audio', { direction: 'sendrecv', streams }).sender;
    const video = peer.addTransceiver('video', { direction: 'sendrecv', streams }).sender;
    const link: MediaLink = new MediaLink(socket, peer, {
      connected: () => this.on_connected_(),
      unstable: () => {
        this.phase_ = 'reconnecting';
        this.publish_();
      },
      lost: () => this.on_lost_(),
      refused: (error) => {
        // Who comes back too often, or while there is no room, comes back later.
        if (kLater.has(error.code) && this.terms_.kind === 'public' && this.broadcast_id_ !== null) this.on_lost_();
        else this.finish_('error', error);
      },
      signed_out: () => this.finish_('signed_out', null),
      gone: () => this.finish_('ended', null),
      recording: (news) => this.on_recording_(news),
      notice: (notice) => {
        this.audience_.add(notice, this.environment_.now());
        this.publish_();
      },
      stream: (stream) => {
        this.loopback_ = stream;
        this.publish_();
      },
      accepted: (what) => this.on_accepted_(what, link),
    });
    this.accepted_ = false;
    this.recording_due_ = true;
    return { link, audio, video };
  }

  /** Every page of a user hears of all of the user's recordings, those of broadcasts before this one among them. */
  private on_recording_(news: RecordingNews): void {
    const begins = news.state === 'recording' || (news.state === 'removed' && news.trouble !== undefined);
    if (news.id !== this.recording_?.id && !(begins && this.recording_due_)) return;
    this.recording_due_ = false;
    this.recording_ = news;
    this.publish_();
  }

  private on_accepted_(what: Accepted, link: MediaLink): void {
    this.accepted_ = true;
    this.link_changed_ = this.link_id_ !== null && !what.goes_on;
    if (this.link_id_ === null || this.link_changed_) this.link_id_ = what.broadcast_id;
    this.broadcast_id_ = what.broadcast_id;
    this.audience_.correct(0);
    this.told_ = { sound: true, picture: true };
    this.tell_sending_();
    this.publish_();
    this.terms_.accepted(what.call_id, (event, payload) => link.say(event, payload));
  }

  /** The first offer. The link may have failed while the user was being asked. */
  private connect_(): void {
    this.phase_ = 'connecting';
    if (this.attempt_ === null || this.attempt_.link.closed) this.attempt_ = this.prepare_();
    this.publish_();
    void this.offer_();
  }

  private async offer_(): Promise<void> {
    const attempt = this.attempt_;
    if (attempt === null) return;
    await this.capture_.send_by(attempt);
    if (attempt.link.closed) return;
    // The server may not have noticed yet that the connection before is dead.
    const again = this.broadcast_id_ === null ? {} : { replaces: this.broadcast_id_ };
    await attempt.link.offer('createPresentor', { ...this.terms_.request(), kind: this.terms_.kind, ...again });
  }

  private on_connected_(): void {
    this.connected_at_ = this.environment_.now();
    this.live_since_ ??= this.connected_at_;
    this.phase_ = 'live';
    this.publish_();
  }

  private on_lost_(): void {
    this.attempt_ = null;
    this.accepted_ = false;
    // Still waiting for the devices: start() opens another socket once it has them.
    if (this.phase_ === 'permission') return;
    this.retry_.after_loss(this.connected_at_ === null ? null : this.environment_.now() - this.connected_at_);
    this.connected_at_ = null;
    this.phase_ = 'reconnecting';
    this.publish_();
  }

  private reconnect_(): void {
    this.attempt_ = this.prepare_();
    void this.offer_();
  }

  private reset_(goes_on: Interrupted | null): void {
    this.error_ = null;
    this.device_error_ = null;
    this.recording_ = goes_on?.recording ?? null;
    this.broadcast_id_ = goes_on?.broadcast_id ?? null;
    this.link_id_ = goes_on?.link_id ?? null;
    this.link_changed_ = false;
    this.live_since_ = goes_on?.live_since ?? null;
    this.retry_.reset();
    this.connected_at_ = null;
    this.audience_ = new Audience();
  }

  private finish_(phase: PresenterPhase, error: LiveError | null): void {
    // What belongs to a call ends with the call, and outlives the failure of one try to present in it.
    const tells = this.on_air && (this.terms_.kind === 'public' || phase !== 'error');
    const id = this.broadcast_id_;
    const ended = this.on_air && (phase === 'ended' || phase === 'error') && error?.code !== 'replaced';
    // The server may not hear what is said over a path that has stopped answering.
    const shaky = this.phase_ === 'reconnecting';
    const told = this.attempt_?.link.close(tells ? 'stopPresentor' : null, id === null ? {} : { presentorId: id });
    this.release_();
    this.phase_ = phase;
    this.error_ = error;
    this.publish_();
    // The server waits for the presenter of a lost broadcast: nobody comes.
    if (ended && (told !== true || shaky) && id !== null && this.terms_.kind === 'public') this.give_up(id);
  }

  /** Gives everything back. */
  private release_(): void {
    this.run_ += 1;
    this.retry_.stop();
    this.attempt_?.link.close(null);
    this.attempt_ = null;
    this.accepted_ = false;
    this.capture_.close();
    this.loopback_ = null;
  }

  private publish_(): void {
    this.changed_(this.state);
  }
}
