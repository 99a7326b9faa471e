import type { RecordingNews } from '@/api/recordings';
import { Audience } from './audience';
import { backoff_ms, kMaxAttempts, kStableAfterMs } from './backoff';
import { device_error, type DeviceChoice, type MediaSource } from './devices';
import { MediaLink } from './link';
import type { SocketFactory } from './signalling';
import type { LiveError, Notice } from './types';

/**
 * idle → permission → connecting → live ⇄ reconnecting → ended. `error` and `ended` may be followed
 * by another `start()`; `signed_out` is final.
 *
 * The server ends a broadcast together with its socket, so coming back means a new broadcast with a
 * new id; only a pause of the media path keeps the id.
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
  /** A device that could not be switched to, while the broadcast goes on with the old one. */
  device_error: LiveError | null;
  broadcast_id: string | null;
  /** The broadcast got another id than before, so links that were shared are dead. */
  link_changed: boolean;
  /** When the broadcast went live, in milliseconds since 1970. */
  live_since: number | null;
  /** The last word about the recording of this broadcast; null if there is none. */
  recording: RecordingNews | null;
  /** What the audience gets, back from the server. */
  loopback: MediaStream | null;
  microphone_on: boolean;
  camera_on: boolean;
  /** There is a camera that could be on. */
  has_camera: boolean;
  /** The microphone's track while the broadcast runs, for a level meter. */
  microphone: MediaStreamTrack | null;
  sharing: boolean;
  /** Which reconnection attempt is under way; 0 while the link stands, however shakily. */
  attempt: number;
  viewers: number;
  notices: readonly Notice[];
}

/** What makes a broadcast one of a call's two; a public broadcast has none. */
export interface PresenterTerms {
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

export interface PresenterEnvironment {
  open_socket: SocketFactory;
  create_peer(): RTCPeerConnection;
  create_stream(): MediaStream;
  media: MediaSource;
  now(): number;
  random(): number;
}

function null_if_declined(cause: unknown): null {
  if (cause instanceof Error && cause.name === 'NotAllowedError') return null;
  throw cause;
}

interface Attempt {
  link: MediaLink;
  audio: RTCRtpSender;
  video: RTCRtpSender;
}

export class Presenter {
  private phase_: PresenterPhase = 'idle';
  private recording_: RecordingNews | null = null;
  private error_: LiveError | null = null;
  private device_error_: LiveError | null = null;
  private broadcast_id_: string | null = null;
  private link_changed_ = false;
  private live_since_: number | null = null;
  private loopback_: MediaStream | null = null;
  private microphone_on_ = true;
  private camera_on_ = true;
  private audio_: MediaStreamTrack | null = null;
  private camera_: MediaStreamTrack | null = null;
  private screen_: MediaStreamTrack | null = null;
  private attempt_: Attempt | null = null;
  private attempts_ = 0;
  private connected_at_: number | null = null;
  private retry_timer_: ReturnType<typeof setTimeout> | undefined;
  private audience_ = new Audience();
  /** Results of device requests from before a stop are thrown away. */
  private run_ = 0;

  constructor(
    private readonly environment_: PresenterEnvironment,
    private readonly token_: string,
    private readonly changed_: (state: PresenterState) => void,
    private readonly terms_: PresenterTerms | null = null,
  ) {}

  get state(): PresenterState {
    return {
      phase: this.phase_,
      error: this.error_,
      device_error: this.device_error_,
      broadcast_id: this.broadcast_id_,
      link_changed: this.link_changed_,
      live_since: this.live_since_,
      recording: this.recording_,
      loopback: this.loopback_,
      microphone_on: this.microphone_on_,
      camera_on: this.camera_on_,
      has_camera: this.camera_ !== null,
      microphone: this.audio_,
      sharing: this.screen_ !== null,
      attempt: this.connected_at_ === null ? this.attempts_ : 0,
      viewers: this.audience_.count,
      notices: this.audience_.notices,
    };
  }

  /** For statistics; another one after each reconnection. */
  get peer(): RTCPeerConnection | null {
    return this.attempt_?.link.peer ?? null;
  }

  get on_air(): boolean {
    return this.phase_ === 'connecting' || this.phase_ === 'live' || this.phase_ === 'reconnecting';
  }

  async start(choice: DeviceChoice, on: Switches = { microphone: true, camera: true }): Promise<void> {
    if (this.on_air || this.phase_ === 'permission' || this.phase_ === 'signed_out') return;
    const run = ++this.run_;
    this.reset_(on);
    this.phase_ = 'permission';
    // The socket connects, and the offer is made, while the browser opens the devices.
    this.attempt_ = this.prepare_();
    this.attempt_.link.prepare();
    this.publish_();
    const { media } = this.environment_;
    // Cameras take their time. Nobody waits for one to ring; it joins when it is there.
    if (this.terms_ !== null && (await media.allowed(['camera', 'microphone']))) {
      if (run !== this.run_ || this.phase_ !== 'permission') return;
      this.phase_ = 'connecting';
      this.publish_();
      void this.offer_();
    }
    const offered = this.phase_ !== 'permission';
    try {
      const tracks = await media.open(choice);
      if (run !== this.run_ || !(offered ? this.on_air : this.phase_ === 'permission')) {
        tracks.audio?.stop();
        tracks.video?.stop();
        return;
      }
      this.audio_ = tracks.audio;
      this.camera_ = tracks.video;
      if (this.audio_ !== null) this.audio_.enabled = this.microphone_on_;
      if (this.camera_ !== null) this.camera_.enabled = this.camera_on_;
    } catch (cause) {
      if (run === this.run_ && (this.on_air || this.phase_ === 'permission'))
        this.finish_('error', device_error(cause));
      return;
    }
    this.watch_tracks_();
    if (offered) {
      await this.attach_();
      this.publish_();
      return;
    }
    this.phase_ = 'connecting';
    this.publish_();
    // The socket may have failed while the user was being asked.
    if (this.attempt_ === null || this.attempt_.link.closed) this.attempt_ = this.prepare_();
    await this.offer_();
  }

  stop(): void {
    if (!this.on_air && this.phase_ !== 'permission') return;
    this.run_ += 1;
    // What belongs to a call ends with the call.
    const lost = this.phase_ === 'reconnecting' && this.terms_ === null ? this.broadcast_id_ : null;
    this.finish_(this.phase_ === 'permission' ? 'idle' : 'ended', null);
    if (lost !== null) this.give_up_(lost);
  }

  /** The network is back: waiting any longer makes no sense. */
  hurry(): void {
    if (this.phase_ === 'reconnecting' && this.attempt_ === null) this.reconnect_();
  }

  dismiss_device_error(): void {
    this.device_error_ = null;
    this.publish_();
  }

  set_microphone(on: boolean): void {
    this.microphone_on_ = on;
    if (this.audio_ !== null) this.audio_.enabled = on;
    this.publish_();
  }

  set_camera(on: boolean): void {
    this.camera_on_ = on;
    if (this.camera_ !== null) this.camera_.enabled = on;
    this.publish_();
  }

  async switch_microphone(choice: DeviceChoice): Promise<void> {
    await this.switch_(
      () => this.environment_.media.open_microphone(choice),
      async (track) => {
        track.enabled = this.microphone_on_;
        await this.attempt_?.audio.replaceTrack(track);
        this.audio_?.stop();
        this.audio_ = track;
      },
    );
  }

  async switch_camera(choice: DeviceChoice): Promise<void> {
    await this.switch_(
      () => this.environment_.media.open_camera(choice),
      async (track) => {
        track.enabled = this.camera_on_;
        if (this.screen_ === null) await this.attempt_?.video.replaceTrack(track);
        this.camera_?.stop();
        this.camera_ = track;
      },
    );
  }

  async share_screen(): Promise<void> {
    if (this.screen_ !== null) return;
    await this.switch_(
      // Closing the browser's window chooser is an answer, not a failure.
      () => this.environment_.media.open_screen().catch(null_if_declined),
      async (track) => {
        track.contentHint = 'detail';
        await this.attempt_?.video.replaceTrack(track);
        this.screen_ = track;
        track.onended = () => void this.unshare_screen();
      },
    );
  }

  async unshare_screen(): Promise<void> {
    const screen = this.screen_;
    if (screen === null) return;
    this.screen_ = null;
    screen.onended = null;
    screen.stop();
    await this.attempt_?.video.replaceTrack(this.camera_).catch(() => {});
    this.publish_();
  }

  private async switch_(
    open: () => Promise<MediaStreamTrack | null>,
    use: (track: MediaStreamTrack) => Promise<void>,
  ): Promise<void> {
    if (!this.on_air) return;
    const run = this.run_;
    this.device_error_ = null;
    try {
      const track = await open();
      if (track === null) return;
      if (run !== this.run_ || !this.on_air) {
        track.stop();
        return;
      }
      try {
        await use(track);
      } catch (cause) {
        track.stop();
        throw cause;
      }
      this.watch_tracks_();
    } catch (cause) {
      if (run !== this.run_) return;
      this.device_error_ = device_error(cause);
    }
    this.publish_();
  }

  /** A camera that is unplugged ends its track; say so instead of freezing without a word. */
  private watch_tracks_(): void {
    for (const track of [this.audio_, this.camera_]) {
      if (track === null) continue;
      track.onended = () => {
        this.device_error_ = { code: 'device_unplugged', message: '' };
        this.publish_();
      };
    }
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
      refused: (error) => this.finish_('error', error),
      signed_out: () => this.finish_('signed_out', null),
      gone: () => this.finish_('ended', null),
      recording: (news) => {
        this.recording_ = news;
        this.publish_();
      },
      notice: (notice) => {
        this.audience_.add(notice, this.environment_.now());
        this.publish_();
      },
      stream: (stream) => {
        this.loopback_ = stream;
        this.publish_();
      },
      accepted: (id, call_id) => {
        this.link_changed_ = this.broadcast_id_ !== null && this.broadcast_id_ !== id;
        this.broadcast_id_ = id;
        this.audience_.correct(0);
        this.publish_();
        this.terms_?.accepted(call_id, (event, payload) => link.say(event, payload));
      },
    });
    return { link, audio, video };
  }

  private async offer_(): Promise<void> {
    const attempt = this.attempt_;
    if (attempt === null) return;
    await this.attach_();
    if (attempt.link.closed) return;
    // The server may not have noticed yet that the connection before is dead. A call knows itself what it resumes.
    const again = this.broadcast_id_ !== null ? { replaces: this.broadcast_id_ } : {};
    await attempt.link.offer('createPresentor', this.terms_?.request() ?? again);
  }

  private async attach_(): Promise<void> {
    await Promise.all([
      this.attempt_?.audio.replaceTrack(this.audio_),
      this.attempt_?.video.replaceTrack(this.screen_ ?? this.camera_),
    ]).catch(() => {});
  }

  private on_connected_(): void {
    this.connected_at_ = this.environment_.now();
    this.live_since_ ??= this.connected_at_;
    this.phase_ = 'live';
    this.publish_();
  }

  private on_lost_(): void {
    this.attempt_ = null;
    // Still waiting for the devices: start() opens another socket once it has them.
    if (this.phase_ === 'permission') return;
    const now = this.environment_.now();
    if (this.connected_at_ !== null && now - this.connected_at_ >= kStableAfterMs) this.attempts_ = 0;
    this.connected_at_ = null;
    if (this.attempts_ >= kMaxAttempts) {
      this.finish_('error', { code: 'connection_lost', message: '' });
      return;
    }
    this.attempts_ += 1;
    this.phase_ = 'reconnecting';
    this.retry_timer_ = setTimeout(
      () => this.reconnect_(),
      backoff_ms(this.attempts_, this.environment_.random()),
    );
    this.publish_();
  }

  private reconnect_(): void {
    clearTimeout(this.retry_timer_);
    this.attempt_ = this.prepare_();
    void this.offer_();
  }

  /** The server waits for the presenter of a lost broadcast before it ends the recording: nobody comes. */
  private give_up_(broadcast_id: string): void {
    const socket = this.environment_.open_socket({ token: this.token_ });
    for (const event of ['connect_error', 'disconnect']) socket.on(event, () => socket.disconnect());
    socket.emit('stopPresentor', { presentorId: broadcast_id }, () => socket.disconnect());
  }

  private reset_(on: Switches): void {
    this.error_ = null;
    this.device_error_ = null;
    this.recording_ = null;
    this.broadcast_id_ = null;
    this.link_changed_ = false;
    this.live_since_ = null;
    this.attempts_ = 0;
    this.connected_at_ = null;
    this.microphone_on_ = on.microphone;
    this.camera_on_ = on.camera;
    this.audience_ = new Audience();
  }

  private finish_(phase: PresenterPhase, error: LiveError | null): void {
    clearTimeout(this.retry_timer_);
    this.phase_ = phase;
    this.error_ = error;
    // A call outlives the failure of one try to present in it.
    this.attempt_?.link.close(this.terms_ !== null && phase === 'error' ? null : 'stopPresentor');
    this.attempt_ = null;
    for (const track of [this.audio_, this.camera_, this.screen_]) {
      if (track === null) continue;
      track.onended = null;
      track.stop();
    }
    this.audio_ = null;
    this.camera_ = null;
    this.screen_ = null;
    this.loopback_ = null;
    this.publish_();
  }

  private publish_(): void {
    this.changed_(this.state);
  }
}
