import type { DeviceUse } from './media';

/** The call that this tab is part of, for the page after a reload. */
export interface Remembered {
  call_id: string;
  use: DeviceUse;
  /** A microphone that was off must not come back on by itself. */
  microphone: boolean;
  camera: boolean;
}

export interface Memory {
  read(): Remembered | null;
  write(call: Remembered | null): void;
}

const kKey = 'loopcast.call';
const kUses = new Set<DeviceUse>(['camera', 'sound', 'picture', 'none']);

/** sessionStorage belongs to one tab and survives its reload, which is just what is needed. */
export const tab_memory: Memory = {
  read() {
    try {
      const stored = JSON.parse(sessionStorage.getItem(kKey) ?? 'null') as Partial<Remembered> | null;
      if (typeof stored?.call_id !== 'string') return null;
      const use = stored.use !== undefined && kUses.has(stored.use) ? stored.use : 'camera';
      return { call_id: stored.call_id, use, microphone: stored.microphone !== false, camera: stored.camera !== false };
    } catch {
      return null;
    }
  },
  write(call) {
    try {
      if (call === null) sessionStorage.removeItem(kKey);
      else sessionStorage.setItem(kKey, JSON.stringify(call));
    } catch {
      // Without storage a reload ends the call; everything else works.
    }
  },
};
