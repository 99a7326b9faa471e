/** Measures how loud a track is, from 0 (silence) to 1 (full scale), a few dozen times a second. */
export class LevelMeter {
  private readonly context_ = new AudioContext();
  private readonly analyser_ = this.context_.createAnalyser();
  private readonly samples_: Float32Array<ArrayBuffer>;
  private frame_ = 0;

  constructor(track: MediaStreamTrack, changed: (level: number) => void) {
    this.analyser_.fftSize = 512;
    this.samples_ = new Float32Array(this.analyser_.fftSize);
    this.context_.createMediaStreamSource(new MediaStream([track])).connect(this.analyser_);
    // Some browsers start the context suspended until the page is touched.
    if (this.context_.state === 'suspended') void this.context_.resume().catch(() => {});
    const measure = (): void => {
      this.analyser_.getFloatTimeDomainData(this.samples_);
      changed(level_of(this.samples_));
      this.frame_ = requestAnimationFrame(measure);
    };
    measure();
  }

  close(): void {
    cancelAnimationFrame(this.frame_);
    void this.context_.close().catch(() => {});
  }
}

/** Decibels spread over the range of a voice: -60 dBFS is nothing, 0 dBFS is everything. */
export function level_of(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  if (rms === 0) return 0;
  return Math.min(1, Math.max(0, 1 + (20 * Math.log10(rms)) / 60));
}
