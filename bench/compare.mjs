// One run of all: a bare fan-out (the floor), this server and Debian's Janus, over the same veth pair, with the same
// publisher and the same viewers, in both profiles. Prints a table with ratios; --json prints the figures. With --rounds
// everything is measured so often, in turn, and each figure and each ratio is the median.
import { parseArgs } from 'node:util';

import { median, openTestbed } from './testbed.mjs';

const { values: options } = parseArgs({
  options: {
    viewers: { type: 'string', default: '50,100,200' },
    profiles: { type: 'string', default: 'lean,browser' },
    servers: { type: 'string', default: 'floor,loopcast,janus' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '1' },
    bitrate: { type: 'string', default: '2500k' },
    // The presenter sends keyframes at once, as hardware may, not spread as browsers do.
    'whole-frames': { type: 'boolean', default: false },
    build: { type: 'string' },
    offload: { type: 'boolean', default: false },
    realtime: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const steps = options.viewers.split(',').map(Number);
const profiles = options.profiles.split(',');
// What comes to a socket is delivered on the server's processor, and is the receiver's work: as few packets as it takes.
// A viewer of the profile "lean" reports once a second, one of the profile "browser" tells 20 times a second what arrived
// and makes up what it did not see; a few decrypt and check everything, spread over the order of service.
const THIN = { lean: 256, browser: 128 };
const SAMPLE = '4';
const FRAMES = options['whole-frames'] ? ['--whole-frames'] : [];

const testbed = openTestbed(options);
const servers = options.servers.split(',').filter((name) => name !== 'floor' || testbed.hasFanout);
const progress = (text) => process.stderr.isTTY && process.stderr.write(`\r\x1b[K${text}`);

async function measureFloor() {
  testbed.drop(1);
  const bits = Number.parseInt(options.bitrate, 10) * (/k$/i.test(options.bitrate) ? 1000 : 1);
  const results = [];
  for (const viewers of steps) {
    const figure = await testbed.fanout([
      ...['--viewers', String(viewers), '--seconds', options.seconds, '--bitrate', String(bits), ...FRAMES, 'floor'],
    ]);
    results.push({ viewers, server_us_per_packet: figure('us/packet'), latency_ms_p99: figure('ms p99'), loss: 0 });
  }
  return results;
}

async function measureServer(name, profile) {
  testbed.drop(THIN[profile]);
  const server = await (name === 'janus' ? testbed.startJanus() : testbed.startLoopcast());
  try {
    const report = await testbed.load(server, [
      ...['--viewers', options.viewers, '--profile', profile, '--thin', String(THIN[profile]), '--sample', SAMPLE],
      ...['--seconds', options.seconds, '--bitrate', options.bitrate, ...FRAMES],
    ]);
    if (report.violations.length > 0) process.stderr.write(`${name}, ${profile}: ${report.violations.join('; ')}\n`);
    return report.steps;
  } finally {
    await server.stop();
  }
}

const results = [];
for (let round = 0; round < Number(options.rounds); ++round)
  for (const profile of profiles)
    for (const name of servers) {
      progress(`${name}, ${profile} …`);
      const measured = await (name === 'floor' ? measureFloor() : measureServer(name, profile));
      for (const step of measured) results.push({ round, server: name, profile, ...step });
    }
progress('');
testbed.close();

function table() {
  const figure = (value, digits, unit = '') => (value === undefined ? '' : `${value.toFixed(digits)}${unit}`);
  const header = [
    ...['profile', 'viewers', 'server', 'us/packet', '/ floor', 'Janus /', 'lost', 'p50', 'p99', 'first picture p95'],
    ...['join CPU', 'per viewer', 'feedback'],
  ];
  const rows = results.filter((r) => r.round === 0).map((r) => {
    const same = (o, name) => o.server === name && o.profile === r.profile && o.viewers === r.viewers;
    const all = results.filter((o) => same(o, r.server));
    const of = (get) => median(all.map(get).filter((value) => value !== undefined));
    // Two servers are compared within a round.
    const ratio = (a, b) => {
      const cost = (round, name) => results.find((o) => o.round === round && same(o, name))?.server_us_per_packet;
      const ratios = all.map(({ round }) => cost(round, a) / cost(round, b)).filter(Number.isFinite);
      return figure(median(ratios), 2);
    };
    return [
      ...[r.profile, String(r.viewers), r.server, figure(of((o) => o.server_us_per_packet), 3)],
      ...[ratio(r.server, 'floor'), ratio('janus', r.server), `${(Math.max(...all.map((o) => o.loss)) * 100).toFixed(3)} %`],
      ...[figure(of((o) => o.latency_ms_p50), 1, ' ms'), figure(of((o) => o.latency_ms_p99), 1, ' ms')],
      figure(of((o) => o.late?.first_keyframe_ms_p95), 0, ' ms'),
      ...[figure(of((o) => o.join_cpu_ms), 2, ' ms'), figure(of((o) => o.memory_per_viewer && o.memory_per_viewer / 1000), 0, ' kB')],
      // Viewers that agreed on transport-wide feedback: a server that does without it has less to do.
      figure(of((o) => o.viewers_with_transport_feedback), 0),
    ];
  });
  const order = (row) => profiles.indexOf(row[0]) * 1e6 + Number(row[1]) * 10 + servers.indexOf(row[2]);
  rows.sort((a, b) => order(a) - order(b));
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all.map((row) => row.map((cell, i) => (i < 3 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ').trimEnd()).join('\n');
}

if (options.json) console.log(JSON.stringify({ processor: testbed.processor, offload: options.offload, results }, null, 1));
else console.log(`${testbed.processor}, ${options.bitrate}bit/s, ${options.offload ? 'segments by the card' : 'software segments'}\n\n${table()}`);
process.exit(0);
