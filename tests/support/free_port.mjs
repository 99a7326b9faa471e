// A port of 127.0.0.1 that nobody listens on, for a program that is told its port.
import { once } from 'node:events';
import net from 'node:net';

export async function freePort() {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  listener.close();
  await once(listener, 'close');
  return port;
}
