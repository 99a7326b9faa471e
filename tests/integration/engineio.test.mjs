// Engine.IO over the wire, revisions 3 and 4, against the echo server.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { MAX_PAYLOAD, PING_INTERVAL, PING_TIMEOUT, Probe, sleep, startServer, until } from './conformance.mjs';

let server;
let patient; // the same with long ping intervals
before(async () => {
  [server, patient] = await Promise.all([
    startServer('--engine', '--eio3'),
    startServer('--engine', '--eio3', '--patient'),
  ]);
});
after(() => Promise.all([server.stop(), patient.stop()]));

const at = (query, target = server) => `${target.http}/engine.io/?${query}`;
const ws = (query, target = server) => `${target.ws}/engine.io/?${query}`;
const polling = (eio, sid, more = '') => `EIO=${eio}&transport=polling${sid ? `&sid=${sid}` : ''}${more}`;
const websocket = (eio, sid) => `EIO=${eio}&transport=websocket${sid ? `&sid=${sid}` : ''}`;

// Packets of a text payload, in the encoding of the revision.
const payload = {
  3: (...packets) => packets.map((p) => `${p.length}:${p}`).join(''),
  4: (...packets) => packets.join('\x1e'),
};
const base64 = { 3: 'b4AQIDBA==', 4: 'bAQIDBA==' };

async function openPolling(eio, { more = '&b64=1', target = server } = {}) {
  const response = await fetch(at(polling(eio, null, more), target));
  assert.equal(response.status, 200);
  let text = await response.text();
  if (eio === 3) {
    const colon = text.indexOf(':');
    assert.equal(Number(text.slice(0, colon)), text.length - colon - 1);
    text = text.slice(colon + 1);
  }
  assert.equal(text[0], '0');
  return JSON.parse(text.slice(1));
}

async function post(eio, sid, body, { target = server, headers = {} } = {}) {
  const response = await fetch(at(polling(eio, sid), target), { method: 'POST', body, headers });
  return [response.status, await response.text()];
}

async function get(eio, sid, target = server) {
  const response = await fetch(at(polling(eio, sid), target));
  return [response.status, await response.text()];
}

async function openWebSocket(eio, target = server) {
  const probe = new Probe(ws(websocket(eio), target));
  const open = await probe.next();
  assert.equal(open[0], '0');
  return [probe, JSON.parse(open.slice(1))];
}

for (const eio of [3, 4]) {
  describe(`revision ${eio}`, () => {
    const frame = (bytes) => Uint8Array.from(eio === 3 ? [4, ...bytes] : bytes);

    test('polling handshake', async () => {
      const open = await openPolling(eio);
      assert.deepEqual(Object.keys(open).sort(), [
        'maxPayload', 'pingInterval', 'pingTimeout', 'sid', 'upgrades',
      ]);
      assert.deepEqual(
        { ...open, sid: '' },
        {
          sid: '',
          upgrades: ['websocket'],
          pingInterval: PING_INTERVAL,
          pingTimeout: PING_TIMEOUT,
          maxPayload: MAX_PAYLOAD,
        },
      );
      assert.match(open.sid, /^[A-Za-z0-9_-]{20,}$/);
    });

    test('WebSocket handshake offers no upgrade', async () => {
      const [probe, open] = await openWebSocket(eio);
      assert.deepEqual(open.upgrades, []);
      await probe.close();
    });

    test('requests that are no handshake get 400 and say why', async () => {
      const refused = async (query, code, method = 'GET') => {
        const response = await fetch(at(query), { method });
        assert.equal(response.status, 400, query);
        assert.equal((await response.json()).code, code, query);
      };
      await refused('transport=polling', 5);
      await refused('EIO=abc&transport=polling', 5);
      await refused(`EIO=${eio}`, 0);
      await refused(`EIO=${eio}&transport=abc`, 0);
      await refused(`EIO=${eio}&transport=websocket`, 3);
      await refused(polling(eio, 'unknown'), 1);
      await refused(polling(eio, null, '&j=0'), 3);
      await refused(polling(eio), 2, 'POST');
      await refused(polling(eio), 2, 'PUT');
      for (const query of ['transport=websocket', 'EIO=abc&transport=websocket', `EIO=${eio}`,
        `EIO=${eio}&transport=abc`, websocket(eio, 'unknown')])
        await new Probe(ws(query)).closed;
    });

    test('the sid of one revision is no sid of the other', async () => {
      const { sid } = await openPolling(eio);
      assert.equal((await get(7 - eio, sid))[0], 400);
    });

    test('polling carries text and binary packets, several at once', async () => {
      const { sid } = await openPolling(eio, { target: patient });
      for (const body of [
        payload[eio]('4hello'),
        payload[eio]('4test1', '4test2', '4test3'),
        payload[eio]('4hello', base64[eio]),
        payload[eio]('4\u4f60\u597d', '4\u{1F600}\u00e9', '4x'),
      ]) {
        assert.deepEqual(await post(eio, sid, body, { target: patient }), [200, 'ok']);
        assert.deepEqual(await get(eio, sid, patient), [200, body]);
      }
    });

    test('polling answers are plain text that nobody stores', async () => {
      const response = await fetch(at(polling(eio)));
      assert.equal(response.headers.get('content-type'), 'text/plain; charset=UTF-8');
      assert.equal(response.headers.get('cache-control'), 'no-store');
    });

    test('a hanging GET is answered when there is something', async () => {
      const { sid } = await openPolling(eio, { target: patient });
      const hanging = get(eio, sid, patient);
      await sleep(30);
      await post(eio, sid, payload[eio]('4late'), { target: patient });
      assert.deepEqual(await hanging, [200, payload[eio]('4late')]);
    });

    test('a malformed payload closes the session', async () => {
      for (const bad of ['abc', '']) {
        const { sid } = await openPolling(eio);
        assert.equal((await post(eio, sid, bad))[0], 400);
        assert.equal((await get(eio, sid))[0], 400);
      }
    });

    test('two GETs at once close the session', async () => {
      const { sid } = await openPolling(eio);
      const first = get(eio, sid);
      await sleep(20);
      assert.equal((await get(eio, sid))[0], 400);
      assert.deepEqual(await first, [200, payload[eio]('1')]);
      assert.equal((await get(eio, sid))[0], 400);
    });

    test('two POSTs at once close the session', async () => {
      const { sid } = await openPolling(eio, { target: patient });
      const options = { method: 'POST', headers: { 'Content-Length': 6 } };
      const slow = http.request(at(polling(eio, sid), patient), options);
      slow.on('error', () => {});
      slow.write('4');
      await sleep(30);
      assert.equal((await post(eio, sid, payload[eio]('4x'), { target: patient }))[0], 400);
      assert.equal((await get(eio, sid, patient))[0], 400);
      slow.destroy();
    });

    test('a GET that the client gives up closes the session', async () => {
      const { sid } = await openPolling(eio);
      const abort = new AbortController();
      const given = fetch(at(polling(eio, sid)), { signal: abort.signal }).catch(() => {});
      await sleep(20);
      abort.abort();
      await given;
      await sleep(20);
      assert.equal((await get(eio, sid))[0], 400);
    });

    test('a body above maxPayload is refused', async () => {
      const { sid } = await openPolling(eio, { target: patient });
      const packet = `4${'x'.repeat(MAX_PAYLOAD)}`;
      assert.equal((await post(eio, sid, payload[eio](packet), { target: patient }))[0], 413);
    });

    test('WebSocket carries text and binary packets', async () => {
      const [probe] = await openWebSocket(eio);
      probe.send('4hello');
      assert.equal(await probe.next(), '4hello');
      probe.send(frame([1, 2, 3, 4]));
      assert.deepEqual(await probe.next(), frame([1, 2, 3, 4]));
      probe.send('4\u4f60\u{1F600}');
      assert.equal(await probe.next(), '4\u4f60\u{1F600}');
      await probe.close();
    });

    test('a malformed packet closes a WebSocket', async () => {
      const [probe] = await openWebSocket(eio);
      probe.send('abc');
      await probe.closed;
    });

    test('a message above maxPayload closes a WebSocket', async () => {
      const [probe] = await openWebSocket(eio, patient);
      probe.send(`4${'x'.repeat(MAX_PAYLOAD)}`);
      await probe.closed;
    });

    test('silence closes polling and WebSocket', async () => {
      const { sid } = await openPolling(eio);
      const [probe] = await openWebSocket(eio);
      await sleep(PING_INTERVAL + PING_TIMEOUT);
      const body = payload[eio](eio === 3 ? '2' : '3');
      assert.equal((await post(eio, sid, body))[0], 400);
      await probe.closed;
    });

    test('close by the client', async () => {
      const { sid } = await openPolling(eio);
      const hanging = get(eio, sid);
      await sleep(20);
      assert.deepEqual(await post(eio, sid, payload[eio]('1')), [200, 'ok']);
      assert.deepEqual(await hanging, [200, payload[eio]('6')]);
      assert.equal((await get(eio, sid))[0], 400);

      const [probe] = await openWebSocket(eio);
      probe.send('1');
      await probe.closed;
    });

    test('upgrade', async () => {
      const { sid } = await openPolling(eio);
      const probe = new Probe(ws(websocket(eio, sid)));
      await probe.opened;
      const hanging = get(eio, sid);
      await sleep(20);
      probe.send('2probe');
      assert.equal(await probe.next(), '3probe');
      assert.deepEqual(await hanging, [200, payload[eio]('6')]);
      probe.send('5');
      probe.send('4hello');
      assert.equal(await probe.next(), '4hello');
      // The old transport is over, and nobody takes the new one away.
      assert.equal((await get(eio, sid))[0], 400);
      await new Probe(ws(websocket(eio, sid))).closed;
      probe.send('4still here');
      assert.equal(await probe.next(), '4still here');
      await probe.close();
    });

    test('a GET between probe and upgrade is answered at once', async () => {
      const { sid } = await openPolling(eio);
      const probe = new Probe(ws(websocket(eio, sid)));
      await probe.opened;
      probe.send('2probe');
      assert.equal(await probe.next(), '3probe');
      assert.deepEqual(await get(eio, sid), [200, payload[eio]('6')]);
      await probe.close();
    });

    test('probe and upgrade in one go take effect before a later request', async () => {
      for (let i = 0; i < 20; i++) {
        const { sid } = await openPolling(eio);
        const probe = new Probe(ws(websocket(eio, sid)));
        await probe.opened;
        probe.send('2probe');
        probe.send('5');
        assert.equal((await get(eio, sid))[0], 400);
        // Accepted, then closed: the official client throws what is refused.
        const late = new Probe(ws(websocket(eio, sid)));
        await late.opened;
        await late.closed;
        assert.equal(await probe.next(), '3probe');
        probe.send('4hello');
        assert.equal(await probe.next(), '4hello');
        await probe.close();
      }
    });

    test('what waits at the upgrade arrives on the new transport', async () => {
      const { sid } = await openPolling(eio);
      const probe = new Probe(ws(websocket(eio, sid)));
      await probe.opened;
      probe.send('2probe');
      assert.equal(await probe.next(), '3probe');
      await post(eio, sid, payload[eio]('4one', '4two'));
      probe.send('5');
      assert.deepEqual([await probe.next(), await probe.next()], ['4one', '4two']);
      await probe.close();
    });

    test('a probe that fails leaves polling as it was', async () => {
      const { sid } = await openPolling(eio, { target: patient });
      for (const first of ['5', '4x', 'abc']) {
        const probe = new Probe(ws(websocket(eio, sid), patient));
        await probe.opened;
        probe.send(first);
        await probe.closed;
      }
      const probe = new Probe(ws(websocket(eio, sid), patient));
      await probe.opened;
      probe.send('2probe');
      await probe.next();
      await probe.close();
      const hanging = get(eio, sid, patient);
      await sleep(30);
      await post(eio, sid, payload[eio]('4x'), { target: patient });
      assert.deepEqual(await hanging, [200, payload[eio]('4x')]);
    });

    test('pages of other origins may connect', async () => {
      const headers = { Origin: 'https://page.example' };
      const response = await fetch(at(polling(eio)), { headers });
      const expected = eio === 3 ? 'https://page.example' : '*';
      assert.equal(response.headers.get('access-control-allow-origin'), expected);
      const preflight = await fetch(at(polling(eio)), {
        method: 'OPTIONS',
        headers: { ...headers, 'Access-Control-Request-Method': 'POST' },
      });
      assert.equal(preflight.status, 204);
      assert.match(preflight.headers.get('access-control-allow-methods'), /POST/);
    });

    test('upgrade under load neither loses nor doubles', async () => {
      const { sid } = await openPolling(eio, { target: patient });
      const received = [];
      const decode = (text) => {
        if (eio === 4) return text.split('\x1e');
        const packets = [];
        while (text) {
          const colon = text.indexOf(':');
          const end = colon + 1 + Number(text.slice(0, colon));
          packets.push(text.slice(colon + 1, end));
          text = text.slice(end);
        }
        return packets;
      };
      let sent = 0;
      let pausing = false;
      const poll = (async () => {
        while (!pausing) {
          const [status, text] = await get(eio, sid, patient);
          assert.equal(status, 200);
          for (const packet of decode(text)) if (packet[0] === '4') received.push(packet.slice(1));
        }
      })();
      const push = (async () => {
        while (!pausing) {
          const packets = Array.from({ length: 20 }, () => `4${sent++}`);
          assert.deepEqual(await post(eio, sid, payload[eio](...packets), { target: patient }), [200, 'ok']);
        }
      })();
      await sleep(100);
      const probe = new Probe(ws(websocket(eio, sid), patient));
      await probe.opened;
      probe.send('2probe');
      assert.equal(await probe.next(), '3probe');
      pausing = true;
      await Promise.all([poll, push]);
      probe.send('5');
      for (let i = 0; i < 500; i++) probe.send(`4${sent++}`);
      while (received.length < sent) received.push((await probe.next()).slice(1));
      assert.deepEqual(received, Array.from({ length: sent }, (_, i) => String(i)));
      assert.deepEqual(probe.messages, []);
      await probe.close();
    });
  });
}

test('revision 3: the client pings', async () => {
  const { sid } = await openPolling(3);
  const [probe] = await openWebSocket(3);
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(await post(3, sid, '1:2'), [200, 'ok']);
    assert.deepEqual(await get(3, sid), [200, '1:3']);
    probe.send('2');
    assert.equal(await probe.next(), '3');
  }
  await probe.close();
});

test('revision 4: the server pings', async () => {
  const { sid } = await openPolling(4);
  const [probe] = await openWebSocket(4);
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(await get(4, sid), [200, '2']);
    assert.deepEqual(await post(4, sid, '3'), [200, 'ok']);
    assert.equal(await probe.next({ pings: true }), '2');
    probe.send('3');
  }
  await probe.close();
});

test('revision 3: binary payloads for clients that can read them', async () => {
  const { sid } = await openPolling(3, { more: '', target: patient });
  const expected = Uint8Array.from([
    0, 6, 255, 52, 104, 101, 108, 108, 111, 1, 5, 255, 4, 1, 2, 3, 4,
  ]);
  for (const [body, headers] of [
    ['6:4hello10:b4AQIDBA==', {}],
    [expected, { 'Content-Type': 'application/octet-stream' }],
  ]) {
    assert.deepEqual(await post(3, sid, body, { target: patient, headers }), [200, 'ok']);
    const response = await fetch(at(polling(3, sid), patient));
    assert.equal(response.headers.get('content-type'), 'application/octet-stream');
    assert.deepEqual(new Uint8Array(await response.arrayBuffer()), expected);
  }
});

test('revision 3 can be switched off', async () => {
  const strict = await startServer('--engine');
  try {
    const response = await fetch(at(polling(3), strict));
    assert.equal(response.status, 400);
    assert.equal((await response.json()).code, 5);
    await new Probe(ws(websocket(3), strict)).closed;
    await openPolling(4, { target: strict });
  } finally {
    await strict.stop();
  }
});

test('a client that does not read is disconnected, and counted', async () => {
  const [probe] = await openWebSocket(4, patient);
  const before = (await patient.counters()).overflows;
  probe.socket.pause();
  const block = `4${'x'.repeat(100_000)}`;
  for (let i = 0; i < 200; i++) probe.send(block);
  await until(async () => (await patient.counters()).overflows > before, 'an overflow');
  probe.socket.resume();
  await probe.closed;
});

test('sessions leave nothing behind', async () => {
  await until(async () => {
    const { sessions, websockets } = await server.counters();
    return sessions === 0 && websockets === 0;
  }, 'the end of all sessions');
});
