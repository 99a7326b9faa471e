import type { MediaSource } from '@/live/devices';

/** What a person brings to a call: everything, sound only, or neither (they can still see and hear). */
export type DeviceUse = 'camera' | 'sound' | 'none';

/** `base`, but opening only what is wanted at the moment. */
export function media_for(base: MediaSource, use: () => DeviceUse): MediaSource {
  return {
    ...base,
    allowed() {
      return use() === 'camera' ? base.allowed(['camera', 'microphone']) : base.allowed(use() === 'sound' ? ['microphone'] : []);
    },
    async open(choice) {
      switch (use()) {
        case 'camera':
          return base.open(choice);
        case 'sound':
          return { audio: await base.open_microphone(choice), video: null };
        case 'none':
          return { audio: null, video: null };
      }
    },
  };
}

/** What to try when `use` could not be had. */
export function less_than(use: DeviceUse): DeviceUse | null {
  return use === 'camera' ? 'sound' : use === 'sound' ? 'none' : null;
}
