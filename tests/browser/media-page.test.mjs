// The page for sound and pictures, used as a person would.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { startChromium } from './chromium.mjs';
import { judge } from './ffmpeg.mjs';
import { startServer } from './server.mjs';

let server;
let browser;
let folder;
let page;
let complaints;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duologue-recordings-'));
  [server, browser] = await Promise.all([
    startServer('media-page', ['--recordings', folder]),
    startChromium({ devices: true }),
  ]);
});
after(async () => {
  await browser?.close();
  await server?.interrupt();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  const context = await browser.playwright.newContext({ viewport: { width: 1280, height: 900 } });
  page = await context.newPage();
  complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(server.url) && !url.startsWith('data:')) complaints.push(`request to ${url}`);
  });
  // The page's connections, to be asked for statistics.
  await page.addInitScript(() => {
    globalThis.connections = [];
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...settings) {
        super(...settings);
        connections.push(this);
      }
    };
  });
  await page.goto(`${server.url}/media`);
});
afterEach(async () => {
  await page.context().close();
  assert.deepEqual(complaints, [], 'errors in the console, and requests to other places');
});

for (const role of ['This page offers', 'The Rust peer offers']) {
  test(`shows what goes and what comes back: ${role}`, async (t) => {
    await page.getByRole('combobox', { name: 'Who makes the offer' }).selectOption(role);
    await page.getByRole('combobox', { name: 'Size' }).selectOption('320x180');
    await page.getByRole('combobox', { name: 'Video' }).selectOption('VP9');
    await page.getByRole('combobox', { name: 'Sound' }).selectOption('PCMU');
    await page.getByRole('combobox', { name: 'The Rust peer returns' }).selectOption('frames');
    await begin();
    await pictures('#preview', 180);
    await pictures('#screen', 180);
    await page.locator('#received', { hasText: /PCMU.*VP9 320x180|VP9 320x180.*PCMU/ }).waitFor();
    for (const side of ['page', 'rust']) {
      await page.waitForFunction((side) => {
        return [...document.getElementById(`now-${side}`).cells].every((cell) => cell.textContent !== '–');
      }, side);
      const cells = await page.locator(`#now-${side} td`).allTextContents();
      assert.match(cells[1], /^\d+\.\d\d Mbit\/s$/);
      assert.ok(parseFloat(cells[1]) > 0.02, cells[1]);
      assert.equal(cells[2], '0.0 %');
      assert.ok(parseFloat(cells[3]) < 100, cells[3]);
      t.diagnostic(cells.join(', '));
    }
    for (const name of ['bitrate', 'loss', 'roundTrip', 'jitter']) await drawn(`plot-${name}`);
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await page.locator('#status', { hasText: 'Stopped' }).waitFor();
    for (const id of ['preview', 'screen']) assert.equal(await page.evaluate((id) => document.getElementById(id).srcObject, id), null);
    assert.deepEqual(await page.locator('figcaption', { hasText: 'Nothing yet.' }).count(), 2);
  });
}

test('what is handed back may change during a call, and the browser misses no number', { timeout: 30_000 }, async (t) => {
  const returns = page.getByRole('combobox', { name: 'The Rust peer returns' });
  await page.getByRole('combobox', { name: 'Size' }).selectOption('320x180');
  await returns.selectOption('nothing');
  await begin();
  await page.waitForTimeout(1000);
  for (const way of ['frames', 'packets', 'nothing', 'packets']) {
    const { framesDecoded: before = 0 } = await inbound('video');
    await returns.selectOption(way);
    if (way === 'nothing') {
      await page.waitForTimeout(1000);
      assert.equal((await inbound('video')).packetsReceived, (await inbound('video', 500)).packetsReceived);
      continue;
    }
    const enough = before + 10;
    while (!((await inbound('video')).framesDecoded > enough)) await page.waitForTimeout(100);
  }
  const { packetsLost, nackCount, framesReceived, framesDecoded } = await inbound('video');
  t.diagnostic(`${framesDecoded} of ${framesReceived} frames decoded, ${packetsLost} packets lost, ${nackCount} NACKs`);
  assert.equal(packetsLost, 0);
  assert.equal(nackCount, 0);
});

test('switches layers, and what is lost on purpose is seen by both sides', async () => {
  await page.getByRole('combobox', { name: 'Size' }).selectOption('960x540');
  // Of which Chromium makes layers of one stream unless it is told otherwise.
  await page.getByRole('combobox', { name: 'Video' }).selectOption('VP9');
  await page.getByRole('combobox', { name: 'Layers' }).selectOption('3');
  await begin();
  for (const [layer, height] of [['h', 270], ['f', 540], ['q', 136]]) {
    await page.getByRole('combobox', { name: 'Layer', exact: true }).selectOption(layer);
    await pictures('#screen', height);
  }
  for (const name of ['Loss to the peer, %', 'Loss from the peer, %']) {
    const field = page.getByRole('spinbutton', { name });
    for (const [asked, taken] of [['-1', '0'], ['200', '50'], ['20', '20']]) {
      await field.fill(asked);
      await page.keyboard.press('Tab');
      assert.equal(await field.inputValue(), taken, 'the field shows what applies');
    }
  }
  await page.getByRole('spinbutton', { name: 'Delay each way, ms' }).fill('40');
  await page.keyboard.press('Tab');
  await page.waitForFunction(() => {
    const lost = (side) => parseFloat(document.getElementById(`now-${side}`).cells[2].textContent);
    return lost('page') > 2 && lost('rust') > 2;
  });
  await page.waitForFunction(() => {
    return ['page', 'rust'].every((side) => parseFloat(document.getElementById(`now-${side}`).cells[3].textContent) >= 80);
  });
});

test('records when it is asked to, until it is told to stop or the call ends', async () => {
  await begin();
  await pictures('#screen', 360);
  const note = page.locator('#record-note');
  await page.getByRole('button', { name: 'Record' }).click();
  await note.filter({ hasText: /: [3-9]\d frames so far/ }).waitFor();
  await page.getByRole('button', { name: 'Stop recording' }).click();
  await note.filter({ hasText: /^[^;]*frames; [^;]*frames$/ }).waitFor();
  await page.getByRole('button', { name: 'Record' }).click();
  await note.filter({ hasText: /: [3-9]\d frames so far/ }).waitFor();
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await note.filter({ hasText: /^([^;]*frames(; |$)){4}$/ }).waitFor();
  const text = await note.textContent();
  const files = [...text.matchAll(/(\S+\.(?:ivf|ogg)): (\d+) frames/g)];
  assert.equal(files.length, 4, text);
  for (const [, file, frames] of files) {
    const judged = await judge(file);
    assert.equal(judged.complaints, '');
    assert.equal(judged.frames, Number(frames));
  }
});

for (const [width, height] of [[1280, 800], [900, 900], [375, 812], [320, 640]]) {
  test(`fits a window ${width} px wide`, async () => {
    await page.setViewportSize({ width, height });
    const [content, visible] = await page.evaluate(() => {
      const root = document.documentElement;
      return [root.scrollWidth, root.clientWidth];
    });
    assert.ok(content <= visible, `${content} px in ${visible} px`);
  });
}

/** The browser's statistics of what it gets, `later` in milliseconds. */
async function inbound(kind, later = 0) {
  await page.waitForTimeout(later);
  return page.evaluate(async (kind) => {
    const entries = [...(await connections.at(-1).getStats()).values()];
    return entries.find((entry) => entry.type === 'inbound-rtp' && entry.kind === kind) ?? {};
  }, kind);
}

async function begin() {
  await page.getByRole('button', { name: 'Start' }).click();
  await page.locator('#status', { hasText: 'Connected' }).waitFor({ timeout: 10_000 });
}

function pictures(selector, height) {
  return page.waitForFunction(([selector, height]) => document.querySelector(selector).videoHeight === height, [selector, height]);
}

/** Waits until pixels of a canvas have one of the two strong colours of the lines. */
function drawn(id) {
  return page.waitForFunction((id) => {
    const canvas = document.getElementById(id);
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < data.length; i += 4) {
      const range = Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]);
      if (data[i + 3] > 128 && range > 80) return true;
    }
    return false;
  }, id);
}
