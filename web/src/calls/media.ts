import type { DeviceKind, MediaSource, Wanted } from '@/live/devices';

/** What a person brings to a call: everything, one of the two, or neither (they can still see and hear). */
export type DeviceUse = 'camera' | 'sound' | 'picture' | 'none';

const kWanted: Record<DeviceUse, Wanted> = {
  camera: { camera: true, microphone: true },
  sound: { camera: false, microphone: true },
  picture: { camera: true, microphone: false },
  none: { camera: false, microphone: false },
};

/** `base`, but opening only what is wanted at the moment. */
export function media_for(base: MediaSource, use: () => DeviceUse): MediaSource {
  return {
    ...base,
    allowed() {
      const wanted = kWanted[use()];
      return base.allowed((['camera', 'microphone'] as const).filter((kind) => wanted[kind]));
    },
    async open(choice) {
      const wanted = kWanted[use()];
      if (wanted.camera && wanted.microphone) return base.open(choice);
      return {
        audio: wanted.microphone ? await base.open_microphone(choice) : null,
        video: wanted.camera ? await base.open_camera(choice) : null,
      };
    },
  };
}

/** What to try when `use` could not be had; `failed`: the one of the two that is to blame, if it is known. */
export function less_than(use: DeviceUse, failed?: DeviceKind): DeviceUse | null {
  if (use === 'camera') return failed === 'microphone' ? 'picture' : 'sound';
  return use === 'none' ? null : 'none';
}
