import { onBeforeUnmount, ref, type Ref } from 'vue';
import { server_now } from '@/api/server_clock';

/** The server's clock in milliseconds since 1970, renewed every `interval` milliseconds. */
export function useNow(interval: number): Ref<number> {
  const now = ref(server_now());
  const timer = setInterval(() => {
    now.value = server_now();
  }, interval);
  onBeforeUnmount(() => clearInterval(timer));
  return now;
}

/** 75 000 → "1:15", 3 675 000 → "1:01:15". */
export function duration_text(milliseconds: number): string {
  const total = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor(total / 60) % 60;
  const seconds = two(total % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${seconds}` : `${minutes}:${seconds}`;
}

/** "12 minutes ago" in the given language; null for less than a minute. */
export function ago_text(milliseconds: number, language: string): string | null {
  const minutes = Math.floor(milliseconds / 60_000);
  if (minutes < 1) return null;
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'always' });
  if (minutes < 60) return format.format(-minutes, 'minute');
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? format.format(-hours, 'hour') : format.format(-Math.floor(hours / 24), 'day');
}

/** Today the time of day, before that the day as well. */
export function day_and_time(at: number, language: string, now = server_now()): string {
  const today = new Date(at).toDateString() === new Date(now).toDateString();
  const time: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
  const day: Intl.DateTimeFormatOptions = { month: 'short', day: 'numeric' };
  return new Intl.DateTimeFormat(language, today ? time : { ...day, ...time }).format(at);
}

/** The time of day with seconds, on a clock of 24 hours. */
export function clock_time(at: number, language: string): string {
  return new Intl.DateTimeFormat(language, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  }).format(at);
}

/** "45 seconds", "3 minutes": how long to wait, never too short. */
export function wait_text(seconds: number, language: string): string {
  const minutes = Math.ceil(seconds / 60);
  const [amount, unit] =
    seconds < 90 ? [seconds, 'second'] : minutes < 90 ? [minutes, 'minute'] : [Math.ceil(minutes / 60), 'hour'];
  return new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' }).format(amount);
}
