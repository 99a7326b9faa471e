/** A failure that the page can put into words: `errors.<code>` in the message catalogues. */
export interface LiveError {
  code: string;
  /** What the server said; shown only if the code is unknown to this app. */
  message: string;
  /** The one of two devices that failed, while the other works. */
  failed?: 'camera' | 'microphone';
}

export interface Person {
  id?: string;
  nickname: string;
  avatar: string;
}

/** Somebody came or went. `at` is this machine's clock in milliseconds since 1970. */
export interface Notice {
  key: number;
  kind: 'entry' | 'leave';
  at: number;
  person: Person;
  /** Who leaves was here before this page was. */
  from_before?: boolean;
}

export function live_error(code: string, message = ''): LiveError {
  return { code, message };
}
