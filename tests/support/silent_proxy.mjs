// A proxy that passes ordinary HTTP, and WebSockets without a word: `unanswered` takes the request to upgrade and never
// answers it, `mute` answers it and passes no frame. Answers { url, upgrades (how many it took), close() }.
import { createHash } from 'node:crypto';
import net from 'node:net';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export async function silentProxy(server, { mute = false } = {}) {
  const sockets = new Set();
  let upgrades = 0;
  const keep = (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  };
  const listener = net.createServer((near) => {
    keep(near);
    near.once('data', (first) => {
      const head = first.toString('latin1');
      if (/^upgrade: *websocket/im.test(head)) {
        ++upgrades;
        near.resume();
        if (!mute) return;
        const key = /^sec-websocket-key: *(\S+)/im.exec(head)[1];
        const accept = createHash('sha1').update(key + GUID).digest('base64');
        near.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
        );
        return;
      }
      const far = net.connect(server.port, '127.0.0.1');
      keep(far);
      far.write(first);
      near.pipe(far).pipe(near);
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
    });
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${listener.address().port}`,
    get upgrades() {
      return upgrades;
    },
    close() {
      listener.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
