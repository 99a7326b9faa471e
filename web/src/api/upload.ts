import type { TimeLimit } from './time_limit';

/**
 * Sends `body`, which may take long on a slow line: `limit` begins anew with each part that has gone out. Like
 * `fetch`, which does not tell how far it is. Rejects if there is no answer.
 */
export function upload(
  url: string,
  { method, headers, body, limit }: { method: string; headers: Record<string, string>; body: Blob; limit: TimeLimit },
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = () => limit.extend();
    request.onload = () => {
      const empty = request.status === 204 || request.status === 304;
      const wait = request.getResponseHeader('Retry-After');
      const headers: Record<string, string> = wait === null ? {} : { 'Retry-After': wait };
      resolve(new Response(empty ? null : request.responseText, { status: request.status, headers }));
    };
    request.onerror = () => reject(new TypeError('The upload failed.'));
    request.onabort = () => reject(new TypeError('The upload was ended.'));
    limit.signal.addEventListener('abort', () => request.abort());
    request.send(body);
  });
}
