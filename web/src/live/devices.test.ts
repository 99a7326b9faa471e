import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { choice, FakeTrack, named } from '../../tests/fakes';
import { browser_media, kResolutions, PartFailure } from './devices';

/** What the browser throws for each device; null: it opens. */
let camera: Error | null;
let microphone: Error | null;
let asked: string[];
let opened: FakeTrack[];
let granted: string[];

beforeEach(() => {
  camera = null;
  microphone = null;
  asked = [];
  opened = [];
  granted = ['camera', 'microphone'];
  vi.stubGlobal('navigator', {
    permissions: { query: async ({ name }: { name: string }) => ({ state: granted.includes(name) ? 'granted' : 'denied' }) },
    mediaDevices: {
      getUserMedia: async ({ audio, video }: MediaStreamConstraints) => {
        const id = typeof video === 'object' ? video.deviceId : undefined;
        asked.push(`${audio ? 'a' : ''}${video ? 'v' : ''}${id === undefined ? '' : '!'}`);
        if (video && camera !== null && !(camera.name === 'OverconstrainedError' && id === undefined)) throw camera;
        if (audio && microphone !== null) throw microphone;
        const make = (wanted: unknown, name: string): FakeTrack[] => {
          const tracks = wanted ? [new FakeTrack(name)] : [];
          opened.push(...tracks);
          return tracks;
        };
        const tracks = { audio: make(audio, 'microphone'), video: make(video, 'camera') };
        return { getAudioTracks: () => tracks.audio, getVideoTracks: () => tracks.video };
      },
    },
  });
});
afterEach(() => vi.unstubAllGlobals());

const left_open = (): string[] => opened.filter((track) => !track.stopped).map(({ name }) => name);

describe('camera and microphone', () => {
  it('are asked for once', async () => {
    await browser_media.open(choice());
    expect(asked).toEqual(['av']);
  });

  it.each(['NotFoundError', 'NotReadableError', 'AbortError', 'OverconstrainedError'])(
    'name the one that fails with %s, and leave nothing open',
    async (name) => {
      microphone = named(name);
      const failure = await browser_media.open(choice()).catch((cause: unknown) => cause);
      expect(failure).toBeInstanceOf(PartFailure);
      expect(failure).toMatchObject({ failed: 'microphone', cause: microphone });
      expect(asked).toEqual(['av', 'v', 'a']);
      expect(left_open()).toEqual([]);
    },
  );

  it('fail together if neither works', async () => {
    camera = named('NotFoundError');
    microphone = named('NotFoundError');
    await expect(browser_media.open(choice())).rejects.toBe(camera);
    expect(left_open()).toEqual([]);
  });

  it('are both there if they only could not be opened together', async () => {
    const open = navigator.mediaDevices.getUserMedia;
    let first = true;
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      if (first) {
        first = false;
        throw named('AbortError');
      }
      return open(wanted);
    };
    const { audio, video } = await browser_media.open(choice());
    expect([audio, video].every((track) => track !== null)).toBe(true);
    expect(left_open()).toEqual(['camera', 'microphone']);
  });

  it('are not asked for again by who has just said no', async () => {
    camera = named('NotAllowedError');
    granted = [];
    await expect(browser_media.open(choice())).rejects.toBe(camera);
    expect(asked).toEqual(['av']);
    // The settings of the system may block one of two that the page may use.
    granted = ['microphone'];
    await expect(browser_media.open(choice())).rejects.toMatchObject({ failed: 'camera' });
  });

  it('are the default ones if the chosen one of before is gone', async () => {
    camera = named('OverconstrainedError');
    const { audio, video } = await browser_media.open({ ...choice(), camera: 'gone' });
    expect([audio, video].every((track) => track !== null)).toBe(true);
    expect(asked).toEqual(['av!', 'v!', 'v', 'a']);
  });

  it('open alone what alone is wanted', async () => {
    expect(await browser_media.open(choice(), { camera: false, microphone: true })).toMatchObject({ video: null });
    expect(await browser_media.open(choice(), { camera: false, microphone: false })).toEqual({ audio: null, video: null });
    expect(asked).toEqual(['a']);
  });
});

it('offers sizes of one shape', () => {
  for (const { width, height } of Object.values(kResolutions)) expect(width / height).toBeCloseTo(16 / 9, 1);
});
