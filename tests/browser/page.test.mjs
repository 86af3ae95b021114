// The page of the browser example, used as a person would: by mouse, by keyboard, at desktop and phone width.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { startChromium } from './chromium.mjs';
import { startServer } from './server.mjs';

let server;
let browser;
let page;
let complaints;

before(async () => {
  [server, browser] = await Promise.all([startServer('page'), startChromium()]);
});
after(async () => {
  await browser?.close();
  await server?.interrupt();
});
beforeEach(async () => {
  page = await openPage(server, { width: 1280, height: 800 });
});
afterEach(async () => {
  await page.context().close();
  assert.deepEqual(complaints, [], 'errors in the console, and requests to other places');
});

test('connects by itself and shows every state', async () => {
  await connected();
  const facts = page.locator('#states dd');
  await page.waitForFunction(() => document.getElementById('state-cipher').textContent.startsWith('TLS_'));
  const texts = await facts.allTextContents();
  assert.equal(texts[0], 'connected');
  assert.match(texts[1], /^(connected|completed)$/);
  assert.deepEqual(texts.slice(2, 6), ['complete', 'stable', 'connected', 'connected']);
  assert.match(texts[7], /^(127\.0\.0\.1|\[::1\]):\d+ (host|prflx)$/);
  assert.match(texts[8], /^(127\.0\.0\.1|\[::1\]):\d+ (host|prflx)$/);
  assert.equal(texts[9], '256 KiB');
  const log = await page.locator('#log li').allTextContents();
  for (const line of ['signalling stable', 'ICE connected', 'DTLS connected', 'SCTP connected']) {
    assert.ok(log.some((entry) => /^\d\d:\d\d:\d\d\.\d{3}/.test(entry) && entry.endsWith(line)), `${line} in ${log}`);
  }
});

test('connects when the Rust peer makes the offer', async () => {
  await connected();
  await page.getByRole('button', { name: 'Disconnect' }).click();
  assert.equal(await status(), 'Disconnected');
  await page.getByRole('combobox', { name: 'Who makes the offer' }).selectOption('answer');
  await page.getByRole('button', { name: 'Connect again' }).click();
  await connected();
  await page.locator('#log li', { hasText: 'channel "from-sut" opened by the Rust peer' }).waitFor();
});

test('the chat shows text and bytes as they come back', async () => {
  await connected();
  for (const text of ['Hello, Rust peer', 'Grüße, 世界! 🦀', '<b>not markup</b>', '']) {
    await page.getByRole('textbox', { name: 'Message' }).fill(text);
    await page.getByRole('button', { name: 'Send' }).click();
    await echoed(text || '(empty)');
  }
  await page.getByRole('combobox', { name: 'Kind of message' }).selectOption('bytes');
  await page.getByRole('textbox', { name: 'Message' }).fill('de AD be ef 00');
  await page.getByRole('button', { name: 'Send' }).click();
  await echoed('de ad be ef 00');
  await page.getByRole('textbox', { name: 'Message' }).fill('xyz');
  await page.getByRole('button', { name: 'Send' }).click();
  assert.match(await page.getByRole('alert').textContent(), /hexadecimal/);
});

test('the chat needs no mouse', async () => {
  await connected();
  for (let presses = 0; presses < 12; presses += 1) {
    await page.keyboard.press('Tab');
    if (await page.getByRole('textbox', { name: 'Message' }).evaluate((input) => input === document.activeElement)) break;
  }
  await page.keyboard.type('by keyboard');
  await page.keyboard.press('Enter');
  await echoed('by keyboard');
});

test('chosen and dropped files come back with the hash they have', async () => {
  await connected();
  const files = [3_000_000, 0, 65_536, 55, 64].map((size, i) => ({
    name: `chosen-${i}.bin`,
    mimeType: 'application/octet-stream',
    buffer: randomBytes(size),
  }));
  await page.locator('#files').setInputFiles(files);
  const dropped = randomBytes(200_000);
  await page.evaluate((base64) => {
    const transfer = new DataTransfer();
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    transfer.items.add(new File([bytes], 'dropped.bin'));
    const init = { dataTransfer: transfer, bubbles: true, cancelable: true };
    document.getElementById('drop').dispatchEvent(new DragEvent('drop', init));
  }, dropped.toString('base64'));
  const expected = new Map([...files.map(({ name, buffer }) => [name, buffer]), ['dropped.bin', dropped]]);
  for (const [name, bytes] of expected) {
    const row = page.locator('.transfer', { hasText: name });
    await row.locator('.outcome[data-tone="good"]').waitFor({ timeout: 20_000 });
    const digest = createHash('sha256').update(bytes).digest('hex');
    assert.equal(await row.locator('code').textContent(), `SHA-256 ${digest}`, name);
    assert.equal(await row.getByRole('progressbar').getAttribute('aria-valuenow'), '100', name);
  }
});

test('plots the round trip and the throughput both ways', async (t) => {
  await connected();
  await page.waitForFunction(() => /^\d/.test(document.getElementById('rtt-median').textContent));
  const emptyInk = await ink('rate-plot');
  await page.getByRole('button', { name: 'Start' }).click();
  await page.waitForFunction(() => parseFloat(document.getElementById('rate-down').textContent) > 0);
  await page.getByRole('button', { name: 'Stop' }).waitFor();
  await page.locator('#rate-note', { hasText: / up and .* down in / }).waitFor({ timeout: 15_000 });
  for (const id of ['rate-up', 'rate-down']) {
    const text = await page.locator(`#${id}`).textContent();
    assert.ok(parseFloat(text) > 0, `${id}: ${text}`);
    t.diagnostic(`${id} ${text}`);
  }
  t.diagnostic(`median round trip ${await page.locator('#rtt-median').textContent()}`);
  assert.ok((await ink('rtt-plot')) > 0, 'the line of the round trips is drawn');
  assert.ok((await ink('rate-plot')) > emptyInk, 'the lines of the throughput are drawn');
  await page.getByRole('button', { name: 'Start' }).waitFor();
});

for (const [width, height] of [[1280, 800], [900, 900], [375, 812], [320, 640]]) {
  test(`fits a window ${width} px wide`, async () => {
    await page.setViewportSize({ width, height });
    await connected();
    await page.getByRole('textbox', { name: 'Message' }).fill('an_unbroken_word_'.repeat(20));
    await page.keyboard.press('Enter');
    await page.locator('.bubble.theirs').waitFor();
    const [content, visible] = await page.evaluate(() => {
      const root = document.documentElement;
      return [root.scrollWidth, root.clientWidth];
    });
    assert.ok(content <= visible, `${content} px in ${visible} px`);
  });
}

test('shows that the Rust peer closed, and says so when it is gone', async (t) => {
  const mortal = await startServer('page-ctrl-c');
  t.after(() => mortal.interrupt());
  const doomed = await openPage(mortal, { width: 1280, height: 800 });
  t.after(() => doomed.context().close());
  await connected(doomed);
  const end = await mortal.interrupt();
  assert.deepEqual(end, { code: 0, signal: null }, mortal.output);
  await doomed.locator('#status', { hasText: 'Closed by the Rust peer' }).waitFor({ timeout: 3000 });
  assert.equal(await doomed.locator('#state-dtls').textContent(), 'closed');
  assert.equal(await doomed.getByRole('button', { name: 'Send' }).isDisabled(), true);
  complaints.length = 0;
  await doomed.getByRole('button', { name: 'Connect again' }).click();
  await doomed.locator('#status', { hasText: 'Not connected' }).waitFor();
  await doomed.locator('#log li', { hasText: 'the server does not answer' }).waitFor();
  complaints.length = 0; // the refused request is one
});

async function openPage(from, viewport) {
  const context = await browser.playwright.newContext({ viewport });
  const opened = await context.newPage();
  complaints = [];
  opened.on('pageerror', (error) => complaints.push(String(error)));
  opened.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  opened.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(from.url) && !url.startsWith('data:')) complaints.push(`request to ${url}`);
  });
  await opened.goto(from.url);
  return opened;
}

async function connected(where = page) {
  await where.locator('#status', { hasText: /^Connected$/ }).waitFor({ timeout: 8_000 });
}

function status() {
  return page.locator('#status').textContent();
}

async function echoed(text) {
  const echo = page.locator('.bubble.theirs').last();
  await echo.filter({ hasText: text }).waitFor();
  assert.equal(await echo.evaluate((bubble) => bubble.firstChild.textContent), text);
}

/** How many pixels of a canvas have one of the two strong colours of the lines. */
function ink(id) {
  return page.evaluate((id) => {
    const canvas = document.getElementById(id);
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let strong = 0;
    for (let i = 0; i < data.length; i += 4) {
      const range = Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]);
      if (data[i + 3] > 128 && range > 80) strong += 1;
    }
    return strong;
  }, id);
}
