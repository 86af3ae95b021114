// Chromium's fake camera and microphone through the browser example and back.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { startChromium } from './chromium.mjs';
import { judge } from './ffmpeg.mjs';
import { startServer } from './server.mjs';

const ENOUGH_FRAMES = 100;
/** Of the fake camera, in a second. */
const FRAME_RATE = 20;
const FFMPEG_NAMES = { VP8: 'vp8', VP9: 'vp9', H264: 'h264', AV1: 'av1', opus: 'opus', PCMU: 'pcm_mulaw' };

let server;
let browser;
let page;
let folder;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duologue-recordings-'));
  [server, browser] = await Promise.all([
    startServer('media', ['--recordings', folder]),
    startChromium({ devices: true }),
  ]);
  page = await browser.openHarness(server, ['in-page-negotiation.js', 'in-page-sequences.js', 'in-page-media.js']);
});
after(async () => {
  await browser?.close();
  await server?.interrupt();
  await rm(folder, { recursive: true, force: true });
});
afterEach(async () => {
  await page.evaluate(() => {
    duologue.clearScreens();
    return duologue.closePairs();
  });
});

test('Chromium can send every codec that is tested', async (t) => {
  const names = await page.evaluate(async () => {
    const { codecNames } = await import('/call.js');
    return [...codecNames('video'), ...codecNames('audio')];
  });
  for (const name of Object.keys(FFMPEG_NAMES)) assert.ok(names.includes(name), `${name} in ${names}`);
  t.diagnostic(`Chromium ${browser.version}: ${names.join(' ')}`);
});

// Each video codec passes each way once, in either role; so does each audio codec.
const CALLS = {
  packets: [
    { role: 'offerer', video: 'VP8', audio: 'opus' },
    { role: 'answerer', video: 'VP9', audio: 'PCMU' },
    { role: 'offerer', video: 'H264', audio: 'PCMU' },
    { role: 'answerer', video: 'AV1', audio: 'opus' },
  ],
  frames: [
    { role: 'answerer', video: 'VP8', audio: 'PCMU' },
    { role: 'offerer', video: 'VP9', audio: 'opus' },
    { role: 'answerer', video: 'H264', audio: 'opus' },
    { role: 'offerer', video: 'AV1', audio: 'PCMU' },
  ],
};

for (const [returns, calls] of Object.entries(CALLS)) {
  describe(`returned as ${returns}, and recorded`, () => {
    let outcomes;

    before(async () => {
      // All at once: most of the time is spent waiting for the camera's frames.
      outcomes = await page.evaluate(
        async ({ calls, returns, enough }) => {
          const run = async (wanted) => {
            const call = await duologue.MediaCall.start({ ...wanted, returns, record: true });
            const stats = await call.statsWhere(
              ({ inbound, remoteOutbound }) =>
                inbound.video?.framesDecoded > enough &&
                inbound.audio?.totalAudioEnergy > 0 &&
                remoteOutbound.video?.reportsSent > 0 &&
                remoteOutbound.audio?.reportsSent > 0,
              `${enough} frames, sound and sender reports`,
            );
            await call.media({ record: false });
            const stopped = await call.stats();
            const { frames } = call;
            const outcome = { stats, stopped, frames, media: await call.rustMedia(), rust: await call.rustStats() };
            await call.end();
            return outcome;
          };
          return Promise.all(calls.map(run));
        },
        { calls, returns, enough: ENOUGH_FRAMES },
      );
    });

    for (const [i, { role, video, audio }] of calls.entries()) {
      test(`${video} and ${audio}, Chromium as ${role}: played by the browser`, (t) => {
        const { stats, rust } = outcomes[i];
        const { inbound, outbound, remoteOutbound, codecs } = stats;
        assert.equal(codecs[inbound.video.codecId], `video/${video}`);
        assert.equal(codecs[inbound.audio.codecId], `audio/${audio}`);
        assert.ok(inbound.video.framesDecoded > ENOUGH_FRAMES);
        assert.ok(inbound.audio.totalAudioEnergy > 0);
        for (const kind of ['video', 'audio']) {
          const sent = outbound.filter((entry) => entry.kind === kind).map(({ ssrc }) => ssrc);
          assert.equal(sent.length, 1);
          assert.notEqual(inbound[kind].ssrc, sent[0], 'our sender has a source of its own');
          assert.equal(remoteOutbound[kind].ssrc, inbound[kind].ssrc);
          assert.ok(remoteOutbound[kind].packetsSent > 0);
          const [ours] = rust.entries.filter((one) => one.type === 'outbound-rtp' && one.kind === kind);
          const [theirs] = rust.entries.filter((one) => one.type === 'inbound-rtp' && one.kind === kind);
          assert.equal(ours.ssrc, inbound[kind].ssrc);
          assert.equal(theirs.ssrc, sent[0]);
        }
        t.diagnostic(`${inbound.video.framesDecoded} frames decoded, ${inbound.video.packetsLost} packets lost`);
        t.diagnostic(`${stats.transport.srtpCipher}, decoder ${inbound.video.decoderImplementation ?? 'unnamed'}`);
      });

      test(`${video} and ${audio}, Chromium as ${role}: every frame comes back as it was sent`, (t) => {
        for (const [kind, { sent, received, keys }] of Object.entries(outcomes[i].frames)) {
          const places = received.map((frame) => sent.indexOf(frame));
          assert.ok(!places.includes(-1), 'nothing comes that was not sent');
          const first = places[0];
          // Chromium sometimes drops pictures that it has received whole, between its first two key frames.
          const settled = keys.find((place) => place > first) ?? first;
          const left = sent.slice(settled, first + received.length).filter((frame) => !received.includes(frame));
          // Sound that a loaded machine loses is not asked for again.
          assert.ok(left.length <= (kind === 'audio' ? 1 : 0), `${left.length} frames of ${kind} are missing`);
          // Chromium tells frames as they become whole: one that was repaired comes behind those that followed it.
          const { nackCount } = outcomes[i].stopped.inbound.video;
          if (kind === 'video' && nackCount === 0) assert.deepEqual(places, places.toSorted((a, b) => a - b), 'in order');
          t.diagnostic(`${kind}: ${received.length} of ${sent.length} frames`);
        }
      });

      test(`${video} and ${audio}, Chromium as ${role}: recorded`, async (t) => {
        const { media, stopped } = outcomes[i];
        assert.deepEqual(media.errors, []);
        assert.equal(media.files.length, 2);
        for (const codec of [video, audio]) {
          const told = media.files.find((one) => one.codec === codec.toLowerCase());
          assert.ok(told?.complete, `${codec} in ${JSON.stringify(media.files)}`);
          const judged = await judge(told.file);
          assert.equal(judged.complaints, '');
          assert.equal(judged.codec, FFMPEG_NAMES[codec]);
          const seconds = told.milliseconds / 1000;
          assert.ok(Math.abs(judged.seconds - seconds) < 0.2, `${judged.seconds} s, ${seconds} s were written`);
          if (codec === video) {
            assert.equal(judged.frames, told.frames);
            assert.equal(judged.size, '320x180');
            assert.ok(Math.abs(seconds * FRAME_RATE - told.frames) < 0.1 * told.frames + 3, `${told.frames} in ${seconds} s`);
            const [{ framesSent }] = stopped.outbound.filter(({ kind }) => kind === 'video');
            // The browser's statistics are a moment older than the last frame.
            assert.ok(Math.abs(told.frames - framesSent) < 10, `${told.frames} of ${framesSent} sent`);
          } else if (codec === 'opus') {
            assert.equal(judged.frames, told.frames);
          }
          t.diagnostic(`${codec}: ${judged.frames} frames, ${judged.seconds} s`);
        }
      });
    }
  });
}

test('SRTP is protected by an AEAD when the Rust peer is who chooses', async (t) => {
  const ciphers = await page.evaluate(async () => {
    const ciphers = {};
    for (const role of ['offerer', 'answerer']) {
      const call = await duologue.MediaCall.start({ role, audio: 'opus', returns: 'nothing' });
      const { transport } = await call.stats();
      const { entries } = await call.rustStats();
      ciphers[role] = [transport.srtpCipher, entries.find(({ type }) => type === 'transport').srtpCipher, transport.dtlsRole];
      await call.end();
    }
    return ciphers;
  });
  for (const [role, [browsers, ours, dtlsRole]] of Object.entries(ciphers)) {
    assert.equal(browsers, ours);
    if (dtlsRole === 'client') assert.match(ours, /^SRTP_AEAD_AES_(128|256)_GCM$/);
    t.diagnostic(`Chromium as ${role}, DTLS ${dtlsRole}: ${ours}`);
  }
  assert.equal(ciphers.answerer[2], 'client');
});

test('video is added to a call of data alone, and taken away, by either side', async () => {
  const seen = await page.evaluate(async () => {
    const { capture } = await import('/call.js');
    const call = new duologue.MediaCall();
    call.pair = await duologue.Pair.connected();
    call.pc = call.pair.pc;
    call.pc.addEventListener('track', (event) => call.onTrack(event));
    call.stream = await capture({ size: '320x180', frameRate: 20, audio: false });
    await call.media({ returns: 'frames' });
    const [track] = call.stream.getTracks();
    const sides = {
      page: {
        add: () => call.pc.addTransceiver(track, { direction: 'sendrecv' }),
        take: (one) => one.stop(),
      },
      rust: {
        add: () => call.pair.rust({ do: 'addTransceiver', kind: 'video' }),
        take: async () => {
          const { number } = (await call.pair.state()).transceivers.find(({ stopped }) => !stopped);
          await call.pair.rust({ do: 'stop', transceiver: number });
        },
      },
    };
    const outcomes = [];
    for (const [adds, takes] of [['page', 'rust'], ['rust', 'page'], ['page', 'page'], ['rust', 'rust']]) {
      await sides[adds].add();
      await call.pair.agreed();
      const transceiver = call.pc.getTransceivers().find(({ currentDirection }) => currentDirection === 'sendrecv');
      const enough = ({ inbound }) => inbound.video?.framesDecoded > 20;
      const { inbound } = await call.statsWhere(enough, 'pictures');
      await sides[takes].take(transceiver);
      await call.pair.agreed();
      await call.statsWhere((stats) => !stats.inbound.video, 'no stream of pictures');
      const { receivers } = await call.rustMedia();
      outcomes.push({ decoded: inbound.video.framesDecoded, direction: transceiver.currentDirection, receivers });
    }
    const echo = await call.pair.lines.get('data').echo('still here');
    for (const one of call.stream.getTracks()) one.stop();
    return { outcomes, echo, fell: call.pair.fell };
  });
  assert.equal(seen.outcomes.length, 4);
  for (const { decoded, direction, receivers } of seen.outcomes) {
    assert.ok(decoded > 20);
    assert.equal(direction, 'stopped');
    assert.deepEqual(receivers, [], 'the Rust peer has let go of the stream');
  }
  assert.equal(seen.echo.equal, true);
  assert.deepEqual(seen.fell, []);
});

for (const [role, returns] of [['offerer', 'packets'], ['answerer', 'frames']]) {
  test(`three layers arrive and are switched between, Chromium as ${role}, returned as ${returns}`, async (t) => {
    const seen = await page.evaluate(
      async ({ role, returns }) => {
        const wanted = { role, returns, video: 'VP8', size: '960x540', layers: 3 };
        const call = await duologue.MediaCall.start(wanted);
        const all = async () => (await call.rustMedia()).receivers.filter(({ rid }) => rid).length === 3;
        await call.statsWhere(all, 'three layers');
        const heights = [];
        let frames = 0;
        for (const [layer, height] of [['h', 270], ['q', 135], ['f', 540], ['q', 135]]) {
          await call.media({ layer });
          const switched = ({ inbound: { video } }) => video?.frameHeight === height && video.framesDecoded > frames + 10;
          const { inbound } = await call.statsWhere(switched, `${layer}: a picture ${height} pixels high`);
          frames = inbound.video.framesDecoded;
          heights.push([layer, inbound.video.frameHeight]);
        }
        const { inbound, outbound } = await call.stats();
        const { relays, receivers } = await call.rustMedia();
        await call.end();
        return { heights, inbound, outbound: outbound.map(({ rid, ssrc }) => ({ rid, ssrc })), relays, receivers };
      },
      { role, returns },
    );
    assert.deepEqual(seen.heights, [['h', 270], ['q', 135], ['f', 540], ['q', 135]]);
    const byRid = (list) => Object.fromEntries(list.map(({ rid, ssrc }) => [rid, ssrc]));
    assert.deepEqual(byRid(seen.receivers), byRid(seen.outbound), 'each layer is known by its rid');
    assert.ok(seen.relays.some(({ switches }) => switches >= 3));
    const { framesDecoded, framesReceived, pliCount, packetsLost, freezeCount } = seen.inbound.video;
    t.diagnostic(`${framesDecoded} of ${framesReceived} frames decoded, ${packetsLost} packets lost, ${pliCount} PLIs, ${freezeCount} freezes`);
    assert.equal(packetsLost, 0, 'the numbers go on across the switches');
    assert.ok(framesReceived - framesDecoded < 5, 'what arrives is decoded');
  });
}

test('pictures go on under loss and delay, which retransmissions repair', async (t) => {
  const seen = await page.evaluate(async () => {
    const call = await duologue.MediaCall.start({ role: 'offerer', video: 'VP8', audio: 'opus', returns: 'packets', size: '640x360' });
    await call.statsWhere(({ inbound }) => inbound.video?.framesDecoded > 20, 'pictures');
    const before = (await call.stats()).inbound.video.framesDecoded;
    await call.pair.rust({ do: 'network', lossIn: 0.05, lossOut: 0.05, delay: 20 });
    await duologue.sleep(5000);
    const [stats, rust] = [await call.stats(), await call.rustStats()];
    await call.end();
    return { stats, rust, decoded: stats.inbound.video.framesDecoded - before };
  });
  const { inwards, outwards } = seen.rust.network;
  assert.ok(inwards.lost > 5 && outwards.lost > 5, JSON.stringify(seen.rust.network));
  const { video } = seen.stats.inbound;
  const [theirs] = seen.rust.entries.filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
  const [reported] = seen.rust.entries.filter(({ type, kind }) => type === 'remote-inbound-rtp' && kind === 'video');
  t.diagnostic(`${seen.decoded} frames decoded in 5 s; ${video.packetsLost} lost, ${video.retransmittedPacketsReceived} repaired by us`);
  t.diagnostic(`${theirs.packetsLost} lost, ${theirs.retransmittedPacketsReceived} repaired by Chromium; round trip ${reported.roundTripTime} s`);
  assert.ok(seen.decoded > 60);
  assert.ok(video.nackCount > 0 && video.retransmittedPacketsReceived > 0, 'we send again what Chromium misses');
  assert.ok(theirs.nackCount > 0 && theirs.retransmittedPacketsReceived > 0, 'Chromium sends again what we miss');
  assert.ok(reported.roundTripTime >= 0.04, 'the delay is seen in the round trip');
});
