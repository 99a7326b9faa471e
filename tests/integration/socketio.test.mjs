// Socket.IO over the wire (revisions 4 and 5), and with both generations of its client.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { io as io4 } from 'socket.io-client';
import io2 from 'socket.io-client-v2';
import { Probe, sleep, startServer, until } from './conformance.mjs';

let server;
let patient;
before(async () => {
  [server, patient] = await Promise.all([
    startServer('--eio3'),
    startServer('--eio3', '--patient'),
  ]);
});
after(() => Promise.all([server.stop(), patient.stop()]));

const ws = (eio, target = patient) => `${target.ws}/socket.io/?EIO=${eio}&transport=websocket`;

async function openRaw(eio, target = patient) {
  const probe = new Probe(ws(eio, target));
  assert.equal((await probe.next())[0], '0');
  return probe;
}

// In the default namespace, with its "auth" event out of the way.
async function join(eio, target = patient) {
  const probe = await openRaw(eio, target);
  if (eio === 4) probe.send('40');
  assert.match(await probe.next(), /^40/);
  assert.match(await probe.next(), /^42\["auth"/);
  return probe;
}

describe('revision 5 packets', () => {
  for (const name of ['', '/custom,']) {
    test(`CONNECT to ${name || 'the default namespace'}`, async () => {
      for (const auth of ['', '{"token":"123"}']) {
        const probe = await openRaw(4);
        probe.send(`40${name}${auth}`);
        const answer = await probe.next();
        assert.ok(answer.startsWith(`40${name}{`));
        const data = JSON.parse(answer.slice(2 + name.length));
        assert.deepEqual(Object.keys(data), ['sid']);
        assert.equal(await probe.next(), `42${name}["auth",${auth || '{}'}]`);
        await probe.close();
      }
    });
  }

  test('CONNECT to an unknown namespace', async () => {
    const probe = await openRaw(4);
    probe.send('40/random');
    assert.equal(await probe.next(), '44/random,{"message":"Invalid namespace"}');
    await probe.close();
  });

  test('a client that never connects is disconnected', async () => {
    const start = Date.now();
    const probe = await openRaw(4);
    await probe.closed;
    assert.ok(Date.now() - start > 800);
  });

  test('DISCONNECT of the last namespace keeps the connection for a while', async () => {
    const probe = await join(4, server);
    probe.send('41');
    assert.equal(await probe.next({ pings: true }), '2');
    await probe.close();
  });
});

describe('revision 4 packets', () => {
  test('the first polling answer has the open packet and the CONNECT', async () => {
    const response = await fetch(`${patient.http}/socket.io/?EIO=3&transport=polling`);
    assert.equal(response.headers.get('content-type'), 'text/plain; charset=UTF-8');
    const match = /^(\d+):(0\{.*\})2:40/.exec(await response.text());
    assert.ok(match);
    assert.equal(Number(match[1]), match[2].length);
  });

  test('CONNECT to another namespace, and to an unknown one', async () => {
    const probe = await join(3);
    probe.send('40/custom?token=abc,');
    assert.equal(await probe.next(), '40/custom,');
    assert.equal(await probe.next(), '42/custom,["auth",{}]');
    probe.send('40/random');
    assert.equal(await probe.next(), '44/random,{"message":"Invalid namespace"}');
    await probe.close();
  });

  test('DISCONNECT from the default namespace ends the connection', async () => {
    const probe = await join(3);
    probe.send('41');
    await probe.closed;
  });

  test('an error is an ERROR packet', async () => {
    const probe = await join(3);
    probe.send('42["fail"]');
    assert.equal(await probe.next(), '44{"message":"as you asked"}');
    await probe.close();
  });

  test('an unknown sid is told by its code', async () => {
    const response = await fetch(`${patient.http}/socket.io/?EIO=3&transport=polling&sid=nobody`);
    assert.equal(response.status, 400);
    assert.deepEqual(await response.json(), { code: 1, message: 'Session ID unknown' });
  });
});

for (const eio of [3, 4]) {
  describe(`events over Engine.IO ${eio}`, () => {
    const bytes = (...values) => Uint8Array.from(eio === 3 ? [4, ...values] : values);

    test('plain, with an acknowledgement, with attachments', async () => {
      const probe = await join(eio);
      probe.send('42["message",1,"2",{"3":[true]}]');
      assert.equal(await probe.next(), '42["message-back",1,"2",{"3":[true]}]');
      probe.send('42456["message-with-ack",1,"2",{"3":[false]}]');
      assert.equal(await probe.next(), '43456[1,"2",{"3":[false]}]');
      const holders = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';
      for (const [sent, expected] of [
        [`452-["message",${holders}]`, `452-["message-back",${holders}]`],
        [`452-789["message-with-ack",${holders}]`, `462-789[${holders}]`],
      ]) {
        probe.send(sent);
        probe.send(bytes(1, 2, 3));
        probe.send(bytes(4, 5, 6));
        assert.equal(await probe.next(), expected);
        assert.deepEqual(await probe.next(), bytes(1, 2, 3));
        assert.deepEqual(await probe.next(), bytes(4, 5, 6));
      }
      await probe.close();
    });

    test('two namespaces on one connection', async () => {
      const probe = await join(eio);
      probe.send('40/custom');
      assert.match(await probe.next(), /^40\/custom,/);
      assert.equal(await probe.next(), '42/custom,["auth",{}]');
      probe.send('42/custom,["message","there"]');
      assert.equal(await probe.next(), '42/custom,["message-back","there"]');
      probe.send('41/custom');
      probe.send('42["message","here"]');
      assert.equal(await probe.next(), '42["message-back","here"]');
      await probe.close();
    });

    test('malformed packets close the connection', async () => {
      for (const bad of [['4abc'], ['42{}'], ['42abc["message-with-ack",1]'], ['42["a"'], ['47'],
        ['451-["message",{"_placeholder":true,"num":7}]'], ['4'], [bytes(1)],
        ['451-["message",{"_placeholder":true,"num":0}]', '42["message"]']]) {
        const probe = await join(eio);
        for (const packet of bad) probe.send(packet);
        await probe.closed;
      }
    });

    test('a kicked client hears it', async () => {
      const probe = await join(eio);
      probe.send('42["kick"]');
      assert.equal(await probe.next(), '41');
      await probe.closed;
    });
  });
}

const generations = {
  'socket.io-client 2': (options, target) =>
    io2(target.http, { reconnection: false, forceNew: true, ...options }),
  'socket.io-client 4': (options, target) =>
    io4(target.http, { reconnection: false, forceNew: true, ...options }),
};

for (const [name, connect] of Object.entries(generations)) {
  for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
    describe(`${name} over ${transports.join(' and ')}`, () => {
      const open = async (options = {}, target = patient) => {
        const socket = connect({ transports, ...options }, target);
        const auth = once(socket, 'auth');
        await once(socket, 'connect');
        return [socket, (await auth)[0]];
      };
      const engine = (socket) => socket.io.engine;
      const closed = async (socket) => {
        const end = once(socket, 'disconnect');
        socket.disconnect();
        await end;
      };

      test('text, acknowledgements and binary', async () => {
        const [socket] = await open();
        const back = once(socket, 'message-back');
        socket.emit('message', 1, '\u4f60\u597d \u{1F600}', { a: [null, true] });
        assert.deepEqual(await back, [1, '\u4f60\u597d \u{1F600}', { a: [null, true] }]);
        const acked = await new Promise((resolve) =>
          socket.emit('message-with-ack', 'x', Buffer.from([1, 2, 255]), (...args) => resolve(args)),
        );
        assert.equal(acked[0], 'x');
        assert.deepEqual([...new Uint8Array(acked[1])], [1, 2, 255]);
        const binary = once(socket, 'message-back');
        socket.emit('message', { deep: [Buffer.from([0]), Buffer.alloc(50_000, 7)] });
        const [{ deep }] = await binary;
        assert.deepEqual([...new Uint8Array(deep[0])], [0]);
        assert.equal(Buffer.compare(Buffer.from(deep[1]), Buffer.alloc(50_000, 7)), 0);
        await closed(socket);
      });

      test('an error reaches its listener', async () => {
        const [socket] = await open();
        const error = new Promise((resolve) => socket.on('error', resolve));
        socket.emit('fail');
        assert.deepEqual(await error, { message: 'as you asked' });
        await closed(socket);
      });

      test('the server can disconnect', async () => {
        const [socket] = await open();
        const end = once(socket, 'disconnect');
        socket.emit('kick');
        assert.deepEqual((await end)[0], 'io server disconnect');
      });

      test('stays connected over several pings', async () => {
        const [socket] = await open({}, server);
        let ended = false;
        socket.on('disconnect', () => (ended = true));
        await sleep(1_500);
        assert.equal(ended, false);
        await closed(socket);
      });

      test('order is kept, nothing is lost or doubled', async () => {
        const socket = connect({ transports }, patient);
        const received = [];
        socket.on('message-back', (n) => received.push(n));
        let sent = 0;
        // From the first moment, over the upgrade and beyond.
        await once(socket, 'connect');
        for (let round = 0; round < 40; round++) {
          for (let i = 0; i < 25; i++) socket.emit('message', sent++);
          await sleep(5);
        }
        await until(() => received.length >= sent, 'all messages', 20_000);
        assert.deepEqual(received, Array.from({ length: sent }, (_, i) => i));
        assert.equal(engine(socket).transport.name, transports.at(-1));
        await closed(socket);
      });
    });
  }
}

test('revision 5 clients pass their auth and know their id', async () => {
  const socket = io4(patient.http, { forceNew: true, auth: { token: 'abc' } });
  assert.deepEqual(await once(socket, 'auth'), [{ token: 'abc' }]);
  assert.match(socket.id, /^[A-Za-z0-9_-]{20,}$/);
  socket.disconnect();
  const other = io4(`${patient.http}/custom`, { forceNew: true });
  assert.deepEqual(await once(other, 'auth'), [{}]);
  other.disconnect();
});

test('many short connections leave nothing behind', async () => {
  const rounds = Number(process.env.LOOPCAST_SHORT_CONNECTIONS ?? 1000);
  const descriptors = () => fs.readdirSync(`/proc/${server.pid}/fd`).length;
  const memory = () =>
    Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]);
  const short = async (i) => {
    const eio = 3 + (i % 2);
    if (i % 3 === 0) {
      await fetch(`${server.http}/socket.io/?EIO=${eio}&transport=polling`, {
        headers: { Connection: 'close' },
      }).then((r) => r.text());
      return;
    }
    const probe = await openRaw(eio, server);
    if (i % 3 === 1) probe.socket.terminate();
    else probe.close();
    await probe.closed;
  };
  const run = async (count) => {
    let next = 0;
    const worker = async () => {
      while (next < count) await short(next++);
    };
    await Promise.all(Array.from({ length: 20 }, worker));
  };
  // Sessions of polling clients that vanish end by their ping timeout.
  const settled = () =>
    until(async () => {
      const { sessions, sockets, websockets } = await server.counters();
      return sessions === 0 && sockets === 0 && websockets === 0;
    }, 'the end of all sessions');
  await run(300); // pools and caches fill up first
  await settled();
  const [fdsBefore, memoryBefore] = [descriptors(), memory()];
  await run(rounds);
  await settled();
  await until(() => descriptors() <= fdsBefore + 5, 'descriptors to be closed');
  // A connection with its session takes more than 20 kB: a leak of each would be twice the bound.
  const grown = memory() - memoryBefore;
  assert.ok(grown < rounds * 10, `${grown} kB more`);
});
