// What idle call lines cost: `node support/idle_lines.mjs [lines] [people]` in tests/. Each line is a WebSocket of the
// second generation of the client that has said `online`, and unless told otherwise a person of its own.
import { account, GENERATIONS, MANY_ADDRESSES, Page } from './pages.mjs';
import { startServer } from './server.mjs';
import { sleep, until } from './until.mjs';

const count = Number(process.argv[2] ?? 1000);
const people = Number(process.argv[3] ?? count);
const server = await startServer({ args: [...MANY_ADDRESSES, '--max-connections-per-ip', '100000'] });
try {
  const users = [];
  for (let i = 0; i < count; ++i) users.push(i < people ? await account(server) : users[i % people]);
  // What the first pages need once is not what a line costs.
  const first = new Page(server, users[0].token, GENERATIONS['second generation, WebSocket only']);
  await first.settle();
  await sleep(2000);
  const before = await server.figures();
  const lines = [];
  for (const user of users.slice(1)) {
    const line = new Page(server, user.token, GENERATIONS['second generation, WebSocket only']);
    await line.settle();
    lines.push(line);
  }
  const told = () => new Set(lines[0].events.filter((e) => e.name === 'presence').map((e) => e.args[0].user.id)).size;
  await until(() => told() >= people - 2, () => `everybody told of everybody: ${told()}`, 600_000, 500);
  await sleep(2000);
  const after = await server.figures();
  const each = (after.rss - before.rss) / lines.length;
  console.log(`${lines.length} idle lines: ${before.rss} → ${after.rss} KiB resident, ${each.toFixed(1)} KiB each`);
  [first, ...lines].forEach((page) => page.close());
} finally {
  await server.stop();
}
