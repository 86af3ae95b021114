// A browser that dies without a word: lost consent makes the connection `disconnected`, then `failed`.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startChromium } from './chromium.mjs';
import { startServer } from './server.mjs';

let server;
let browser;

before(async () => {
  [server, browser] = await Promise.all([startServer('kill'), startChromium()]);
});
after(async () => {
  await browser?.close();
  await server?.interrupt();
});

test('a browser killed outright is disconnected within 10 s and failed within 35 s', async (t) => {
  const page = await browser.openHarness(server);
  const ids = await page.evaluate(async () => {
    const ids = [];
    for (const role of ['offerer', 'answerer']) {
      const peer = await duologue.connect(role);
      await peer.open('doomed').echo('hello');
      ids.push(peer.id);
    }
    return ids;
  });
  for (const id of ids) assert.equal((await server.state(id)).connectionState, 'connected');
  await browser.kill();
  const start = performance.now();
  const left = (milliseconds) => milliseconds - (performance.now() - start);
  const reaches = async (id, wanted, milliseconds) => {
    const is = ({ connectionState }) => connectionState === wanted;
    await server.stateWhere(id, is, wanted, left(milliseconds));
    t.diagnostic(`${wanted} after ${((performance.now() - start) / 1000).toFixed(1)} s`);
  };
  await Promise.all(
    ids.map(async (id) => {
      await reaches(id, 'disconnected', 10_000);
      await reaches(id, 'failed', 35_000);
    }),
  );
});
