import { live_error, type LiveError } from './types';

export interface DeviceChoice {
  /** Empty: the browser's default. */
  camera: string;
  microphone: string;
  resolution: Resolution;
}

export type Resolution = '360p' | '480p' | '720p' | '1080p';

export const kResolutions: Record<Resolution, { width: number; height: number }> = {
  '360p': { width: 640, height: 360 },
  '480p': { width: 854, height: 480 },
  '720p': { width: 1280, height: 720 },
  '1080p': { width: 1920, height: 1080 },
};

const kFrameRate = 30;

export function video_constraints(choice: DeviceChoice): MediaTrackConstraints {
  const { width, height } = kResolutions[choice.resolution];
  return {
    ...(choice.camera === '' ? {} : { deviceId: { exact: choice.camera } }),
    width: { ideal: width },
    height: { ideal: height },
    aspectRatio: { ideal: width / height },
    frameRate: { ideal: kFrameRate },
  };
}

export function audio_constraints(choice: DeviceChoice): MediaTrackConstraints {
  return {
    ...(choice.microphone === '' ? {} : { deviceId: { exact: choice.microphone } }),
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
  };
}

export type DeviceKind = 'camera' | 'microphone';

/** One of the two could not be opened; the other can. */
export class PartFailure extends Error {
  override readonly name = 'PartFailure';
  constructor(
    readonly failed: DeviceKind,
    override readonly cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause));
  }
}

const kDeviceErrors: Record<string, string> = {
  NotAllowedError: 'denied',
  SecurityError: 'denied',
  NotFoundError: 'missing',
  DevicesNotFoundError: 'missing',
  NotReadableError: 'busy',
  AbortError: 'busy',
  OverconstrainedError: 'gone',
};

function name_of(cause: unknown): string {
  return cause instanceof Error || cause instanceof DOMException ? cause.name : '';
}

/** Turns what getUserMedia throws into something that a person can act on; names `kind` if it is known. */
export function device_error(cause: unknown, kind?: DeviceKind): LiveError {
  if (cause instanceof PartFailure) return { ...device_error(cause.cause, cause.failed), failed: cause.failed };
  if (name_of(cause) === 'InsecurePageError') return live_error('device_insecure');
  const what = kDeviceErrors[name_of(cause)] ?? 'failed';
  return live_error(`device_${kind === undefined ? '' : `${kind}_`}${what}`, cause instanceof Error ? cause.message : '');
}

/** What is to be opened. */
export type Wanted = Record<DeviceKind, boolean>;
export const kBoth: Wanted = { camera: true, microphone: true };

export interface OpenTracks {
  audio: MediaStreamTrack | null;
  video: MediaStreamTrack | null;
}

export interface MediaSource {
  /** Whether these kinds of device may be opened without asking; false where the browser does not tell. */
  allowed(kinds: readonly DeviceKind[]): Promise<boolean>;
  /**
   * Camera and microphone, null for one that is not wanted. Throws what getUserMedia throws, or a
   * PartFailure if one of two could have been opened without the other: nothing is open then.
   */
  open(choice: DeviceChoice, wanted?: Wanted): Promise<OpenTracks>;
  open_microphone(choice: DeviceChoice): Promise<MediaStreamTrack>;
  open_camera(choice: DeviceChoice): Promise<MediaStreamTrack>;
  open_screen(): Promise<MediaStreamTrack>;
}

function first(tracks: MediaStreamTrack[]): MediaStreamTrack {
  const track = tracks[0];
  if (track === undefined) throw new DOMException('no track', 'NotFoundError');
  return track;
}

function devices(): MediaDevices {
  // Browsers hide the devices from pages that were not loaded over HTTPS.
  if (navigator.mediaDevices === undefined) throw new InsecurePageError();
  return navigator.mediaDevices;
}

export class InsecurePageError extends Error {
  override readonly name = 'InsecurePageError';
}

/** A device that was chosen once and is not there today is no reason to have none. */
async function or_default(
  choice: DeviceChoice,
  kind: DeviceKind,
  open: (choice: DeviceChoice) => Promise<MediaStreamTrack>,
): Promise<MediaStreamTrack> {
  try {
    return await open(choice);
  } catch (cause) {
    if (name_of(cause) !== 'OverconstrainedError' || choice[kind] === '') throw cause;
    return open({ ...choice, [kind]: '' });
  }
}

/** Asked for together they failed: finds out which of the two it was. */
async function open_apart(media: MediaSource, choice: DeviceChoice, cause: unknown): Promise<OpenTracks> {
  if (name_of(cause) === 'InsecurePageError') throw cause;
  // Who has just said no is not asked twice more; but one may be allowed, and the other blocked.
  const denied = name_of(cause) === 'NotAllowedError' || name_of(cause) === 'SecurityError';
  const kinds: DeviceKind[] = ['camera', 'microphone'];
  const may = await Promise.all(kinds.map(async (kind) => !denied || (await media.allowed([kind]))));
  if (!may.includes(true)) throw cause;
  const failures = new Map<DeviceKind, unknown>();
  const attempt = async (index: number, open: () => Promise<MediaStreamTrack>): Promise<MediaStreamTrack | null> => {
    try {
      if (may[index] !== true) throw cause;
      return await open();
    } catch (why) {
      failures.set(kinds[index] as DeviceKind, why);
      return null;
    }
  };
  // One after the other: some browsers refuse a request while another is open.
  const video = await attempt(0, () => media.open_camera(choice));
  const audio = await attempt(1, () => media.open_microphone(choice));
  if (failures.size === 0) return { audio, video };
  video?.stop();
  audio?.stop();
  if (failures.size > 1) throw cause;
  const [failure] = failures;
  throw failure === undefined ? cause : new PartFailure(failure[0], failure[1]);
}

export const browser_media: MediaSource = {
  async allowed(kinds) {
    try {
      const all = await Promise.all(
        // Not every browser knows these names, and TypeScript's list leaves them out for that reason.
        kinds.map((name) => navigator.permissions.query({ name: name as PermissionName })),
      );
      return all.every(({ state }) => state === 'granted');
    } catch {
      return false;
    }
  },
  async open(choice, wanted = kBoth) {
    if (!wanted.camera && !wanted.microphone) return { audio: null, video: null };
    if (!wanted.camera) return { audio: await this.open_microphone(choice), video: null };
    if (!wanted.microphone) return { audio: null, video: await this.open_camera(choice) };
    try {
      // One request, so that the browser asks the user once.
      const stream = await devices().getUserMedia({
        audio: audio_constraints(choice),
        video: video_constraints(choice),
      });
      return { audio: first(stream.getAudioTracks()), video: first(stream.getVideoTracks()) };
    } catch (cause) {
      return open_apart(this, choice, cause);
    }
  },
  async open_microphone(choice) {
    const open = async (of: DeviceChoice): Promise<MediaStreamTrack> =>
      first((await devices().getUserMedia({ audio: audio_constraints(of) })).getAudioTracks());
    return or_default(choice, 'microphone', open);
  },
  async open_camera(choice) {
    const open = async (of: DeviceChoice): Promise<MediaStreamTrack> =>
      first((await devices().getUserMedia({ video: video_constraints(of) })).getVideoTracks());
    return or_default(choice, 'camera', open);
  },
  async open_screen() {
    const stream = await devices().getDisplayMedia({ video: { frameRate: { ideal: kFrameRate } } });
    return first(stream.getVideoTracks());
  },
};

export interface DeviceList {
  cameras: MediaDeviceInfo[];
  microphones: MediaDeviceInfo[];
}

/** Devices that can be told apart: before permission browsers list them without names. */
export async function list_devices(): Promise<DeviceList> {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  const named = all.filter((device) => device.deviceId !== '' && device.label !== '');
  return {
    cameras: named.filter((device) => device.kind === 'videoinput'),
    microphones: named.filter((device) => device.kind === 'audioinput'),
  };
}
