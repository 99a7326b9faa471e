// A soak: viewers come and go by WHEP and by signalling, half of them vanish without a goodbye, and every processor is
// kept busy by something else meanwhile. Every offer is to be answered in time, and at the end the server is to hold
// what it held after the first thousand. On loopback; an hour by default.
import { spawn } from 'node:child_process';
import { cpus } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { account, GENERATIONS, MANY_ADDRESSES, offer, Page } from '../tests/support/pages.mjs';
import { startServer } from '../tests/support/server.mjs';
import { sleep, until } from '../tests/support/until.mjs';

const { values: options } = parseArgs({
  options: {
    joins: { type: 'string', default: '100000' },
    rate: { type: 'string', default: '28' },
    build: { type: 'string' },
    'leave-idle': { type: 'boolean', default: false },
  },
});
const joins = Number(options.joins);
const rate = Number(options.rate);
const build = path.resolve(options.build ?? process.env.LOOPCAST_BUILD ?? 'build/release');

const ANSWER_MS = 2000;
const STAY_MS = 2000;
const FIRST_JOINS = 1000;
const ACCOUNTS = 40;
// Those who vanish are kept until their consent expires; some more for timers.
const DRAIN_MS = 45_000;
// Allocators keep some of what they had; descriptors are counted exactly, but for files that are open for a moment.
const MEMORY_SLACK_KB = 8 * 1024;
const DESCRIPTOR_SLACK = 20;

const processors = cpus().length;
const busy = options['leave-idle']
  ? []
  : Array.from({ length: processors }, () => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
const endBusy = () => busy.forEach((child) => child.kill('SIGKILL'));
process.once('exit', endBusy);

const server = await startServer({ args: [...MANY_ADDRESSES, '--max-connections-per-ip', '10000'] });
const whep = Math.ceil(joins / 2);
const load = spawn(
  path.join(build, 'bench/load/loopcast-load'),
  [
    ...['--server', server.url, '--bind', '127.0.0.1', '--json', '--bitrate', '300k', '--viewers', '2', '--sample', '2'],
    ...['--late', '0', '--seconds', '1', '--churn', String(whep), '--join-rate', String(rate / 2)],
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
process.once('exit', () => load.kill('SIGKILL'));
let report = '';
load.stdout.on('data', (chunk) => (report += chunk));
const loadEnded = new Promise((resolve) => load.on('exit', resolve));

const people = [];
for (let i = 0; i < ACCOUNTS; ++i) people.push(await account(server));

const broadcast = await until(
  async () => {
    const response = await fetch(`${server.url}/api/v2/broadcasts`, {
      headers: { authorization: `Bearer ${people[0].token}` },
    });
    return (await response.json()).broadcasts?.[0]?.id;
  },
  'the broadcast',
  30_000,
  200,
);

const answers = [];
const refused = [];
const kinds = Object.values(GENERATIONS);

async function joinBySignalling(number) {
  const who = people[number % people.length];
  const page = new Page(server, who.token, kinds[number % kinds.length], { presentorId: broadcast });
  const offered = performance.now();
  try {
    page.emit('createViewer', { sdpOffer: offer('chromium_viewer') });
    await page.next('startResponse', 30_000);
    answers.push(performance.now() - offered);
  } catch (error) {
    refused.push(error.message);
  }
  await sleep(STAY_MS);
  if (number % 2 === 0) page.emit('stopViewer');
  // The others close nothing: their connection breaks under them.
  else page.socket.io.engine?.transport?.ws?.terminate?.();
  page.close();
}

const under_way = new Set();
const started = performance.now();
let first;
for (let i = 0; i < joins - whep; ++i) {
  await sleep(started + (i * 2000) / rate - performance.now());
  const join = joinBySignalling(i).finally(() => under_way.delete(join));
  under_way.add(join);
  if (i === FIRST_JOINS / 2) first = await server.figures();
}
await Promise.all(under_way);
const code = await loadEnded;
const last = await server.figures();
endBusy();
await sleep(DRAIN_MS);
const drained = await server.figures();
const metrics = await server.metrics();
await server.stop();

const { churn } = JSON.parse(report);
answers.sort((a, b) => a - b);
const share = (p) => answers[Math.max(0, Math.ceil(answers.length * p) - 1)] ?? 0;
const figures = (f) => `${(f.rss / 1024).toFixed(1)} MB, ${f.fds} descriptors`;
console.log(`${joins} joins in ${((performance.now() - started) / 60_000).toFixed(1)} min, ${busy.length} processors kept busy`);
console.log(
  `WHEP: ${churn.answered} answered, p99 ${churn.answer_ms_p99.toFixed(0)} ms, at most ${churn.answer_ms_max.toFixed(0)} ms; ` +
    `${churn.refused} refused ${churn.refusal}; ${churn.no_picture} saw no picture within ${STAY_MS / 1000} s`,
);
console.log(
  `signalling: ${answers.length} answered, p99 ${share(0.99).toFixed(0)} ms, at most ${share(1).toFixed(0)} ms; ` +
    `${refused.length} refused ${refused[0] ?? ''}`,
);
if (first) console.log(`after the first ${FIRST_JOINS}: ${figures(first)}; at the end: ${figures(last)}; when all have gone: ${figures(drained)}`);

const faults = [
  [code !== 0, `the load ended with ${code}`],
  [churn.refused + refused.length > 0, 'offers were refused'],
  [Math.max(churn.answer_ms_max, share(1)) > ANSWER_MS, `an offer waited more than ${ANSWER_MS} ms`],
  [first && last.rss > first.rss + MEMORY_SLACK_KB, 'memory grew'],
  [first && last.fds > first.fds + DESCRIPTOR_SLACK, 'descriptors grew'],
  [metrics.loopcast_media_peers !== 0, `${metrics.loopcast_media_peers} peers were left over`],
]
  .filter(([fault]) => fault)
  .map(([, what]) => what);
faults.forEach((what) => console.log(`fault: ${what}`));
process.exit(faults.length > 0 ? 1 : 0);
