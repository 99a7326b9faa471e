// A network namespace with one line to this machine, for a browser whose network can be cut, or get another address.
// Needs root. Nothing of it reaches any other network, and it goes with close().
//
//   const line = await makeLine();
//   const server = await startServer({ host: line.address });
//   const browser = await launchChromium({ line, secure: [server.url] });
//   await line.cut(); await line.mend(); await line.move(); await line.lose(5);
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
let made = 0;

// Answers { address (of this machine, at this end), near (of the browser, at the far end), cut(how), mend(), move(),
// lose(percent), wrap(program) (the path of a script that runs the program in the namespace), close() }.
export async function makeLine() {
  const number = ++made;
  const name = `loopcast-${process.pid}-${number}`;
  // Interface names have 15 characters at most.
  const [here, there] = ['h', 'n'].map((end) => `lc${process.pid % 1_000_000}${end}${number}`);
  // A network for each process and line, of a range for tests (RFC 2544).
  const net = `198.18.${process.pid % 256}`;
  const base = (number - 1) * 8;
  const at = (host) => `${net}.${base + host}`;
  const address = at(1);
  const ip = (...args) => run('ip', args);
  const inside = (...args) => ip('-n', name, ...args);
  let near = at(2);
  let silent = false;
  let wrapped = 0;
  const folder = await mkdtemp(path.join(tmpdir(), 'loopcast-line-'));

  await ip('netns', 'add', name);
  await ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', name);
  await ip('addr', 'add', `${address}/29`, 'dev', here);
  await ip('link', 'set', here, 'up');
  await inside('addr', 'add', `${near}/29`, 'dev', there);
  await inside('link', 'set', 'lo', 'up');
  await inside('link', 'set', there, 'up');
  const endWithUs = () => execFile('ip', ['netns', 'del', name]);
  process.once('exit', endWithUs);

  // Where each end thinks the other is: nobody there hears it, and nobody is told.
  const mislead = async (command) => {
    const nowhere = command === 'replace' ? ['lladdr', '02:00:00:00:00:01', 'nud', 'permanent'] : [];
    await inside('neigh', command, address, ...nowhere, 'dev', there);
    await ip('neigh', command, near, ...nowhere, 'dev', here);
  };

  return {
    address,
    get near() {
      return near;
    },
    // 'unplugged': the browser knows, as with a cable that is pulled or a radio that is switched off.
    // 'silent': nothing passes, and nobody is told.
    async cut(how = 'unplugged') {
      silent = how === 'silent';
      if (silent) await mislead('replace');
      else await inside('link', 'set', there, 'down');
    },
    async mend() {
      if (silent) await mislead('del');
      else await inside('link', 'set', there, 'up');
      silent = false;
    },
    // As when a telephone goes from one network to another: the address of before is gone, and with it what used it.
    async move() {
      const next = near === at(2) ? at(3) : at(2);
      await inside('addr', 'del', `${near}/29`, 'dev', there);
      await inside('addr', 'add', `${next}/29`, 'dev', there);
      near = next;
    },
    // So much of what comes and goes by UDP is lost from now on, by chance.
    async lose(percent) {
      const chain = (hook) => `chain ${hook} { type filter hook ${hook} priority 0; ip protocol udp numgen random mod 1000 < ${percent * 10} drop; }`;
      await ip('netns', 'exec', name, 'nft', `table ip lost; delete table ip lost; table ip lost { ${chain('input')}\n${chain('output')}\n}`);
    },
    async wrap(program) {
      // Each time another one: a script that is being written cannot run.
      const script = path.join(folder, `${++wrapped}-${path.basename(program)}`);
      await writeFile(script, `#!/bin/sh\nexec ip netns exec ${name} ${program} "$@"\n`);
      await chmod(script, 0o755);
      return script;
    },
    async close() {
      process.removeListener('exit', endWithUs);
      await ip('netns', 'del', name).catch(() => {});
      await ip('link', 'del', here).catch(() => {});
      await rm(folder, { recursive: true, force: true });
    },
  };
}
