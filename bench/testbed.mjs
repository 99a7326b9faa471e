// Two network namespaces joined by a veth pair: the server under test in one, on processor 0; the load in the other,
// on processor 1. All traffic stays in them, and they go when the process ends.
//
// The far interface can take away the packets of viewers that need not see them, and counts them: a server then pays
// for its own way through the stack only, as it would with a network card. Segmented sends are cut up by the kernel
// before they leave, as for a card without that skill, unless `offload`.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

// Machines are noisy: of several rounds.
export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const START_MS = 30_000;
const STOP_MS = 15_000;
// For both sides: benchmarks share the machine with whatever else it does. `realtime` where that is a lot.
const NICE = ['nice', '-n', '-15'];
const REALTIME = ['chrt', '--rr', '1'];

const SERVER_CORE = 0;
const LOAD_CORE = Math.min(1, cpus().length - 1);
// Of benchmarks by RFC 2544; nobody else has them, and nobody else sees them.
const SERVER_ADDRESS = '198.18.0.1';
const LOAD_ADDRESS = '198.18.0.2';
// loopcast-load binds viewers that are only counted from here on.
const COUNTED_PORTS = 20_000;
const FANOUT = 'bench/fanout/fanout';
const HTTP_PORT = 8080;

const run = (command, ...args) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

// `build` is the folder of the programs.
export function openTestbed({ build: programs = path.join(root, 'build/bench'), offload = false, realtime = false } = {}) {
  const build = path.resolve(programs);
  if (process.getuid() !== 0) {
    console.error('Network namespaces and priorities need root: please run this with sudo.');
    process.exit(1);
  }
  // What a run left behind that was killed.
  for (const [space, pid] of run('ip', 'netns', 'list').matchAll(/^loopcast-bench-(\d+)-\w+/gm))
    if (!existsSync(`/proc/${pid}`)) run('ip', 'netns', 'del', space);
  const name = `loopcast-bench-${process.pid}`;
  const serverSpace = `${name}-server`;
  const loadSpace = `${name}-load`;
  const folder = mkdtempSync(path.join(tmpdir(), 'loopcast-bench-'));
  const children = new Set();

  function close() {
    for (const child of children) child.kill('SIGKILL');
    for (const space of [serverSpace, loadSpace]) {
      try {
        run('ip', 'netns', 'del', space);
      } catch {
        // It was not made.
      }
    }
    rmSync(folder, { recursive: true, force: true });
  }
  process.once('exit', close);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));

  for (const space of [serverSpace, loadSpace]) {
    run('ip', 'netns', 'add', space);
    run('ip', '-n', space, 'link', 'set', 'lo', 'up');
  }
  run('ip', 'link', 'add', 'server0', 'netns', serverSpace, 'type', 'veth', 'peer', 'name', 'load0', 'netns', loadSpace);
  for (const [space, device, address] of [
    [serverSpace, 'server0', SERVER_ADDRESS],
    [loadSpace, 'load0', LOAD_ADDRESS],
  ]) {
    run('ip', '-n', space, 'addr', 'add', `${address}/24`, 'dev', device);
    run('ip', '-n', space, 'link', 'set', device, 'txqueuelen', '10000', 'up');
    if (!offload) run('ip', 'netns', 'exec', space, 'ethtool', '-K', device, 'tx-udp-segmentation', 'off');
  }

  const spawnIn = (space, core, program, args, options = {}) => {
    const command = ['ip', 'netns', 'exec', space, 'taskset', '-c', String(core), ...(realtime ? REALTIME : NICE), program, ...args];
    // Each of them becomes the next, so the process is the program's.
    const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    children.add(child);
    child.output = '';
    child.errors = '';
    child.stdout.on('data', (chunk) => (child.output += chunk));
    child.stderr.on('data', (chunk) => (child.errors += chunk));
    child.ended = new Promise((resolve) =>
      child.on('exit', (code, signal) => {
        children.delete(child);
        resolve(code ?? signal);
      }),
    );
    return child;
  };

  const stop = async (child) => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await child.ended;
    clearTimeout(timer);
  };

  const answers = async (child, probe) => {
    const until = Date.now() + START_MS;
    while (Date.now() < until) {
      if (probe()) return;
      if (child.exitCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`${child.spawnargs.at(-1)} does not start\n${child.output}${child.errors}`);
  };
  const listens = (port) => () => {
    const table = run('ip', 'netns', 'exec', serverSpace, 'ss', '-Hltn', `sport = :${port}`);
    return table.includes(`:${port}`);
  };

  // The same work for each packet, whatever `thin` is.
  const ruleset = (thin) => `
    table netdev loopcast_bench {
      counter dropped { }
      chain ingress {
        type filter hook ingress device "load0" priority 0;
        udp dport >= ${COUNTED_PORTS} @th,64,2 2 @th,73,7 != 64-95 @th,80,16 & ${thin - 1} != ${thin > 1 ? 0 : 1} counter name dropped drop
      }
    }`;

  return {
    close,
    // From now on RTP packets to counted viewers are dropped and counted at the far interface, but for those whose
    // number is divisible by `thin`, a power of two (1: all are dropped). 0: nothing is dropped.
    drop(thin) {
      try {
        run('ip', 'netns', 'exec', loadSpace, 'nft', 'delete', 'table', 'netdev', 'loopcast_bench');
      } catch {
        // There was none.
      }
      if (thin === 0) return;
      const file = path.join(folder, 'drop.nft');
      writeFileSync(file, ruleset(thin));
      run('ip', 'netns', 'exec', loadSpace, 'nft', '-f', file);
    },

    // From now on the load's processor does the receiver's half of a packet's way, as it would on a machine of its own.
    steer() {
      const script = `echo ${(1 << LOAD_CORE).toString(16)} > /sys/class/net/load0/queues/rx-0/rps_cpus`;
      run('ip', 'netns', 'exec', loadSpace, 'sh', '-c', script);
    },

    async startLoopcast() {
      const data = mkdtempSync(path.join(folder, 'data-'));
      const http = `${SERVER_ADDRESS}:${HTTP_PORT}`;
      const child = spawnIn(serverSpace, SERVER_CORE, path.join(build, 'loopcast'), [
        ...['--http', http, '--https', 'off', '--announce', SERVER_ADDRESS, '--workers', '1'],
        ...['--data', data, '--log-level', 'warning', '--max-connections-per-ip', '10000'],
        // Lets loopcast-load register many accounts.
        ...['--trusted-proxy', LOAD_ADDRESS],
      ]);
      await answers(child, listens(HTTP_PORT));
      return { pid: child.pid, arguments: ["--server", http], stop: () => stop(child) };
    },

    // Debian's package with the video room, plain HTTP and ICE-lite, as a public server would run it, and with one
    // event loop for its one processor: a thread for each viewer, its default, costs a third more.
    async startJanus() {
      const config = mkdtempSync(path.join(folder, 'janus-'));
      const without = (names) => `{ disable = "${names.map((entry) => `libjanus_${entry}.so`).join(',')}" }`;
      const settings = {
        general: '{ debug_level = 2, session_timeout = 300, event_loops = 1 }',
        nat: '{ ice_lite = true }',
        plugins: without([
          ...['audiobridge', 'duktape', 'echotest', 'lua', 'nosip', 'recordplay'],
          ...['sip', 'streaming', 'textroom', 'videocall', 'voicemail'],
        ]),
        transports: without(['mqtt', 'nanomsg', 'pfunix', 'rabbitmq', 'websockets']),
      };
      const text = Object.entries(settings).map(([section, content]) => `${section}: ${content}\n`);
      writeFileSync(path.join(config, 'janus.jcfg'), text.join(''));
      writeFileSync(
        path.join(config, 'janus.transport.http.jcfg'),
        `general: { json = "compact", base_path = "/janus", http = true, port = ${HTTP_PORT}, https = false }\n`,
      );
      const child = spawnIn(serverSpace, SERVER_CORE, 'janus', [`--configs-folder=${config}`, '--disable-colors']);
      await answers(child, listens(HTTP_PORT));
      return {
        pid: child.pid,
        arguments: ['--janus', `${SERVER_ADDRESS}:${HTTP_PORT}`],
        stop: () => stop(child),
      };
    },

    // Runs loopcast-load against `server`; its report.
    async load(server, args) {
      const child = spawnIn(loadSpace, LOAD_CORE, path.join(build, 'bench/load/loopcast-load'), [
        ...server.arguments,
        ...['--bind', LOAD_ADDRESS, '--server-pid', String(server.pid), '--server-core', String(SERVER_CORE), '--json'],
        ...args,
      ]);
      const code = await child.ended;
      if (child.output === '') throw new Error(`loopcast-load ended with ${code}\n${child.errors}`);
      return JSON.parse(child.output);
    },

    // Not on every processor: it needs ipsec-mb.
    hasFanout: existsSync(path.join(build, FANOUT)),

    // Runs bench/fanout on the server's side in real time, to counted viewers: reads the figure before a unit.
    async fanout(args) {
      const child = spawnIn(serverSpace, SERVER_CORE, path.join(build, FANOUT), [
        ...['--paced', '--to', LOAD_ADDRESS, '--first-port', String(COUNTED_PORTS)],
        ...args,
      ]);
      const code = await child.ended;
      if (code !== 0) throw new Error(`${FANOUT} ended with ${code}\n${child.errors}`);
      return (unit) => Number(new RegExp(`([\\d.]+) ${unit}`).exec(child.output)[1]);
    },

    // What Linux calls this processor.
    processor: /^model name\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown',
  };
}
