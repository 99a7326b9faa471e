import { first_characters } from '@/text';

/** What the list of recordings shows, as the address of the page says it. */
export interface Filters {
  /** Part of the title. */
  q: string;
  presenter: string;
  location: string;
  when: When;
  /** Days as yyyy-mm-dd, of the reader's own calendar; only for `when: 'range'`. Both belong to the range. */
  from: string;
  to: string;
  /** Minutes; null is no bound. */
  min: number | null;
  max: number | null;
}

export type When = '' | 'day' | 'week' | 'month' | 'year' | 'range';
type Query = Record<string, string>;

const kDays: Partial<Record<When, number>> = { day: 1, week: 7, month: 30, year: 365 };
/** As the server has it. */
const kMaxTextCharacters = 100;
const kMaxMinutes = 100_000;

export function no_filters(): Filters {
  return { q: '', presenter: '', location: '', when: '', from: '', to: '', min: null, max: null };
}

export function is_filtered(filters: Filters): boolean {
  return Object.keys(filters_to_query(filters)).length > 0;
}

/** Anything can stand in an address: what makes no sense is no filter. */
export function filters_from_query(query: Record<string, unknown>): Filters {
  const filters = no_filters();
  for (const key of ['q', 'presenter', 'location'] as const)
    filters[key] = first_characters(first(query[key]), kMaxTextCharacters);
  const [from, to] = [day(first(query.from)), day(first(query.to))];
  const when = first(query.when);
  if (from !== '' || to !== '' || when === 'range') Object.assign(filters, { when: 'range', from, to });
  else if (Object.hasOwn(kDays, when)) filters.when = when as When;
  filters.min = minutes(first(query.min));
  filters.max = minutes(first(query.max));
  return filters;
}

/** Only what is set, so that the plain list has a plain address. */
export function filters_to_query(filters: Filters): Query {
  const query: Query = {};
  for (const key of ['q', 'presenter', 'location'] as const) {
    const text = first_characters(filters[key].trim(), kMaxTextCharacters);
    if (text !== '') query[key] = text;
  }
  if (filters.when === 'range') {
    if (filters.from !== '') query.from = filters.from;
    if (filters.to !== '') query.to = filters.to;
    if (filters.from === '' && filters.to === '') query.when = 'range';
  } else if (filters.when !== '') query.when = filters.when;
  if (filters.min !== null) query.min = String(filters.min);
  if (filters.max !== null) query.max = String(filters.max);
  return query;
}

/** The parameters of `GET /api/v2/recordings`. `now` in milliseconds since 1970. */
export function filters_to_request(filters: Filters, now: number): Query {
  const request: Query = {};
  const query = filters_to_query(filters);
  for (const key of ['q', 'presenter', 'location'] as const) {
    const text = query[key];
    if (text !== undefined) request[key] = text;
  }
  const days = kDays[filters.when];
  if (days !== undefined) request.from = iso(start_of_day(now, 1 - days));
  if (filters.when === 'range') {
    const [from, to] = [filters.from, filters.to].map((text) => (text === '' ? null : Date.parse(`${text}T00:00:00`)));
    if (from != null) request.from = iso(from);
    // The last day belongs to the range, up to its last microsecond: the server's times are that fine.
    if (to != null) request.to = iso(start_of_day(to, 1) - 1000).replace('Z', '.999999Z');
  }
  if (filters.min !== null) request.min_duration = String(filters.min * 60);
  if (filters.max !== null) request.max_duration = String(filters.max * 60);
  return request;
}

/** The page number of an address; 1 for anything odd. */
export function page_from_query(query: Record<string, unknown>): number {
  const page = Number(first(query.page));
  return Number.isSafeInteger(page) && page > 0 && page < 1_000_000 ? page : 1;
}

export function page_to_query(page: number): Query {
  return page > 1 ? { page: String(page) } : {};
}

/** The page numbers to offer: both ends, the current one and its neighbours; null is a gap. */
export function page_steps(current: number, count: number): (number | null)[] {
  const wanted = [1, current - 1, current, current + 1, count].filter((page) => page >= 1 && page <= count);
  const steps: (number | null)[] = [];
  let last = 0;
  for (const page of [...new Set(wanted)].sort((a, b) => a - b)) {
    // A gap of one page is no shorter than that page.
    if (page === last + 2) steps.push(last + 1);
    else if (page > last + 2) steps.push(null);
    steps.push(page);
    last = page;
  }
  return steps;
}

function first(value: unknown): string {
  const one: unknown = Array.isArray(value) ? value[0] : value;
  return typeof one === 'string' ? one.trim() : '';
}

function day(text: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return '';
  const at = Date.parse(`${text}T00:00:00Z`);
  return Number.isNaN(at) || !new Date(at).toISOString().startsWith(text) ? '' : text;
}

function minutes(text: string): number | null {
  const value = text === '' ? NaN : Number(text);
  return Number.isFinite(value) && value >= 0 && value <= kMaxMinutes ? value : null;
}

/** Days have 23 to 25 hours: the calendar counts, not the clock. */
function start_of_day(at: number, days: number): number {
  const date = new Date(at);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days).getTime();
}

function iso(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}
