// Debian's Chromium as a child process, driven over its debugging port.

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const EXECUTABLE = process.env.DUOLOGUE_CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
// What lets a page without camera rights gather 127.0.0.1 under its own name.
const LOOPBACK_FLAGS = [
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  '--allow-loopback-in-peer-connection',
];

// A camera and a microphone that are not there: a moving picture and a beep each second, given to whoever asks.
const DEVICE_FLAGS = [
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
];

/**
 * Starts a browser with a fresh profile; without `loopback` it has no WebRTC flag at all, with `devices` fake ones.
 * `further` flags are the caller's.
 */
export async function startChromium({ loopback = true, devices = false, further = [] } = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'duologue-chromium-'));
  const flags = [...FLAGS, ...(loopback ? LOOPBACK_FLAGS : []), ...(devices ? DEVICE_FLAGS : []), ...further];
  const own = [`--user-data-dir=${profile}`, '--remote-debugging-port=0'];
  // A process group of its own, so that kill() reaches every process of the browser at once.
  const options = { detached: true, stdio: ['ignore', 'ignore', 'pipe'] };
  const child = spawn(EXECUTABLE, [...flags, ...own, 'about:blank'], options);
  const exited = new Promise((resolve) => child.on('exit', resolve).on('error', resolve));
  const endpoint = await debuggingEndpoint(child);
  const playwright = await chromium.connectOverCDP(endpoint);
  return new Browser(child, exited, playwright, profile);
}

class Browser {
  constructor(child, exited, playwright, profile) {
    this.child = child;
    this.exited = exited;
    this.playwright = playwright;
    this.profile = profile;
    this.version = playwright.version();
  }

  /** A page of the server with in-page.js, and further scripts of the tests, in the place of its own. */
  async openHarness(server, scripts = []) {
    const context = await this.playwright.newContext();
    const page = await context.newPage();
    await page.route('**/page.js', (route) => route.abort());
    for (const script of ['in-page.js', ...scripts]) {
      await page.addInitScript(await readFile(new URL(script, import.meta.url), 'utf8'));
    }
    await page.goto(server.url);
    return page;
  }

  /** Ends every process of the browser at once, with no chance to say goodbye. */
  async kill() {
    process.kill(-this.child.pid, 'SIGKILL');
    await this.exited;
  }

  async close() {
    await this.playwright.close().catch(() => {});
    if (this.child.exitCode === null && this.child.signalCode === null) await this.kill();
    await rm(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

function debuggingEndpoint(child) {
  return new Promise((resolve, reject) => {
    let output = '';
    const fail = (why) => reject(new Error(`${EXECUTABLE}: ${why}\n${output}`));
    const timer = setTimeout(() => fail('no debugging port within 30 s'), 30_000);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code) => fail(`ended with ${code}`));
    child.stderr.setEncoding('utf8').on('data', (text) => {
      output += text;
      const found = /DevTools listening on (ws:\S+)/.exec(output);
      if (!found) return;
      clearTimeout(timer);
      child.stderr.removeAllListeners('data').resume();
      resolve(found[1]);
    });
  });
}
