export type Grade = 'good' | 'fair' | 'poor';

/** What the statistics say so far, added up over all streams of one direction. */
export interface Sample {
  /** Milliseconds. */
  at: number;
  received: number;
  lost: number;
  frames: number;
  /** Of sound: all samples, and those that were made up for what did not come and could be heard. */
  samples: number;
  concealed: number;
  /** Milliseconds; null while nothing has been measured. */
  round_trip: number | null;
}

export interface Quality {
  /** The worse of the two directions. */
  grade: Grade;
  /** 0 to 1, of the packets that come in and of those that go out. */
  loss_in: number;
  loss_out: number;
  /** Milliseconds to the server and back; null while nothing has been measured. */
  round_trip: number | null;
  /** Pictures a second, of the other's video. */
  frames: number;
  /** 0 to 1: the share of the other's sound that was made up. */
  concealed: number;
}

type Stats = Record<string, any>;

/** The other's broadcast as it comes in here. */
export function incoming_sample(report: Iterable<Stats>, at: number): Sample {
  const sample: Sample = { at, received: 0, lost: 0, frames: 0, samples: 0, concealed: 0, round_trip: null };
  for (const stats of report) {
    if (stats.type === 'inbound-rtp') {
      sample.received += stats.packetsReceived ?? 0;
      sample.lost += Math.max(0, stats.packetsLost ?? 0);
      if (stats.kind === 'video') sample.frames += stats.framesDecoded ?? 0;
      if (stats.kind === 'audio') {
        sample.samples += stats.totalSamplesReceived ?? 0;
        sample.concealed += Math.max(0, (stats.concealedSamples ?? 0) - (stats.silentConcealedSamples ?? 0));
      }
    }
    if (stats.type === 'candidate-pair' && stats.nominated === true && typeof stats.currentRoundTripTime === 'number')
      sample.round_trip = stats.currentRoundTripTime * 1000;
  }
  return sample;
}

/** The share of packets lost on the way to the server, by its latest reports. */
export function outgoing_loss(report: Iterable<Stats>): number {
  let worst = 0;
  for (const stats of report)
    if (stats.type === 'remote-inbound-rtp') worst = Math.max(worst, stats.fractionLost ?? 0);
  return Math.min(1, worst);
}

/** `moving`: the other's camera is on, so that many pictures are to be expected. */
export function quality_between(before: Sample, now: Sample, loss_out: number, moving: boolean): Quality {
  const seconds = Math.max(0.001, (now.at - before.at) / 1000);
  const received = Math.max(0, now.received - before.received);
  const lost = Math.max(0, now.lost - before.lost);
  const loss_in = received + lost === 0 ? 0 : lost / (received + lost);
  const frames = Math.max(0, (now.frames - before.frames) / seconds);
  const samples = now.samples - before.samples;
  const concealed = samples <= 0 ? 0 : Math.min(1, Math.max(0, (now.concealed - before.concealed) / samples));
  return {
    grade: worst(
      grade_of(Math.max(loss_in, loss_out), 0.02, 0.08),
      grade_of(now.round_trip ?? 0, 250, 500),
      grade_of(concealed, 0.03, 0.1),
      // Cameras give 30 pictures a second, in the dark 15; a picture that stutters has less.
      moving ? grade_of(-frames, -12, -6) : 'good',
    ),
    loss_in,
    loss_out,
    round_trip: now.round_trip,
    frames,
    concealed,
  };
}

const kGrades: readonly Grade[] = ['good', 'fair', 'poor'];

/**
 * Of packets, above 2 % retransmissions begin to show, above 8 % speech breaks up; round trips of 250 and
 * 500 ms are felt; sound that is made up is heard from a few percent on.
 */
function grade_of(value: number, fair_above: number, poor_above: number): Grade {
  return value > poor_above ? 'poor' : value > fair_above ? 'fair' : 'good';
}

function worst(...grades: Grade[]): Grade {
  return kGrades[Math.max(...grades.map((grade) => kGrades.indexOf(grade)))] ?? 'poor';
}
