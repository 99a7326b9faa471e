// What two workers cost that share a broadcast's viewers and take turns on one processor, beside one worker that has
// them all: two processors of such a machine would carry so many times what one does.
import { parseArgs } from 'node:util';

import { median, openTestbed } from './testbed.mjs';

const { values: options } = parseArgs({
  options: {
    viewers: { type: 'string', default: '400' },
    workers: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '5' },
    build: { type: 'string' },
    realtime: { type: 'boolean', default: false },
  },
});
const testbed = openTestbed(options);
testbed.drop(1);

async function measure(workers) {
  const args = ['--viewers', options.viewers, '--seconds', options.seconds, '--workers', workers, 'worker'];
  return (await testbed.fanout(args))('us/packet');
}

const counts = ['1', options.workers];
const costs = counts.map(() => []);
for (let round = 0; round < Number(options.rounds); ++round)
  for (const [i, count] of counts.entries()) costs[i].push(await measure(count));
testbed.close();

for (const [i, count] of counts.entries())
  console.log(`${count} worker${count === '1' ? '' : 's'}, ${options.viewers} viewers: ${median(costs[i]).toFixed(2)} us/packet (${costs[i].map((us) => us.toFixed(2)).join(', ')})`);
const ratios = costs[0].map((us, round) => us / costs[1][round]);
console.log(`${options.workers} processors carry ${(Number(options.workers) * median(ratios)).toFixed(2)} times what one does`);
process.exit(0);
