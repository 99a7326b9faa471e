// Real headless Firefox by WebDriver BiDi, which speaks to this machine only.
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import puppeteer from 'puppeteer-core';
import { installProbe } from './probe.mjs';

const PROGRAM = process.env.LOOPCAST_FIREFOX ?? '/usr/bin/firefox-esr';

const PREFERENCES = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.autoplay.default': 0,
  // Addresses in the clear, loopback among them, as candidates of the pages.
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.peerconnection.ice.loopback': true,
  // Whatever is not on this machine is asked of a proxy that is not there.
  'network.proxy.type': 1,
  'network.proxy.http': '127.0.0.1',
  'network.proxy.http_port': 1,
  'network.proxy.ssl': '127.0.0.1',
  'network.proxy.ssl_port': 1,
  'network.proxy.no_proxies_on': '127.0.0.1, localhost',
  'network.trr.mode': 5,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'app.update.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  // There is no graphics processor here.
  'layers.acceleration.disabled': true,
};

// Answers { browser, close() }.
export async function launchFirefox() {
  if (!existsSync(PROGRAM)) throw new Error(`Firefox is missing: ${PROGRAM}`);
  const profile = await mkdtemp(path.join(tmpdir(), 'loopcast-firefox-'));
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: PROGRAM,
    headless: true,
    userDataDir: profile,
    extraPrefsFirefox: PREFERENCES,
    env: { ...process.env, HOME: profile, MOZ_REMOTE_SETTINGS_DEVTOOLS: '1' },
    timeout: 60_000,
    protocolTimeout: 60_000,
  });
  return {
    browser,
    async close() {
      await browser.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

// A page of somebody who is signed in (`session`: { token, user } of the server), in a profile of its own.
export async function openFirefoxPage(browser, server, session) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(`thrown: ${error.stack ?? error}`));
  await page.evaluateOnNewDocument(installProbe);
  await page.goto(`${server.url}/healthz`);
  await page.evaluate(({ token, user }) => {
    localStorage.setItem('loopcast.token', token);
    localStorage.setItem('loopcast.user', JSON.stringify(user));
    localStorage.setItem('loopcast.resolution', '360p');
  }, session);
  return page;
}
