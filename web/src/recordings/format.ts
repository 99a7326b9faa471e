import { duration_text } from '@/composables/time';

const kUnits = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** 1 536 000 → "1.5 MB", in powers of a thousand, as disks are sold. */
export function bytes_text(bytes: number, language: string): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 999.5 && unit < kUnits.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return new Intl.NumberFormat(language, {
    style: 'unit',
    unit: kUnits[unit],
    unitDisplay: unit === 0 ? 'long' : 'short',
    maximumFractionDigits: digits,
  }).format(value);
}

/** A badge's text: 75.4 → "1:15". What is shorter than a second has one all the same. */
export function seconds_text(seconds: number): string {
  const whole = Number.isFinite(seconds) ? Math.max(seconds > 0 ? 1 : 0, Math.floor(seconds)) : 0;
  return duration_text(whole * 1000);
}

/** A time within something that lasts `duration` seconds, as long as that one's: "0:07", but "0:00:07" within hours. */
export function position_text(seconds: number, duration: number): string {
  const text = duration_text((Number.isFinite(seconds) ? seconds : 0) * 1000);
  const missing = duration >= 3600 && seconds < 3600;
  return missing ? `0:${text.padStart(5, '0')}` : text;
}

/** "12 min 5 s" for ears: screen readers stumble over "12:05". */
export function spoken_time(seconds: number, language: string): string {
  const total = Math.max(0, Math.floor(Number.isFinite(seconds) ? seconds : 0));
  const parts: [number, 'hour' | 'minute' | 'second'][] = [
    [Math.floor(total / 3600), 'hour'],
    [Math.floor(total / 60) % 60, 'minute'],
    [total % 60, 'second'],
  ];
  return parts
    .filter(([value, unit]) => value > 0 || (unit === 'second' && total === 0))
    .map(([value, unit]) => new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' }).format(value))
    .join(' ');
}

/** The day and the time, in the reader's zone. */
export function when_text(iso: string, language: string): string {
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return '';
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23' }).format(at);
}

const kCodecNames: Record<string, string> = { h264: 'H.264', vp8: 'VP8', vp9: 'VP9', av1: 'AV1', opus: 'Opus' };

/** "H.264 · Opus". */
export function codecs_text(...codecs: string[]): string {
  return codecs
    .filter((codec) => codec !== '')
    .map((codec) => kCodecNames[codec.toLowerCase()] ?? codec)
    .join(' · ');
}

/** Whether a place is worth showing. */
export function known_place(location: string): boolean {
  return location !== '' && location.toLowerCase() !== 'unknown';
}
