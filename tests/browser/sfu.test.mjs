// The sfu example: three pages of Chromium in a room, over one UDP port.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChromium } from './chromium.mjs';
import { startServer } from './server.mjs';

let server;
let browser;
const visits = [];
const complaints = [];

before(async () => {
  [server, browser] = await Promise.all([startServer('sfu', [], 'sfu'), startChromium({ devices: true })]);
});
after(async () => {
  await browser?.close();
  await server?.interrupt();
});

test('three pages in one room all see and hear each other', async (t) => {
  for (let i = 0; i < 3; i += 1) visits.push(await join());
  assert.deepEqual(visits.map(({ id }) => id), [1, 2, 3]);
  for (const visit of visits) {
    const streams = await where(visit, 'both others seen and heard', ({ video, audio }) => {
      return video.length === 2 && audio.length === 2 && video.every(({ framesDecoded }) => framesDecoded > 40);
    });
    const tiles = await visit.page.locator('.tile:not(.mine)').count();
    assert.equal(tiles, 2);
    for (const { packetsReceived } of streams.audio) assert.ok(packetsReceived > 50);
    nothingLost(streams);
    t.diagnostic(`${visit.id}: ${streams.video.map((one) => `${one.framesDecoded} of ${one.frameHeight} lines, ${one.packetsLost} lost`)}`);
  }
  const sources = await Promise.all(visits.map(async (visit) => (await stats(visit)).outbound.map(({ ssrc }) => ssrc)));
  for (const visit of visits) {
    const { video, audio } = await stats(visit);
    for (const { ssrc } of [...video, ...audio]) assert.ok(!sources.flat().includes(ssrc), 'a source of our own');
  }
  await visits[0].page.locator('#sound').click();
  await where(visits[0], 'sound', ({ audio }) => audio.every(({ totalAudioEnergy }) => totalAudioEnergy > 0));
});

test('a picture that is made large comes in a larger size, and goes back to the smaller one', async (t) => {
  const [first] = visits;
  const button = first.page.locator('.tile[data-peer="2"] button');
  const small = await pictureOf(first, 2);
  assert.equal(small.rid, 'q');
  await button.click();
  await where(first, 'the large size', ({ video }) => video.some(({ frameHeight }) => frameHeight === 540));
  assert.equal((await pictureOf(first, 2)).rid, 'f');
  assert.equal((await pictureOf(visits[2], 2)).rid, 'q', 'others keep theirs');
  const shown = await first.page.locator('.tile[data-peer="2"] video').evaluate((video) => video.videoHeight);
  assert.equal(shown, 540);
  await button.click();
  await where(first, 'the small size again', ({ video }) => video.every(({ frameHeight }) => frameHeight === 135));
  const { switches } = await pictureOf(first, 2);
  assert.ok(switches >= 2);
  const streams = await stats(first);
  nothingLost(streams);
  const { video } = streams;
  t.diagnostic(`${switches} switches; ${JSON.stringify(video.map(({ packetsLost, framesDecoded, pliCount, freezeCount }) => ({ packetsLost, framesDecoded, pliCount, freezeCount })))}`);
  for (const { framesDecoded, framesReceived } of video) assert.ok(framesReceived - framesDecoded < 10);
});

test('who is in another room is not seen', async () => {
  const stranger = await join('?room=other');
  await sleep(1000);
  assert.equal(await stranger.page.locator('.tile:not(.mine)').count(), 0);
  for (const visit of visits) assert.equal(await visit.page.locator('.tile:not(.mine)').count(), 2);
  await stranger.page.context().close();
});

test('who leaves is gone for the others, and who comes again is there', async () => {
  const [first, second, third] = visits;
  const before = await Promise.all([first, second].map(sections));
  // Sound and picture of three: its own and two others'.
  for (const counts of before) assert.deepEqual(counts, { all: 6, used: 6 });
  await third.page.locator('#toggle').click();
  for (const visit of [first, second]) {
    await visit.page.locator('.tile[data-peer="3"]').waitFor({ state: 'detached' });
    assert.equal(await visit.page.locator('.tile:not(.mine)').count(), 1);
  }
  await third.page.locator('#toggle').click();
  await third.page.locator('#status', { hasText: 'In the room' }).waitFor();
  for (const visit of visits) {
    await visit.page.waitForFunction(() => document.querySelectorAll('.tile:not(.mine)').length === 2);
    await visit.page.waitForFunction(() => {
      return [...document.querySelectorAll('.tile:not(.mine) video')].every((video) => video.videoHeight > 0);
    });
  }
  // In the sections of who left: there are no more than before, and none is idle.
  assert.deepEqual(await Promise.all([first, second].map(sections)), before);
  // A page that goes away without a word of its own.
  await second.page.close();
  await first.page.locator('.tile[data-peer="2"]').waitFor({ state: 'detached' });
  assert.deepEqual(complaints, []);
});

/**
 * No viewer misses a number of a picture, neither from the way nor from the change between layers. Not so for sound: on a
 * busy machine a number is missing now and then as it comes from Chromium, and the gap is handed on.
 */
function nothingLost({ video }) {
  const lost = video.filter(({ packetsLost }) => packetsLost !== 0);
  assert.deepEqual(lost.map(({ packetsLost, packetsReceived, frameHeight }) => ({ packetsLost, packetsReceived, frameHeight })), []);
}

/** How many sections a page's connection has, and how many of them are in use. */
function sections({ page }) {
  return page.evaluate(() => {
    const connection = connections.at(-1);
    const all = connection.remoteDescription.sdp.match(/^m=/gm).length;
    return { all, used: connection.getTransceivers().filter(({ currentDirection }) => /^(send|recv)/.test(currentDirection)).length };
  });
}

/** Opens a page and enters the room. */
async function join(query = '') {
  const context = await browser.playwright.newContext({ viewport: { width: 860, height: 900 } });
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
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
  const joined = page.waitForResponse((reply) => reply.url().endsWith('/join'));
  await page.goto(server.url + query);
  await page.locator('#size').selectOption('960x540');
  await page.locator('#toggle').click();
  const { id } = await (await joined).json();
  await page.locator('#status', { hasText: 'In the room' }).waitFor();
  return { id, page };
}

function stats({ page }) {
  return page.evaluate(async () => {
    const entries = [...(await connections.at(-1).getStats()).values()];
    const inbound = (kind) => entries.filter((entry) => entry.type === 'inbound-rtp' && entry.kind === kind);
    const outbound = entries.filter(({ type }) => type === 'outbound-rtp');
    return { video: inbound('video'), audio: inbound('audio'), outbound };
  });
}

async function where(visit, what, holds, milliseconds = 25_000) {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    const streams = await stats(visit);
    if (holds(streams)) return streams;
    if (performance.now() > deadline) {
      const { body } = await server.request(`/state?id=${visit.id}`);
      throw new Error(`not within ${milliseconds} ms: ${what}; ${JSON.stringify([streams, body])}`);
    }
    await sleep(100);
  }
}

/** What the server says of the picture that a participant gets of another. */
async function pictureOf({ id }, peer) {
  const { body } = await server.request(`/state?id=${id}`);
  return body.pictures.find((picture) => picture.peer === peer);
}
