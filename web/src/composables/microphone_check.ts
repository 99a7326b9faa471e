import { onBeforeUnmount, ref, shallowRef, type Ref, type ShallowRef } from 'vue';
import { browser_media, device_error, list_devices, type DeviceChoice, type DeviceList } from '@/live/devices';
import type { LiveError } from '@/live/types';

/** The devices, and a microphone that is open only to show that it works. Never the camera. */
export function useMicrophoneCheck(choice: Ref<DeviceChoice>): {
  devices: ShallowRef<DeviceList>;
  track: ShallowRef<MediaStreamTrack | null>;
  error: Ref<LiveError | null>;
  open(): Promise<void>;
  close(): void;
  list(): Promise<void>;
} {
  const devices = shallowRef<DeviceList>({ cameras: [], microphones: [] });
  const track = shallowRef<MediaStreamTrack | null>(null);
  const error = ref<LiveError | null>(null);
  let run = 0;

  async function list(): Promise<void> {
    devices.value = await list_devices().catch(() => devices.value);
  }

  function close(): void {
    run += 1;
    track.value?.stop();
    track.value = null;
  }

  async function open(): Promise<void> {
    close();
    const mine = run;
    error.value = null;
    try {
      const opened = await browser_media.open_microphone(choice.value);
      if (mine !== run) opened.stop();
      else track.value = opened;
    } catch (cause) {
      if (mine === run) error.value = device_error(cause);
    }
    await list();
  }

  const changed = (): void => void list();
  navigator.mediaDevices?.addEventListener('devicechange', changed);
  onBeforeUnmount(() => {
    navigator.mediaDevices?.removeEventListener('devicechange', changed);
    close();
  });
  return { devices, track, error, open, close, list };
}

/** True if the user has allowed the microphone before, so that opening it asks nothing. */
export function microphone_allowed(): Promise<boolean> {
  return browser_media.allowed(['microphone']);
}
