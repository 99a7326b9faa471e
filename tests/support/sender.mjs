// A simulated browser that sends media, for tests that do the signalling themselves.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const build = path.resolve(process.env.LOOPCAST_BUILD ?? path.join(root, 'build/release'));

// Whatever ends a test run ends them too.
const running = new Set();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

// Answers { offer, answer(sdp): it connects and sends from then on, stop() }.
export async function startSender() {
  const child = spawn(path.join(build, 'tests/sender/media-sender'), { stdio: ['pipe', 'pipe', 'inherit'] });
  running.add(child);
  child.on('exit', () => running.delete(child));
  let offer = '';
  for await (const data of child.stdout) {
    offer += data;
    if (offer.endsWith('\n\n')) break;
  }
  return {
    offer: offer.slice(0, -1),
    answer: (sdp) => child.stdin.write(`${sdp.trimEnd()}\r\n\r\n`),
    stop: () => child.kill('SIGKILL'),
  };
}
