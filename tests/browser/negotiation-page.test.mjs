// The negotiation page of the browser example, used as a person would: by mouse, by keyboard, at desktop and phone width.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { startChromium } from './chromium.mjs';
import { startServer } from './server.mjs';

let server;
let browser;
let page;
let complaints;

before(async () => {
  [server, browser] = await Promise.all([startServer('negotiation-page'), startChromium()]);
});
after(async () => {
  await browser?.close();
  await server?.interrupt();
});
beforeEach(async () => {
  page = await openPage({ width: 1280, height: 900 });
});
afterEach(async () => {
  await page.context().close();
  assert.deepEqual(complaints, [], 'errors in the console, and requests to other places');
});

test('each page is a link away from every other', async () => {
  const [first, here, media] = ['Channels and files', 'Negotiation', 'Sound and pictures'];
  for (const [name, path] of [[first, '/'], [media, '/media'], [here, '/negotiation'], [media, '/media'], [first, '/'], [here, '/negotiation']]) {
    await page.getByRole('link', { name, exact: true }).click();
    await page.waitForURL(server.url + path);
  }
  await connected();
});

test('both sides add, turn and stop transceivers, and both show the same', async () => {
  await connected();
  await button('page', 'Add audio').click();
  await rows(1);
  await button('rust', 'Add video').click();
  await rows(2);
  assert.deepEqual(await does('page'), ['1 audio sendonly', 'm0 video recvonly']);
  assert.deepEqual(await does('rust'), ['1 audio recvonly', 'm0 video sendonly']);
  await side('rust').getByRole('combobox', { name: 'Direction of audio 1' }).selectOption('sendrecv');
  await showing('page', '1 audio sendrecv', 'm0 video recvonly');
  await showing('rust', '1 audio sendrecv', 'm0 video sendonly');
  await button('page', 'Stop video m0').click();
  await rows(1);
  await settled();
  const texts = await page.locator('#texts td', { hasText: /^m=video 0 / }).count();
  assert.equal(texts > 0, true, 'the section is there, rejected');
});

test('differences of the descriptions are marked, and what is the same is not', async () => {
  await connected();
  const marked = async () => (await page.locator('#texts mark').allTextContents()).filter((line) => line !== '');
  await page.locator('#texts mark', { hasText: 'a=setup:active' }).waitFor();
  const lines = await marked();
  assert.ok(lines.includes('a=setup:actpass'), `${lines}`);
  assert.ok(lines.some((line) => line.startsWith('a=ice-ufrag:')), `${lines}`);
  assert.ok(!lines.some((line) => line.startsWith('a=mid:') || line.startsWith('m=application')), `${lines}`);
  const note = await page.locator('#texts-note').textContent();
  const different = await page.locator('#texts tbody tr:not(.same)').count();
  assert.equal(note, `${different} of ${await page.locator('#texts tbody tr').count()} lines differ.`);
  await page.getByRole('combobox', { name: 'Which descriptions' }).selectOption('page');
  await page.waitForFunction(() => !document.getElementById('texts').textContent.includes('a=setup:active'));
  const own = await marked();
  assert.ok(!own.some((line) => /^a=(ice-|fingerprint|setup|mid|sctp-port)/.test(line)), `as the peer has it, it is the same: ${own}`);
});

for (const polite of ['rust', 'page']) {
  test(`both offer at once while ${polite === 'rust' ? 'the Rust peer' : 'this page'} is polite`, async () => {
    await page.getByRole('combobox', { name: 'Whose offer gives way when both offer' }).selectOption(polite);
    await page.getByRole('button', { name: 'Start again' }).click();
    await connected();
    for (let i = 0; i < 3; i += 1) {
      await page.getByRole('button', { name: 'Both offer now' }).click();
      await settled();
    }
    await button('rust', 'Add audio').click();
    await rows(1);
    assert.equal(await page.locator('#log li[data-tone="bad"]').count(), 0);
  });
}

test('ICE restarts from both sides, and the echoes go on', async () => {
  await connected();
  const ufrags = () => page.locator('#texts td', { hasText: /^a=ice-ufrag:/ }).allTextContents();
  await page.locator('#texts td', { hasText: /^a=ice-ufrag:/ }).first().waitFor();
  for (const who of ['page', 'rust']) {
    const before = await ufrags();
    await button(who, 'Restart ICE').click();
    await page.waitForFunction((old) => {
      const now = [...document.querySelectorAll('#texts td')].map((cell) => cell.textContent).filter((line) => line.startsWith('a=ice-ufrag:'));
      return now.length >= 2 && old.every((line) => !now.includes(line));
    }, before);
    await settled();
  }
  const echoes = async () => Number(/^(\d+) of/.exec(await page.locator('#echoes').textContent())?.[1] ?? 0);
  const before = await echoes();
  await page.waitForFunction((before) => Number(/^(\d+) of/.exec(document.getElementById('echoes').textContent)?.[1]) >= before + 2, before);
  const [, back, sent] = /^(\d+) of (\d+)/.exec(await page.locator('#echoes').textContent());
  assert.ok(sent - back <= 1, `${back} of ${sent}`);
});

test('a provisional answer waits for the final one, and offers are rolled back', async () => {
  await connected();
  await side('rust').getByRole('combobox', { name: 'Answers offers' }).selectOption('provisionally');
  await button('page', 'Add audio').click();
  await page.locator('#state-page-signalling', { hasText: 'have-remote-pranswer' }).waitFor();
  await button('rust', 'Answer finally').click();
  await settled();
  for (const who of ['page', 'rust']) {
    await button(who, 'Offer and roll back').click();
    await settled();
  }
  await showing('page', '1 audio sendonly');
});

test('needs no mouse', async () => {
  await connected();
  const target = button('page', 'Add video');
  for (let presses = 0; presses < 12; presses += 1) {
    await page.keyboard.press('Tab');
    if (await target.evaluate((element) => element === document.activeElement)) break;
  }
  await page.keyboard.press('Enter');
  await rows(1);
});

test('every control has a name', async () => {
  await connected();
  await button('rust', 'Add video').click();
  await rows(1);
  const unnamed = await page.evaluate(() => {
    const named = (one) => one.getAttribute('aria-label') || one.labels?.[0]?.textContent.trim() || one.textContent.trim();
    return [...document.querySelectorAll('button, select, a, input')].filter((one) => !named(one)).map((one) => one.outerHTML);
  });
  assert.deepEqual(unnamed, []);
  assert.equal(await page.locator('h1').count(), 1);
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'en');
});

for (const [width, height] of [[1280, 800], [900, 900], [375, 812], [320, 640]]) {
  test(`fits a window ${width} px wide`, async () => {
    await page.setViewportSize({ width, height });
    await connected();
    await button('page', 'Add audio').click();
    await button('rust', 'Add video').click();
    await rows(2);
    const [content, visible] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    assert.ok(content <= visible, `${content} px in ${visible} px`);
  });
}

async function openPage(viewport) {
  const context = await browser.playwright.newContext({ viewport });
  const opened = await context.newPage();
  opened.setDefaultTimeout(15_000);
  complaints = [];
  opened.on('pageerror', (error) => complaints.push(String(error)));
  opened.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  opened.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(server.url) && !url.startsWith('data:')) complaints.push(`request to ${url}`);
  });
  await opened.goto(`${server.url}/negotiation`);
  return opened;
}

async function connected() {
  await page.locator('#status', { hasText: /^Connected$/ }).waitFor();
  await settled();
}

/** Both sides stable, as shown. */
async function settled() {
  for (const who of ['page', 'rust']) await page.locator(`#state-${who}-signalling`, { hasText: /^stable$/ }).waitFor();
}

function side(name) {
  return page.locator(`[data-side="${name}"]`);
}

function button(who, name) {
  return side(who).getByRole('button', { name, exact: true });
}

/** Both sides show this many transceivers, each with a mid and a current direction. */
async function rows(count) {
  await page.waitForFunction((count) => {
    return ['page', 'rust'].every((side) => {
      const all = [...document.getElementById(`${side}-transceivers`).rows];
      return all.length === count && all.every((row) => !row.cells[0].textContent.startsWith('–') && row.cells[2].textContent !== '–');
    });
  }, count);
}

function does(who) {
  return page.evaluate((who) => {
    return [...document.getElementById(`${who}-transceivers`).rows].map(({ cells }) => `${cells[0].textContent} ${cells[2].textContent}`);
  }, who);
}

/** Waits until a side shows these transceivers. */
async function showing(who, ...expected) {
  await page.waitForFunction(([who, expected]) => {
    const all = [...document.getElementById(`${who}-transceivers`).rows];
    return JSON.stringify(all.map(({ cells }) => `${cells[0].textContent} ${cells[2].textContent}`)) === expected;
  }, [who, JSON.stringify(expected)]);
}
