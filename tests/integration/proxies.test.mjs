// Behind the proxies that people have: nginx and HAProxy of Debian, as their manuals configure them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { GENERATIONS, Page, account, present, watch } from '../support/pages.mjs';
import { startHaproxy, startNginx } from '../support/proxies.mjs';
import { raw } from '../support/raw_http.mjs';
import { startServer } from '../support/server.mjs';

let server;
let user;
const proxies = [];
before(async () => {
  server = await startServer({ args: ['--trusted-proxy', '127.0.0.1/32'] });
  user = await account(server);
  proxies.push(await startNginx(server), await startHaproxy(server));
});
after(async () => {
  for (const proxy of proxies) await proxy.stop();
  await server.stop();
});

// New accounts, from the client and with the lines of X-Forwarded-For that `lines` makes: how many were refused by
// their number. An address has ten at once and one more each minute.
let run = 0;
async function refusals(proxy, { from = '127.0.0.1', lines = () => [], count = 12 } = {}) {
  ++run;
  let refused = 0;
  for (let i = 0; i < count; ++i) {
    const body = JSON.stringify({ nickname: `somebody ${run} ${i}`, password: 'long enough for anybody' });
    const { status } = await raw(proxy,
      `POST /api/v2/users HTTP/1.1\r\nHost: localhost\r\n` +
      lines(i).map((value) => `X-Forwarded-For: ${value}\r\n`).join('') +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`, { from });
    assert.ok([201, 429].includes(status), `${proxy.name}: ${status}`);
    if (status === 429) ++refused;
  }
  return refused;
}

test('the client does not choose its address', async () => {
  for (const [n, proxy] of proxies.entries()) {
    const one = await refusals(proxy, { from: `127.0.1.${n}`, lines: (i) => [`198.51.100.${i}`] });
    assert.ok(one > 0, `${proxy.name}: one line`);
    const two = await refusals(proxy, { from: `127.0.2.${n}`, lines: (i) => ['203.0.113.9', `198.51.100.${i}`] });
    assert.ok(two > 0, `${proxy.name}: two lines`);
    const list = await refusals(proxy, { from: `127.0.3.${n}`, lines: (i) => [`198.51.100.${i}, 127.0.0.1`] });
    assert.ok(list > 0, `${proxy.name}: a list`);
  }
});

test('clients of one proxy are not limited as one', async () => {
  for (const [n, proxy] of proxies.entries()) {
    let refused = 0;
    for (let i = 0; i < 15; ++i) refused += await refusals(proxy, { from: `127.${20 + n}.4.${i + 1}`, count: 1 });
    assert.equal(refused, 0, proxy.name);
  }
});

test('a proxy that writes ports, and one that writes brackets', async () => {
  const made = await Promise.all([
    startNginx(server, { forwarded: 'X-Forwarded-For $remote_addr:$remote_port' }),
    startHaproxy(server, { forwarded: 'http-request set-header X-Forwarded-For %[src]:%[src_port]' }),
    startHaproxy(server, { forwarded: 'http-request set-header X-Forwarded-For [2001:db8:%[src_port,mod(9999)]::1]:443' }),
  ]);
  try {
    for (const [n, proxy] of made.entries()) {
      let refused = 0;
      for (let i = 0; i < 15; ++i) refused += await refusals(proxy, { from: `127.${30 + n}.5.${i + 1}`, count: 1 });
      assert.equal(refused, 0, proxy.name);
    }
    assert.ok((await refusals(made[0], { from: '127.40.0.1' })) > 0, 'one client is one, whatever its port');
  } finally {
    for (const proxy of made) await proxy.stop();
  }
});

test('pages live, watching and calling through them', async () => {
  for (const proxy of proxies)
    for (const [name, kind] of Object.entries(GENERATIONS)) {
      const { page, id } = await present(server, user, kind, { url: proxy.url });
      const viewer = await watch(server, user, GENERATIONS['second generation'], id, { url: proxy.url });
      const line = new Page(server, user.token, kind, { url: proxy.url });
      await line.settle();
      assert.equal(page.count('disconnect') + page.count('error') + page.count('autherror'), 0, `${proxy.name}: ${name}`);
      for (const socket of [page, viewer.page ?? viewer, line]) socket.close();
    }
});

test('metrics are for nobody behind a proxy', async () => {
  assert.equal((await fetch(`${server.url}/metrics`)).status, 200);
  for (const proxy of proxies) assert.equal((await fetch(`${proxy.url}/metrics`)).status, 403, proxy.name);
  for (const header of ['forwarded', 'via', 'x-real-ip', 'x-forwarded-host', 'x-forwarded-proto', 'cf-connecting-ip'])
    assert.equal((await fetch(`${server.url}/metrics`, { headers: { [header]: 'x' } })).status, 403, header);
  // A page whose name has been pointed at this machine.
  for (const host of ['rebound.example', 'rebound.example:8080', '192.0.2.1', 'localhost.example']) {
    const { status } = await raw(server, `GET /metrics HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    assert.equal(status, 403, host);
  }
  for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1', '127.0.0.1:99', '[::1]:80', '[::1]']) {
    const { status } = await raw(server, `GET /metrics HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    assert.equal(status, 200, host);
  }
});
