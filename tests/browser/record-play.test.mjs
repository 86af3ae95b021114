// The record example, whose files ffmpeg judges, and the play example, which plays a test card and those files.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startChromium } from './chromium.mjs';
import { judge, sizes } from './ffmpeg.mjs';
import { startServer } from './server.mjs';

let browser;
let folder;
let complaints;
/** What was recorded first, of video and of sound. */
let files;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duologue-recordings-'));
  browser = await startChromium({ devices: true });
});
after(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

test('the record page records, shows the files, and completes them when it stops', async (t) => {
  const server = await startServer('record', ['--folder', folder], 'record');
  t.after(() => server.interrupt());
  const page = await open(server);
  const sounds = await page.locator('#audio-codec option').evaluateAll((options) => options.map(({ value }) => value));
  assert.deepEqual(sounds.toSorted(), ['', 'PCMU', 'opus'], 'what goes into files');
  // Whoever else calls may prefer what goes into none.
  await page.locator('#audio-codec').evaluate((list) => list.add(new Option('G722')));
  await page.locator('#audio-codec').selectOption('G722');
  await page.locator('#video-codec').selectOption('VP9');
  await page.getByRole('button', { name: 'Record' }).click();
  await page.locator('#status', { hasText: 'Recording' }).waitFor();
  await page.waitForFunction(() => {
    const rows = [...document.querySelectorAll('#recorded tr')];
    return rows.length === 2 && rows.every((row) => Number(row.cells[2].textContent) > 3);
  });
  assert.ok(await page.locator('#preview').evaluate((video) => video.videoWidth > 0), 'the page shows the camera');
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.locator('#status', { hasText: 'Stopped' }).waitFor();
  const { body } = await server.request('/state?id=1');
  assert.equal(body.over, true);
  assert.equal(body.error, null);
  assert.equal(body.files.length, 2);
  for (const told of body.files) {
    const judged = await judge(told.file);
    assert.equal(judged.complaints, '');
    assert.equal(judged.codec, told.codec);
    assert.equal(judged.frames, told.frames);
    assert.ok(Math.abs(judged.seconds - told.milliseconds / 1000) < 0.2);
    t.diagnostic(`${told.codec}: ${judged.frames} frames, ${judged.size ?? 'sound'}, ${judged.seconds} s`);
  }
  files = body.files.map(({ file }) => file);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

for (const [how, leave, isComplete] of [
  ['the page goes away', async (page) => page.close({ runBeforeUnload: true }), true],
  ['the program is interrupted', async (_, server) => server.interrupt(), true],
  ['the program is killed, but for the last second', async (_, server) => server.kill(), false],
]) {
  test(`files are complete when ${how}`, async (t) => {
    const own = await mkdtemp(join(folder, 'left-'));
    const server = await startServer('record-left', ['--folder', own], 'record');
    t.after(() => server.interrupt());
    const page = await open(server);
    await page.getByRole('button', { name: 'Record' }).click();
    await page.waitForFunction(() => {
      const rows = [...document.querySelectorAll('#recorded tr')];
      return rows.length === 2 && rows.every((row) => Number(row.cells[2].textContent) > 2.5);
    });
    await leave(page, server);
    if (isComplete) await waitFor(() => /"complete":true/.test(server.output) || server.request('/state?id=1').then(({ body }) => body.over), 'complete files');
    const names = await readdir(own);
    assert.equal(names.length, 2);
    for (const name of names) {
      const judged = await judge(join(own, name));
      assert.equal(judged.complaints, '');
      // The header of IVF tells the time only when the file is complete.
      const seconds = isComplete || judged.size === null ? judged.seconds : judged.frames / 20;
      assert.ok(seconds > 1.3, `${name}: ${seconds} s`);
    }
    await page.context().close();
  });
}

test('the play page shows the test card and plays its tone', async (t) => {
  const server = await startServer('play', [], 'play');
  t.after(() => server.interrupt());
  const page = await open(server);
  await playing(page, 60);
  const facts = await page.locator('#facts').textContent();
  assert.match(facts, /H264 640x360/);
  assert.match(facts, /opus/);
  // The second bar from the left is yellow: much red and green, little blue.
  const [red, green, blue] = await page.locator('#screen').evaluate((video) => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0);
    return [...context.getImageData(120, 20, 1, 1).data];
  });
  assert.ok(red > 150 && green > 150 && blue < 60, `${[red, green, blue]}`);
  await page.getByRole('button', { name: 'Sound on' }).click();
  await streamWhere(page, 'audio', ({ totalAudioEnergy }) => totalAudioEnergy > 0.001, 'sound');
  // A second viewer joins in the middle and gets a key frame, after the first's.
  const other = await open(server);
  await other.locator('#status', { hasText: 'Playing' }).waitFor();
  const connected = performance.now();
  await streamWhere(other, 'video', ({ keyFramesDecoded }) => keyFramesDecoded > 0, 'a key frame for the second viewer', 5000);
  t.diagnostic(`a key frame for the second viewer ${Math.round(performance.now() - connected)} ms after it was connected`);
  await playing(other, 30);
  assert.deepEqual(complaints, []);
  t.diagnostic(facts);
  await Promise.all([page.context().close(), other.context().close()]);
});

test('the play page plays the recorded files, again and again', async (t) => {
  const server = await startServer('play-files', files, 'play');
  t.after(() => server.interrupt());
  const page = await open(server);
  // The files hold about four seconds: these are more frames than they have.
  await playing(page, 110);
  const facts = await page.locator('#facts').textContent();
  // Not always the camera's size: Chromium begins with less when it takes the network for a slow one.
  const recorded = await sizes(files.find((file) => file.endsWith('.ivf')));
  assert.ok(recorded.includes(/VP9 (\d+x\d+)/.exec(facts)?.[1]), `${facts}; ${recorded} was recorded`);
  await page.getByRole('button', { name: 'Sound on' }).click();
  await streamWhere(page, 'audio', ({ totalAudioEnergy }) => totalAudioEnergy > 0, 'sound');
  const { packetsLost, framesReceived, framesDecoded, framesDropped, nackCount, pliCount } = await streamOf(page, 'video');
  const counts = JSON.stringify({ packetsLost, framesReceived, framesDecoded, framesDropped, nackCount, pliCount });
  assert.equal(packetsLost, 0, counts);
  t.diagnostic(`${facts}; ${counts}`);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('the play page loads and plays when there is sound alone', async (t) => {
  const server = await startServer('play-sound', files.filter((file) => file.endsWith('.ogg')), 'play');
  t.after(() => server.interrupt());
  const page = await open(server);
  await page.locator('#status', { hasText: 'Playing' }).waitFor();
  await page.getByRole('button', { name: 'Sound on' }).click();
  await streamWhere(page, 'audio', ({ totalAudioEnergy }) => totalAudioEnergy > 0, 'sound');
  assert.deepEqual(complaints, []);
  await page.context().close();
});

async function open(server) {
  const context = await browser.playwright.newContext({ viewport: { width: 1000, height: 800 } });
  const page = await context.newPage();
  complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  await page.addInitScript(() => {
    const connections = [];
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...settings) {
        super(...settings);
        connections.push(this);
      }
    };
    globalThis.inbound = async (kind) => {
      const entries = [...((await connections.at(-1)?.getStats()) ?? new Map()).values()];
      return entries.find((entry) => entry.type === 'inbound-rtp' && entry.kind === kind) ?? {};
    };
  });
  await page.goto(server.url);
  return page;
}

async function playing(page, frames) {
  await page.locator('#status', { hasText: 'Playing' }).waitFor();
  return streamWhere(page, 'video', ({ framesDecoded }) => framesDecoded > frames, `${frames} frames`);
}

/** The browser's statistics of a stream once `holds(them)`. */
async function streamWhere(page, kind, holds, what, milliseconds = 15_000) {
  let stream;
  const seen = () => JSON.stringify(stream);
  await waitFor(async () => holds((stream = await streamOf(page, kind))), what, seen, milliseconds);
  return stream;
}

/** The browser's statistics of what it gets. */
function streamOf(page, kind) {
  return page.evaluate((kind) => inbound(kind), kind);
}

/** Waits until `holds()`; `seen()` tells what held instead when it does not. */
async function waitFor(holds, what, seen = () => '', milliseconds = 15_000) {
  const deadline = performance.now() + milliseconds;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${milliseconds} ms: ${what}; ${seen()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
