import { ApiError } from './errors';
import type { Recording, RecordingChange, RecordingPage, RecordingUsage } from './recordings';
import { time_limit } from './time_limit';
import type { Broadcast, BroadcastPage, CallPage, Login, PeoplePage, Session, User } from './types';
import { upload } from './upload';

/** An answer takes no longer; an upload may, as long as it moves. */
const kTimeoutMs = 10_000;
/** Longer than the server itself waits for a recording that is still being written. */
const kRemovalTimeoutMs = 30_000;
/** The server reads and converts a picture once all of it is there. */
const kStallMs = 30_000;

export interface ApiOptions {
  fetch?: typeof globalThis.fetch;
  token(): string | null;
  /** The server does not know the session of this token (any more). */
  signed_out(token: string): void;
}

/** The REST interface of the server. Every method throws ApiError and nothing else. */
export class Api {
  constructor(private readonly options_: ApiOptions) {}

  register(nickname: string, password: string): Promise<Login> {
    return this.call_('POST', '/users', { nickname, password });
  }

  sign_in(nickname: string, password: string): Promise<Login> {
    return this.call_('POST', '/sessions', { nickname, password });
  }

  sign_out(): Promise<void> {
    return this.call_('DELETE', '/sessions/current');
  }

  me(): Promise<User> {
    return this.call_('GET', '/me');
  }

  rename(nickname: string): Promise<User> {
    return this.call_('PATCH', '/me', { nickname });
  }

  set_avatar(picture: Blob): Promise<User> {
    return this.call_('PUT', '/me/avatar', picture);
  }

  remove_avatar(): Promise<User> {
    return this.call_('DELETE', '/me/avatar');
  }

  change_password(old_password: string, new_password: string): Promise<void> {
    return this.call_('PUT', '/me/password', { old: old_password, new: new_password });
  }

  async sessions(): Promise<Session[]> {
    return (await this.call_<{ sessions: Session[] }>('GET', '/sessions')).sessions;
  }

  end_session(id: string): Promise<void> {
    return this.call_('DELETE', `/sessions/${encodeURIComponent(id)}`);
  }

  end_all_sessions(): Promise<void> {
    return this.call_('DELETE', '/sessions');
  }

  delete_account(password: string): Promise<void> {
    return this.call_('DELETE', '/me', { password });
  }

  broadcasts(page: number, size: number): Promise<BroadcastPage> {
    return this.call_('GET', `/broadcasts?page=${page}&size=${size}`);
  }

  broadcast(id: string): Promise<Broadcast> {
    return this.call_('GET', `/broadcasts/${encodeURIComponent(id)}`);
  }

  /** Those whose nickname contains `part`; who can be reached comes first. */
  /** By nickname. `here`: only those who are not offline; `after`: the `next` of the page before. */
  people(part: string, here: boolean, after: string, size: number): Promise<PeoplePage> {
    return this.call_('GET', `/people?${new URLSearchParams({ q: part, here: `${here}`, after, size: `${size}` })}`);
  }

  calls(page: number, size: number): Promise<CallPage> {
    return this.call_('GET', `/calls?page=${page}&size=${size}`);
  }

  clear_calls(): Promise<void> {
    return this.call_('DELETE', '/calls');
  }

  /** Whom this user has blocked, by nickname. */
  async blocked(): Promise<User[]> {
    return (await this.call_<{ people: User[] }>('GET', '/blocked')).people;
  }

  /** Who is blocked cannot call this user any more, and is not told why. */
  block(id: string): Promise<void> {
    return this.call_('PUT', `/blocked/${encodeURIComponent(id)}`);
  }

  unblock(id: string): Promise<void> {
    return this.call_('DELETE', `/blocked/${encodeURIComponent(id)}`);
  }

  /** `query`: page, size, and the filters of recordings/filters.ts. */
  recordings(query: Record<string, string>): Promise<RecordingPage> {
    return this.call_('GET', `/recordings?${new URLSearchParams(query)}`);
  }

  recording(id: string): Promise<Recording> {
    return this.call_('GET', `/recordings/${encodeURIComponent(id)}`);
  }

  change_recording(id: string, change: RecordingChange): Promise<Recording> {
    return this.call_('PATCH', `/recordings/${encodeURIComponent(id)}`, change);
  }

  delete_recording(id: string): Promise<void> {
    return this.call_('DELETE', `/recordings/${encodeURIComponent(id)}`, undefined, kRemovalTimeoutMs);
  }

  recording_usage(): Promise<RecordingUsage> {
    return this.call_('GET', '/recordings/usage');
  }

  /** `body`: a Blob goes as it is, everything else as JSON. */
  private async call_<Result>(method: string, path: string, body?: object, timeout_ms = kTimeoutMs): Promise<Result> {
    const headers: Record<string, string> = { Accept: 'application/json, application/problem+json' };
    const token = this.options_.token();
    if (token !== null) headers.Authorization = `Bearer ${token}`;
    if (body !== undefined) headers['Content-Type'] = body instanceof Blob ? body.type : 'application/json';
    const url = `/api/v2${path}`;
    const limit = time_limit(body instanceof Blob ? kStallMs : timeout_ms);
    try {
      const response =
        body instanceof Blob
          ? await upload(url, { method, headers, body, limit })
          : await (this.options_.fetch ?? fetch)(url, {
              method,
              headers,
              body: body === undefined ? body : JSON.stringify(body),
              signal: limit.signal,
            });
      if (!response.ok) {
        const error = await problem_of(response);
        if (error.code === 'unauthorized' && token !== null) this.options_.signed_out(token);
        throw error;
      }
      return response.status === 204 ? (undefined as Result) : ((await response.json()) as Result);
    } catch (cause) {
      if (cause instanceof ApiError) throw cause;
      throw new ApiError(limit.over ? 'timeout' : 'network', String(cause), 0);
    } finally {
      limit.stop();
    }
  }
}

async function problem_of(response: Response): Promise<ApiError> {
  const problem: unknown = await response.json().catch(() => null);
  const { code, detail, title } = (problem ?? {}) as Record<string, unknown>;
  const message = typeof detail === 'string' ? detail : typeof title === 'string' ? title : '';
  if (typeof code === 'string') return new ApiError(code, message, response.status, retry_after(response));
  // A proxy in between answers without our codes.
  if (response.status === 401) return new ApiError('unauthorized', message, 401);
  return new ApiError(response.status >= 500 ? 'network' : 'unknown', message, response.status);
}

/** Only the number of seconds is understood: our server says nothing else. */
function retry_after(response: Response): number | null {
  const seconds = Number(response.headers.get('Retry-After') ?? '');
  return Number.isInteger(seconds) && seconds > 0 ? seconds : null;
}
