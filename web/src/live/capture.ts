import { kBoth, video_constraints, type DeviceChoice, type DeviceKind, type MediaSource, type Wanted } from './devices';

/**
 * One device, or the screen: what was asked for last is what is there in the end, however late the
 * browser opens it, and every track that was opened is stopped once.
 */
class Slot {
  private track_: MediaStreamTrack | null = null;
  private turn_ = 0;

  get track(): MediaStreamTrack | null {
    return this.track_;
  }

  /** There is a track, and its device has not gone away. */
  get alive(): boolean {
    return this.track_ !== null && this.track_.readyState !== 'ended';
  }

  /** A request begins; whatever was asked for before and is not there yet is not wanted any more. */
  begin(): number {
    return ++this.turn_;
  }

  is_current(turn: number): boolean {
    return turn === this.turn_;
  }

  /** The request `turn` has got this. Answers whether it is still wanted; otherwise it is stopped. */
  fill(turn: number, track: MediaStreamTrack | null): boolean {
    if (turn !== this.turn_) {
      track?.stop();
      return false;
    }
    const old = this.track_;
    this.track_ = track;
    if (old !== null && old !== track) {
      old.onended = null;
      old.onmute = null;
      old.onunmute = null;
      old.stop();
    }
    return true;
  }

  empty(): void {
    this.fill(this.begin(), null);
  }
}

interface Senders {
  audio: RTCRtpSender;
  video: RTCRtpSender;
}

export interface CaptureHandlers {
  /** Anything that a person sees of it. */
  changed(): void;
  /** A device went away by itself. */
  unplugged(kind: DeviceKind): void;
}

function null_if_declined(cause: unknown): null {
  if (cause instanceof Error && cause.name === 'NotAllowedError') return null;
  throw cause;
}

/** Camera, microphone and screen of one presenter, and by what they are sent. */
export class Capture {
  private readonly microphone_ = new Slot();
  private readonly camera_ = new Slot();
  private readonly screen_ = new Slot();
  private asking_for_screen_ = false;
  private choice_: DeviceChoice | null = null;
  private microphone_on_ = true;
  private camera_on_ = true;
  private senders_: Senders | null = null;

  constructor(
    private readonly media_: MediaSource,
    private readonly handlers_: CaptureHandlers,
  ) {}

  get microphone(): MediaStreamTrack | null {
    return this.microphone_.track;
  }

  get microphone_on(): boolean {
    return this.microphone_on_;
  }

  get camera_on(): boolean {
    return this.camera_on_;
  }

  get has_microphone(): boolean {
    return this.microphone_.alive;
  }

  get has_camera(): boolean {
    return this.camera_.alive;
  }

  get sharing(): boolean {
    return this.screen_.track !== null;
  }

  /** The size that the camera really has; null where the browser does not tell. */
  get camera_size(): { width: number; height: number } | null {
    const { width, height } = this.camera_.track?.getSettings() ?? {};
    return width === undefined || height === undefined ? null : { width, height };
  }

  /** What goes out: neither what is muted nor what is not there. */
  get sends_sound(): boolean {
    return this.has_microphone && this.microphone_on_ && this.microphone_.track?.muted !== true;
  }

  get sends_picture(): boolean {
    return this.sharing || (this.has_camera && this.camera_on_ && this.camera_.track?.muted !== true);
  }

  /** Throws what MediaSource.open() throws. */
  async open(choice: DeviceChoice, wanted: Wanted = kBoth): Promise<void> {
    this.choice_ = choice;
    const [microphone, camera] = [this.microphone_.begin(), this.camera_.begin()];
    const { audio, video } = await this.media_.open(choice, wanted);
    this.microphone_.fill(microphone, audio);
    this.camera_.fill(camera, video);
    this.apply_();
  }

  /** Everything is sent by these from now on; null: by nothing. */
  async send_by(senders: Senders | null): Promise<void> {
    this.senders_ = senders;
    await this.send_();
  }

  /** Stops everything; what is being opened will be stopped as soon as it is there. */
  close(): void {
    this.senders_ = null;
    for (const slot of [this.microphone_, this.camera_, this.screen_]) slot.empty();
  }

  /** Not what is there, but whether it is to be on. */
  preset(microphone_on: boolean, camera_on: boolean): void {
    this.microphone_on_ = microphone_on;
    this.camera_on_ = camera_on;
  }

  /** A device that has gone away, or was never opened, is opened anew. Throws what getUserMedia throws. */
  async set_microphone(on: boolean): Promise<void> {
    this.microphone_on_ = on;
    this.apply_();
    if (on && !this.microphone_.alive && this.choice_ !== null) await this.switch_microphone(this.choice_);
  }

  async set_camera(on: boolean): Promise<void> {
    this.camera_on_ = on;
    this.apply_();
    if (on && !this.camera_.alive && this.choice_ !== null) await this.reopen_camera_(this.choice_);
  }

  async switch_microphone(choice: DeviceChoice): Promise<void> {
    this.choice_ = { ...choice, camera: this.choice_?.camera ?? choice.camera };
    const turn = this.microphone_.begin();
    if (this.microphone_.fill(turn, await this.media_.open_microphone(choice))) this.apply_();
  }

  async switch_camera(choice: DeviceChoice): Promise<void> {
    const before = this.choice_;
    this.choice_ = { ...choice, microphone: before?.microphone ?? choice.microphone };
    if (before === null || before.camera !== choice.camera || !this.camera_.alive)
      return this.reopen_camera_(choice);
    // A browser gives a second track of the same camera the size of the first: the first is changed, or
    // closed before the camera is opened in another size.
    const turn = this.camera_.begin();
    const track = this.camera_.track;
    const wanted = video_constraints(choice);
    await track?.applyConstraints(wanted).catch(() => {});
    if (!this.camera_.is_current(turn)) return;
    const { width, height } = this.camera_size ?? {};
    const ideal = (of: ConstrainULong | undefined): unknown => (typeof of === 'object' ? of.ideal : of);
    if (width === ideal(wanted.width) && height === ideal(wanted.height)) return this.apply_();
    this.camera_.fill(turn, null);
    try {
      await this.reopen_camera_(choice);
    } catch (cause) {
      if (this.camera_.track === null) await this.reopen_camera_(before).catch(() => {});
      throw cause;
    }
  }

  private async reopen_camera_(choice: DeviceChoice): Promise<void> {
    const turn = this.camera_.begin();
    if (this.camera_.fill(turn, await this.media_.open_camera(choice))) this.apply_();
  }

  async share_screen(): Promise<void> {
    if (this.sharing || this.asking_for_screen_) return;
    this.asking_for_screen_ = true;
    try {
      const turn = this.screen_.begin();
      // Closing the browser's window chooser is an answer, not a failure.
      const track = await this.media_.open_screen().catch(null_if_declined);
      if (!this.screen_.fill(turn, track) || track === null) return;
      track.contentHint = 'detail';
      track.onended = () => this.unshare_screen();
      this.apply_();
    } finally {
      this.asking_for_screen_ = false;
    }
  }

  unshare_screen(): void {
    this.screen_.empty();
    this.apply_();
  }

  /** The list of devices has changed: those that went away while they were on are opened anew. */
  async reopen_lost(): Promise<void> {
    const lost = (slot: Slot): boolean => slot.track !== null && !slot.alive;
    const choice = this.choice_;
    if (choice === null) return;
    if (this.microphone_on_ && lost(this.microphone_)) await this.switch_microphone(choice).catch(() => {});
    if (this.camera_on_ && lost(this.camera_)) await this.reopen_camera_(choice).catch(() => {});
  }

  private apply_(): void {
    const watch = (slot: Slot, kind: DeviceKind, on: boolean): void => {
      const { track } = slot;
      if (track === null) return;
      track.enabled = on;
      // A camera that is unplugged ends its track; say so instead of freezing without a word.
      track.onended = () => this.handlers_.unplugged(kind);
      // The system, or a switch at the device, may silence it.
      track.onmute = () => this.handlers_.changed();
      track.onunmute = () => this.handlers_.changed();
    };
    watch(this.microphone_, 'microphone', this.microphone_on_);
    watch(this.camera_, 'camera', this.camera_on_);
    void this.send_();
    this.handlers_.changed();
  }

  private async send_(): Promise<void> {
    // Replacements of one sender happen in the order in which they were asked for (W3C WebRTC,
    // replaceTrack: the operation is chained), so the last one stands.
    await Promise.all([
      this.senders_?.audio.replaceTrack(this.microphone_.track),
      this.senders_?.video.replaceTrack(this.screen_.track ?? this.camera_.track),
    ]).catch(() => {});
  }
}
