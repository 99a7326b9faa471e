// How many viewers one worker on one processor carries when every packet goes to a real socket, what a viewer takes
// of memory, and what happens when hundreds join at once.
import { parseArgs } from 'node:util';

import { openTestbed } from './testbed.mjs';

const { values: options } = parseArgs({
  options: {
    server: { type: 'string', default: 'loopcast' },
    profile: { type: 'string', default: 'lean' },
    seconds: { type: 'string', default: '5' },
    build: { type: 'string' },
    offload: { type: 'boolean', default: false },
    realtime: { type: 'boolean', default: false },
    steer: { type: 'boolean', default: false },
    only: { type: 'string', default: 'large,small,burst' },
    large: { type: 'string', default: '400,800' },
    small: { type: 'string', default: '1000,2000' },
    burst: { type: 'string', default: '500' },
    json: { type: 'boolean', default: false },
  },
});
const only = options.only.split(',');
const testbed = openTestbed(options);
if (options.steer) testbed.steer();

async function measure(args) {
  const server = await (options.server === 'janus' ? testbed.startJanus() : testbed.startLoopcast());
  try {
    return await testbed.load(server, ['--profile', options.profile, '--seconds', options.seconds, ...args]);
  } finally {
    await server.stop();
  }
}

const results = {};
const tasks = {
  large: ['--bitrate', '2500k', '--viewers', options.large, '--join-rate', '200'],
  small: ['--bitrate', '600k', '--viewers', options.small, '--join-rate', '200'],
  burst: ['--bitrate', '2500k', '--viewers', '200', '--join-burst', options.burst],
};
for (const name of only) results[name] = await measure(tasks[name]);
testbed.close();

const percent = (share, digits = 1) => `${(share * 100).toFixed(digits)} %`;
function describe(report) {
  const lines = report.steps.map(
    (s) =>
      `${s.viewers} viewers of ${report.bitrate / 1000} kbit/s: ${Math.round(s.packets_per_second)} packets/s, ${percent(s.loss, 4)} lost, ` +
      `${percent(s.server_cpu)} of a core (${s.server_us_per_packet.toFixed(2)} us/packet; load ${percent(s.load_cpu)}), ` +
      `latency p50 ${s.latency_ms_p50.toFixed(1)} ms, p99 ${s.latency_ms_p99.toFixed(1)} ms, ` +
      `${(s.memory_per_viewer / 1000).toFixed(0)} kB per viewer, join ${s.join_cpu_ms.toFixed(2)} ms of CPU`,
  );
  const b = report.burst;
  if (b)
    lines.push(
      `${b.joined} joined within a second, ${b.failed} failed: first picture p50 ${b.first_keyframe_ms_p50.toFixed(0)} ms, ` +
        `p95 ${b.first_keyframe_ms_p95.toFixed(0)} ms; the others lost ${percent(b.others_loss, 4)}`,
    );
  return [...lines, ...report.violations.map((v) => `violation: ${v}`)].join('\n');
}
if (options.json) console.log(JSON.stringify({ processor: testbed.processor, ...results }, null, 1));
else for (const name of only) console.log(describe(results[name]));
process.exit(Object.values(results).some((r) => r.violations.length > 0) ? 1 : 0);
