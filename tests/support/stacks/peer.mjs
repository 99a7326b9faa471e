// What the programs in JavaScript have in common: as peer.py for those in Python.
import { createInterface } from 'node:readline';

export const OPTIONS = JSON.parse(process.argv[2]);
export const counters = { state: 'new', pictures: 0, readable: 0, backwards: 0, first: null, last: null, sounds: 0 };

export const report = () => console.log(JSON.stringify(counters));
setInterval(report, 200);

// A picture was decoded; its number, or null.
export function saw(number) {
  ++counters.pictures;
  if (number === null) return;
  ++counters.readable;
  if (counters.last !== null && number <= counters.last) ++counters.backwards;
  counters.first ??= number;
  counters.last = number;
}

// A session by WHIP or WHEP: offer(sdp) answers the answer; restart(fragment) answers the server's; remove().
export function session() {
  let location;
  let etag;
  const send = async (method, url, type, body, headers) => {
    const response = await fetch(url, {
      method, body, headers: { authorization: `Bearer ${OPTIONS.token}`, ...(type ? { 'content-type': type } : {}), ...headers },
    });
    if (!response.ok) {
      counters.error = `${response.status} ${await response.text()}`;
      report();
      process.exit(1);
    }
    return response;
  };
  return {
    async offer(sdp) {
      const response = await send('POST', OPTIONS.url, 'application/sdp', sdp);
      location = new URL(response.headers.get('location'), OPTIONS.url);
      etag = response.headers.get('etag');
      counters.location = location.href;
      counters.broadcast = /broadcasts\/([^>]+)>/.exec(response.headers.get('link'))[1];
      return response.text();
    },
    async restart(fragment) {
      const response = await send('PATCH', location, 'application/trickle-ice-sdpfrag', fragment, { 'if-match': etag });
      etag = response.headers.get('etag');
      return response.text();
    },
    remove: () => send('DELETE', location),
  };
}

// Orders from the standard input: a function for each. "close" comes when it ends, too.
export async function obey(orders) {
  for await (const order of createInterface({ input: process.stdin })) await orders[order]();
  await orders.close();
}

export function end() {
  report();
  // What was printed goes out first.
  process.stdout.write('', () => process.exit(0));
}
