// Requests as bytes, for those that no client makes.
import { once } from 'node:events';
import net from 'node:net';
import { sleep } from './until.mjs';

// Sends the text on a connection of its own, from the address `from` of this machine, and answers what came until the
// server closed it or `ms` were over: { answer, statuses, status (the first), closed }.
export async function raw({ port }, text, { from = '127.0.0.1', ms = 10_000, connect = net.connect } = {}) {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from, servername: 'localhost', rejectUnauthorized: false });
  let answer = '';
  socket.on('data', (data) => (answer += data.toString('latin1')));
  socket.on('error', () => {});
  const closed = once(socket, 'close').then(() => true, () => true);
  socket.write(text);
  const done = await Promise.race([closed, sleep(ms)]);
  socket.destroy();
  const statuses = [...answer.matchAll(/HTTP\/1\.[01] (\d+) /g)].map((m) => Number(m[1]));
  return { answer, statuses, status: statuses.find((s) => s !== 100), closed: done === true };
}
