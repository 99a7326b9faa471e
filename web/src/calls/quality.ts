export type Grade = 'good' | 'fair' | 'poor';

/** What the statistics say so far, added up over all streams of one direction. */
export interface Sample {
  /** Milliseconds. */
  at: number;
  received: number;
  lost: number;
  frames: number;
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
}

type Stats = Record<string, any>;

/** The other's broadcast as it comes in here. */
export function incoming_sample(report: Iterable<Stats>, at: number): Sample {
  const sample: Sample = { at, received: 0, lost: 0, frames: 0, round_trip: null };
  for (const stats of report) {
    if (stats.type === 'inbound-rtp') {
      sample.received += stats.packetsReceived ?? 0;
      sample.lost += Math.max(0, stats.packetsLost ?? 0);
      if (stats.kind === 'video') sample.frames += stats.framesDecoded ?? 0;
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

export function quality_between(before: Sample, now: Sample, loss_out: number): Quality {
  const seconds = Math.max(0.001, (now.at - before.at) / 1000);
  const received = Math.max(0, now.received - before.received);
  const lost = Math.max(0, now.lost - before.lost);
  const loss_in = received + lost === 0 ? 0 : lost / (received + lost);
  return {
    grade: grade_of(Math.max(loss_in, loss_out), now.round_trip ?? 0),
    loss_in,
    loss_out,
    round_trip: now.round_trip,
    frames: Math.max(0, (now.frames - before.frames) / seconds),
  };
}

/** Above 2 % retransmissions begin to show, above 8 % speech breaks up; 250 and 500 ms are felt. */
function grade_of(loss: number, round_trip: number): Grade {
  if (loss > 0.08 || round_trip > 500) return 'poor';
  return loss > 0.02 || round_trip > 250 ? 'fair' : 'good';
}
