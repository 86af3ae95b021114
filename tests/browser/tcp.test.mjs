// Chromium and the browser example over TCP alone: neither hears of the other's candidates for UDP. Chromium opens the
// stream, to the example's listener.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startChromium } from './chromium.mjs';
import { startServer } from './server.mjs';

const SCRIPTS = ['in-page-tcp.js', 'in-page-negotiation.js', 'in-page-sequences.js', 'in-page-media.js', 'in-page-traffic.js'];

describe('over TCP alone', () => {
  let server;
  let browser;
  let page;

  before(async () => {
    server = await startServer('tcp', ['--tcp-port', '0']);
    browser = await startChromium({ devices: true });
    page = await browser.openHarness(server, SCRIPTS);
  });
  after(async () => {
    await browser?.close();
    await server?.kill();
  });

  /** Both sides tell of a stream to the listener. */
  function checkWay(pair, entries) {
    assert.deepEqual([pair.local.protocol, pair.local.tcpType], ['tcp', 'active']);
    assert.equal(pair.remote.protocol, 'tcp');
    const ours = entries.find(({ type }) => type === 'candidate-pair');
    assert.equal(ours.protocol, 'tcp');
    const listening = [...server.output.matchAll(/^tcp (\S+)$/gm)].map(([, address]) => address);
    assert.ok(listening.includes(ours.local), `${ours.local} is one of ${listening}`);
  }

  for (const role of ['offerer', 'answerer']) {
    test(`data go both ways, Chromium as ${role}`, async () => {
      const { hashes, echoes, sent, got, pair, entries } = await page.evaluate(async (role) => {
        const peer = await duologue.connect(role);
        const line = peer.open('data');
        const moved = await duologue.transfer(line, 1 << 20, 16_384);
        const echoes = [await line.echo('text'), await line.echo(duologue.randomBytes(60_000))];
        const pair = await duologue.selectedPair(peer.pc);
        const { entries } = await duologue.api('GET', `/stats?id=${peer.id}`);
        peer.pc.close();
        return { hashes: [moved.sent, moved.received], echoes, sent: peer.sent.sdp, got: peer.got.sdp, pair, entries };
      }, role);
      assert.equal(hashes[1], hashes[0]);
      for (const { equal } of echoes) assert.equal(equal, true);
      assert.match(sent, /^a=candidate:.* tcp .* 9 typ host tcptype active/im);
      assert.match(got, /^a=candidate:.* tcp .* typ host .*tcptype passive/im);
      checkWay(pair, entries);
    });

    test(`sound and pictures go both ways, Chromium as ${role}`, async (t) => {
      const { inbound, pair, entries } = await page.evaluate(async (role) => {
        const call = await duologue.MediaCall.start({ role, video: 'VP8', audio: 'opus', returns: 'packets' });
        const { inbound } = await call.statsWhere(
          ({ inbound: { video, audio } }) => video?.framesDecoded > 20 && audio?.totalAudioEnergy > 0,
          'pictures and sound',
        );
        const pair = await duologue.selectedPair(call.pc);
        const { entries } = await duologue.api('GET', `/stats?id=${call.id}`);
        await call.end();
        duologue.clearScreens();
        return { inbound, pair, entries };
      }, role);
      checkWay(pair, entries);
      t.diagnostic(`${inbound.video.framesDecoded} frames decoded, ${inbound.video.packetsReceived} packets`);
    });
  }
});
