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
  '480p': { width: 640, height: 480 },
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

const kDeviceErrors: Record<string, string> = {
  NotAllowedError: 'device_denied',
  SecurityError: 'device_denied',
  NotFoundError: 'device_missing',
  DevicesNotFoundError: 'device_missing',
  NotReadableError: 'device_busy',
  AbortError: 'device_busy',
  OverconstrainedError: 'device_gone',
  InsecurePageError: 'device_insecure',
};

/** Turns what getUserMedia throws into something that a person can act on. */
export function device_error(cause: unknown): LiveError {
  const name = cause instanceof Error || cause instanceof DOMException ? cause.name : '';
  return live_error(kDeviceErrors[name] ?? 'device_failed', cause instanceof Error ? cause.message : '');
}

export interface MediaSource {
  /** Camera and microphone, null for one that is not wanted; throws what getUserMedia throws. */
  open(choice: DeviceChoice): Promise<{ audio: MediaStreamTrack | null; video: MediaStreamTrack | null }>;
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

export const browser_media: MediaSource = {
  async open(choice) {
    const stream = await devices().getUserMedia({
      audio: audio_constraints(choice),
      video: video_constraints(choice),
    });
    return { audio: first(stream.getAudioTracks()), video: first(stream.getVideoTracks()) };
  },
  async open_microphone(choice) {
    return first((await devices().getUserMedia({ audio: audio_constraints(choice) })).getAudioTracks());
  },
  async open_camera(choice) {
    return first((await devices().getUserMedia({ video: video_constraints(choice) })).getVideoTracks());
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
