// Real headless Chromium, which speaks to this machine only.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { installProbe } from './probe.mjs';
import { PACKET_LOG_ARGUMENTS, loggingProgram } from './sent_media.mjs';

// The library itself: the wrapper script in /usr/bin reads settings of the machine.
const PROGRAM = process.env.LOOPCAST_CHROMIUM ?? '/usr/lib/chromium/chromium';

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Loopback addresses in the clear, as candidates of the pages.
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  '--allow-loopback-in-peer-connection',
  // Nothing outside is looked up.
  '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost',
];
const DEVICES = '--use-fake-device-for-media-stream=fps=30';
const CONSENT = '--use-fake-ui-for-media-stream';
const AUTOPLAY = '--autoplay-policy=no-user-gesture-required';

// Without `devices` there is no camera; without `consent` nobody allows it to pages that lack the permission; without
// `autoplay` the browser's own rules say which page may make a sound. All packets go into the file `packets` in the
// clear (see sent_media.mjs).
export async function launchChromium({ devices = true, consent = true, autoplay = true, packets } = {}) {
  if (!existsSync(PROGRAM)) throw new Error(`Chromium is missing: ${PROGRAM}`);
  return chromium.launch({
    executablePath: packets ? await loggingProgram(PROGRAM, packets) : PROGRAM,
    args: [
      ...ARGUMENTS,
      ...(devices ? [DEVICES] : []),
      ...(consent ? [CONSENT] : []),
      ...(autoplay ? [AUTOPLAY] : []),
      ...(packets ? PACKET_LOG_ARGUMENTS : []),
    ],
    headless: true,
    timeout: 60_000,
  });
}

// Opens a page in a profile of its own (so two pages are two people on two machines), or with `context` as one more tab
// of that profile.
//
// options: `session` ({ token, user } of the server: the page is signed in), `init` (functions that run in each
// document first, as [function, argument] or function), `permissions`, `viewport`, `locale`, `resolution` (of the
// camera, as the app names it).
//
// Answers the page; `page.problems` are the errors on its console, what it threw, and requests to other machines.
export async function openPage(browser, server, options = {}) {
  const { session, init = [], permissions = ['camera', 'microphone'], viewport = { width: 1280, height: 800 } } = options;
  const stored = {
    // What is tested does not depend on the size of the picture; the machine's load does.
    'loopcast.resolution': options.resolution ?? '360p',
    ...(session ? { 'loopcast.token': session.token, 'loopcast.user': JSON.stringify(session.user) } : {}),
  };
  const localStorage = Object.entries(stored).map(([name, value]) => ({ name, value }));
  const context = options.context ?? await browser.newContext({
    viewport,
    permissions,
    locale: options.locale ?? 'en-US',
    storageState: { cookies: [], origins: [{ origin: server.url, localStorage }] },
  });
  if (options.context === undefined) {
    context.setDefaultTimeout(30_000);
    await context.addInitScript(installProbe);
    for (const script of init) await context.addInitScript(...(Array.isArray(script) ? script : [script]));
  }
  const page = await context.newPage();
  page.problems = [];
  page.on('console', (message) => {
    if (message.type() === 'error') page.problems.push(`console: ${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => page.problems.push(`thrown: ${error.stack ?? error}`));
  page.on('request', (request) => {
    if (!/^(data|blob|about):/.test(request.url()) && !request.url().startsWith(`${server.url}/`))
      page.problems.push(`foreign request: ${request.url()}`);
  });
  return page;
}

// Closes what openPage() opened.
export async function closePages(browser) {
  await Promise.all(browser?.contexts().map((context) => context.close()) ?? []);
}

// The renderer dies at once: no event handler runs, nothing is said to the server.
export async function crash(page) {
  const session = await page.context().newCDPSession(page);
  const crashed = new Promise((resolve) => page.once('crash', resolve));
  session.send('Page.crash').catch(() => {});
  await crashed;
}
