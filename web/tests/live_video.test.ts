import { mount, type VueWrapper } from '@vue/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import LiveVideo from '@/components/LiveVideo.vue';
import { i18n } from '@/i18n';

interface Sound {
  readyState: string;
  muted: boolean;
}

/** A stream that is received, as far as the element's owner looks at it. */
class Stream {
  active = true;
  audio: Sound[] = [{ readyState: 'live', muted: false }];
  video: object[] = [{}];
  getAudioTracks = (): Sound[] => this.audio;
  getVideoTracks = (): object[] => this.video;
}

let mounted: VueWrapper | null = null;
const play = vi.fn<() => Promise<void>>();
let paused = false;

function show(stream: Stream, plain = false): VueWrapper {
  mounted = mount(LiveVideo, {
    props: { stream: stream as unknown as MediaStream, muted: false, label: 'picture', mark: 'm', plain },
    attrs: { class: 'theirs', 'data-testid': 'video' },
    global: { plugins: [i18n] },
  });
  return mounted;
}

const events = (of: VueWrapper): string[] => Object.keys(of.emitted()).filter((name) => !['pause', 'playing', 'click'].includes(name));
const not_allowed = (): Promise<void> => Promise.reject(new DOMException('no', 'NotAllowedError'));
const stops = async (of: VueWrapper): Promise<void> => {
  paused = true;
  await of.find('video').trigger('pause');
  await vi.advanceTimersByTimeAsync(0);
};

beforeEach(() => {
  vi.useFakeTimers();
  paused = false;
  play.mockReset();
  play.mockImplementation(async () => {
    paused = false;
  });
  const element = HTMLMediaElement.prototype;
  vi.spyOn(element, 'play').mockImplementation(play);
  vi.spyOn(element, 'pause').mockImplementation(() => {
    paused = true;
  });
  vi.spyOn(element, 'paused', 'get').mockImplementation(() => paused);
  let source: unknown = null;
  Object.defineProperty(element, 'srcObject', {
    configurable: true,
    get: () => source,
    set: (value: unknown) => {
      source = value;
    },
  });
});
afterEach(() => {
  mounted?.unmount();
  mounted = null;
  vi.useRealTimers();
});

describe('a live picture that the browser pauses', () => {
  it('plays again', async () => {
    const video = show(new Stream());
    await vi.advanceTimersByTimeAsync(0);
    expect(play).toHaveBeenCalledTimes(1);
    await stops(video);
    expect(play).toHaveBeenCalledTimes(2);
    expect(video.find('button').exists()).toBe(false);
  });

  it('stays as it is when the stream is over', async () => {
    const stream = new Stream();
    const video = show(stream);
    stream.active = false;
    await stops(video);
    expect(play).toHaveBeenCalledTimes(1);
  });

  it('gets a button if the browser does not let it play, also without sound', async () => {
    const video = show(new Stream());
    await vi.advanceTimersByTimeAsync(0);
    play.mockImplementation(not_allowed);
    await stops(video);
    expect(video.emitted('blocked')).toHaveLength(1);
    play.mockImplementation(async () => {
      paused = false;
    });
    await video.find('[data-testid="live-play"]').trigger('click');
    await vi.advanceTimersByTimeAsync(0);
    expect(video.find('button').exists()).toBe(false);
    expect(paused).toBe(false);
  });

  it('gets a button rather than a fight without end', async () => {
    const video = show(new Stream());
    await vi.advanceTimersByTimeAsync(0);
    for (let i = 0; i < 10; ++i) await stops(video);
    expect(play).toHaveBeenCalledTimes(1 + 3);
    expect(video.find('[data-testid="live-play"]').exists()).toBe(true);
  });

  it('tries again when the page is looked at', async () => {
    const video = show(new Stream());
    play.mockImplementation(() => Promise.reject(new DOMException('in the background', 'AbortError')));
    await stops(video);
    play.mockImplementation(async () => {
      paused = false;
    });
    document.dispatchEvent(new Event('visibilitychange'));
    await vi.advanceTimersByTimeAsync(0);
    expect(paused).toBe(false);
  });

  it('stays paused if the user did that, until the user wants it', async () => {
    const video = show(new Stream());
    await vi.advanceTimersByTimeAsync(0);
    const { toggle } = video.vm as unknown as { toggle(): void };
    toggle();
    await stops(video);
    document.dispatchEvent(new Event('visibilitychange'));
    expect([play.mock.calls.length, paused]).toEqual([1, true]);
    toggle();
    await vi.advanceTimersByTimeAsync(0);
    expect([play.mock.calls.length, paused]).toEqual([2, false]);
  });

  it('has no button within a button', async () => {
    const video = show(new Stream(), true);
    play.mockImplementation(not_allowed);
    await stops(video);
    expect(video.find('button').exists()).toBe(false);
  });

  it('lies where its owner says, and is found by its owner’s name', () => {
    const video = show(new Stream());
    expect(video.classes()).toContain('theirs');
    expect(video.find('[data-testid="video"]').element.tagName).toBe('VIDEO');
  });
});

describe('a stream without a picture', () => {
  it('is told at once if it has no such track', async () => {
    const stream = new Stream();
    stream.video = [];
    const video = show(stream);
    await video.find('video').trigger('playing');
    expect(video.emitted('sound')).toHaveLength(1);
  });

  it('is told after a while if only sound arrives', async () => {
    const stream = new Stream();
    stream.audio = [{ readyState: 'live', muted: true }];
    const video = show(stream);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(events(video)).not.toContain('sound');
    stream.audio[0]!.muted = false;
    await vi.advanceTimersByTimeAsync(4_000);
    expect(video.emitted('sound')).toHaveLength(1);
    expect(events(video)).not.toContain('picture');
  });
});
