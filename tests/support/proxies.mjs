// Real proxies before a server of ours: Debian's nginx and HAProxy, each a process of the test on a free port, without
// privileges and without anything of /etc.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from './free_port.mjs';
import { until } from './until.mjs';

const answers = (port) =>
  new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true) || socket.destroy());
    socket.on('error', () => resolve(false));
  });

// `configure(port, folder)`: the text of the configuration. `command(file, folder)`: program and arguments.
async function startProxy(name, configure, command) {
  const folder = await mkdtemp(path.join(tmpdir(), `loopcast-${name}-`));
  const port = await freePort();
  const file = path.join(folder, `${name}.conf`);
  await writeFile(file, configure(port, folder));
  const [program, ...args] = command(file, folder);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stdout.on('data', (data) => (log += data));
  child.stderr.on('data', (data) => (log += data));
  const exited = new Promise((resolve) => child.on('close', resolve));
  let failed = null;
  child.on('error', (error) => (failed = error));
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  await until(() => {
    if (failed) throw new Error(`${name} does not start: ${failed.message}`);
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}\n${log}`);
    return answers(port);
  }, () => `${name} to listen\n${log}`);
  return {
    name,
    port,
    url: `http://127.0.0.1:${port}`,
    async stop() {
      child.kill('SIGTERM');
      await exited;
      process.removeListener('exit', endWithUs);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

// What its documentation recommends before a server with WebSockets. `forwarded`: how it tells the client's address.
export const startNginx = (server, { forwarded = 'X-Forwarded-For $proxy_add_x_forwarded_for' } = {}) =>
  startProxy(
    'nginx',
    (port, folder) => `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  client_max_body_size 10m;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${server.port};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header ${forwarded};
      proxy_set_header X-Forwarded-Proto $scheme;
    }
  }
}
`,
    (file, folder) => ['/usr/sbin/nginx', '-e', 'stderr', '-p', folder, '-c', file],
  );

// `forwarded`: the lines that tell the client's address; "option forwardfor" adds a header line of its own at the end.
export const startHaproxy = (server, { forwarded = 'option forwardfor' } = {}) =>
  startProxy(
    'haproxy',
    (port) => `
global
  maxconn 1000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
frontend in
  bind 127.0.0.1:${port}
  ${forwarded}
  default_backend out
backend out
  server loopcast 127.0.0.1:${server.port}
`,
    (file) => ['/usr/sbin/haproxy', '-db', '-f', file],
  );
