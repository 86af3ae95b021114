// Chromium and the browser example negotiate both ways: named situations, then random sequences.
//
// DUOLOGUE_SEED       runs the sequence with this seed alone
// DUOLOGUE_SEQUENCES  how many sequences, from seed 0 on (default: 200)

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { startChromium } from './chromium.mjs';
import { startServer } from './server.mjs';

const SEQUENCES = Number(process.env.DUOLOGUE_SEQUENCES ?? 200);
/** Sequences at a time: while one waits for the network, another has the processor. */
const LANES = 4;

let server;
let browser;
let page;

before(async () => {
  [server, browser] = await Promise.all([startServer('negotiation'), startChromium()]);
  page = await browser.openHarness(server, ['in-page-negotiation.js', 'in-page-sequences.js']);
});
after(async () => {
  await browser?.close();
  await server?.interrupt();
});
afterEach(() => page.evaluate(() => duologue.closePairs()));

for (const politeBrowser of [true, false]) {
  describe(`with ${politeBrowser ? 'a polite' : 'an impolite'} browser`, () => {
    test('both offer at once, and what both want is negotiated', async () => {
      const seen = await page.evaluate(async (politeBrowser) => {
        const pair = await duologue.Pair.connected({ politeBrowser });
        pair.pc.addTransceiver('video');
        await pair.rust({ do: 'addTransceiver', kind: 'video', direction: 'sendonly' });
        await pair.rest();
        await pair.pull();
        const states = [pair.pc.signalingState, (await pair.state()).signalingState];
        await pair.agreed();
        const echo = await pair.lines.get('data').echo('after the glare');
        const ignored = pair.told.some(({ event }) => event === 'ignoredoffer');
        return { states, ignored, sections: duologue.sections(pair.pc.localDescription.sdp), echo };
      }, politeBrowser);
      assert.deepEqual(seen.states, ['have-local-offer', 'have-local-offer'], 'the offers have met');
      assert.equal(seen.ignored, politeBrowser, 'the impolite Rust peer ignores what meets its offer');
      assert.equal(seen.sections.split(', ').length, 3, seen.sections);
      assert.equal(seen.echo.equal, true);
    });

    test('an offer is rolled back by either side, or by its receiver, and leaves nothing behind', async () => {
      const seen = await page.evaluate(async (politeBrowser) => {
        const pair = await duologue.Pair.connected({ politeBrowser });
        const before = pair.pc.localDescription.sdp;
        await pair.negotiator.offerAndRollBack();
        await pair.rust({ do: 'offerAndRollBack' });
        await pair.agreed();
        const after = pair.pc.localDescription.sdp;
        pair.negotiator.answers = 'afterRollback';
        await pair.rust({ do: 'configure', answers: 'afterRollback' });
        await pair.rust({ do: 'addTransceiver', kind: 'audio' });
        await pair.agreed();
        pair.pc.addTransceiver('video');
        await pair.agreed();
        const echo = await pair.lines.get('data').echo('after the rollbacks');
        const sections = duologue.sections;
        return { before: sections(before), after: sections(after), end: sections(pair.pc.localDescription.sdp), echo };
      }, politeBrowser);
      assert.equal(seen.after, seen.before);
      assert.equal(seen.end, 'application 0, audio m0, video 1');
      assert.equal(seen.echo.equal, true);
    });

    for (const side of ['the browser', 'the Rust peer', 'both']) {
      test(`${side} restarting ICE loses nothing on a data channel`, async () => {
        const seen = await page.evaluate(async ([politeBrowser, side]) => {
          const pair = await duologue.Pair.connected({ politeBrowser });
          const ufrags = () => [pair.pc.localDescription, pair.pc.remoteDescription].map(({ sdp }) => /a=ice-ufrag:(\S+)/.exec(sdp)[1]);
          const before = ufrags();
          const line = pair.lines.get('data');
          let running = true;
          let echoes = 0;
          const talk = (async () => {
            while (running || echoes < 20) {
              if (!(await line.echo(`message ${echoes}`)).equal) throw new Error(`message ${echoes} came back changed`);
              echoes += 1;
            }
          })();
          if (side !== 'the Rust peer') pair.pc.restartIce();
          if (side !== 'the browser') await pair.rust({ do: 'restartIce' });
          await pair.agreed(() => ufrags().every((ufrag, i) => ufrag !== before[i]));
          running = false;
          await talk;
          const states = [pair.pc.connectionState, pair.pc.sctp.transport.state, line.channel.readyState];
          return { states, echoes, fell: pair.fell };
        }, [politeBrowser, side]);
        assert.deepEqual(seen.states, ['connected', 'connected', 'open']);
        assert.ok(seen.echoes >= 20, `${seen.echoes} echoes`);
        assert.deepEqual(seen.fell, [], 'the connection was never lost');
      });
    }
  });
}

test('video joins a call of data alone and leaves it again, and its section is used again', async () => {
  const seen = await page.evaluate(async () => {
    const pair = await duologue.Pair.connected();
    const seen = [];
    const look = async () => {
      await pair.agreed();
      seen.push(duologue.sections(pair.pc.localDescription.sdp));
    };
    const video = pair.pc.addTransceiver('video');
    await look();
    video.stop();
    await look();
    await pair.rust({ do: 'addTransceiver', kind: 'audio' });
    await look();
    const { transceivers } = await pair.state();
    await pair.rust({ do: 'stop', transceiver: transceivers.find(({ kind }) => kind === 'audio').number });
    await look();
    pair.pc.addTransceiver('video');
    await look();
    return { seen, echo: await pair.lines.get('data').echo('still here') };
  });
  assert.deepEqual(
    seen.seen.map((sections) => sections.replace(/(audio|video) (\S+)/, '$1')),
    ['application 0, video', 'application 0, video rejected', 'application 0, audio', 'application 0, audio rejected', 'application 0, video'],
  );
  assert.equal(new Set([0, 2, 4].map((i) => seen.seen[i])).size, 3, `a new mid each time: ${seen.seen}`);
  assert.equal(seen.echo.equal, true);
});

test('simulcast that Chromium offers is accepted', async () => {
  const seen = await page.evaluate(async () => {
    const pair = await duologue.Pair.connected();
    const sendEncodings = [{ rid: 'f' }, { rid: 'h', scaleResolutionDownBy: 2 }, { rid: 'q', scaleResolutionDownBy: 4 }];
    const one = pair.pc.addTransceiver('video', { direction: 'sendonly', sendEncodings });
    await pair.agreed();
    const { transceivers } = await pair.state();
    const { encodings } = one.sender.getParameters();
    return { sdp: pair.pc.remoteDescription.sdp, rids: encodings.map(({ rid }) => rid), transceivers };
  });
  assert.match(seen.sdp, /^a=simulcast:recv f;h;q\r$/m);
  for (const rid of 'fhq') assert.match(seen.sdp, new RegExp(`^a=rid:${rid} recv\\b`, 'm'));
  assert.deepEqual(seen.rids, ['f', 'h', 'q']);
  assert.deepEqual(seen.transceivers[0].receiveRids, ['f', 'h', 'q']);
});

test('simulcast that the Rust peer asks for is sent by Chromium', async () => {
  const seen = await page.evaluate(async () => {
    const pair = await duologue.Pair.connected();
    await pair.rust({ do: 'addTransceiver', kind: 'video', direction: 'recvonly', receiveRids: ['f', 'h', 'q'] });
    pair.pc.addEventListener('track', ({ transceiver }) => (transceiver.direction = 'sendonly'));
    await pair.settle();
    const [one] = pair.pc.getTransceivers();
    one.direction = 'sendonly';
    await pair.agreed();
    const { transceivers } = await pair.state();
    const { encodings } = one.sender.getParameters();
    return { sdp: pair.pc.localDescription.sdp, rids: encodings.map(({ rid }) => rid), transceivers };
  });
  assert.match(seen.sdp, /^a=simulcast:send f;h;q\r$/m);
  assert.deepEqual(seen.rids, ['f', 'h', 'q']);
  assert.deepEqual(seen.transceivers[0].receiveRids, ['f', 'h', 'q']);
});

test('a provisional answer of either side connects, and the answer ends the negotiation', async () => {
  const seen = await page.evaluate(async () => {
    const pair = await duologue.Pair.open();
    await pair.rust({ do: 'configure', answers: 'provisionally' });
    const line = pair.channel('data');
    await pair.settle();
    const first = [pair.pc.signalingState, (await pair.state()).signalingState];
    const echo = await line.echo('before the answer');
    await pair.rust({ do: 'answer' });
    await pair.agreed();
    pair.negotiator.answers = 'provisionally';
    await pair.rust({ do: 'addTransceiver', kind: 'audio' });
    await pair.settle();
    const second = [pair.pc.signalingState, (await pair.state()).signalingState];
    await pair.negotiator.answer();
    await pair.agreed();
    return { first, second, echo };
  });
  assert.deepEqual(seen.first, ['have-remote-pranswer', 'have-local-pranswer']);
  assert.deepEqual(seen.second, ['have-local-pranswer', 'have-remote-pranswer']);
  assert.equal(seen.echo.equal, true);
});

// Chromium's fault, between two Chromiums too: it gives up its transport together with the section that leads the bundle.
test('stopping the section that leads the bundle makes Chromium close the connection', async () => {
  const seen = await page.evaluate(async () => {
    const pair = await duologue.Pair.open();
    pair.pc.addTransceiver('audio');
    const line = pair.channel('data');
    await pair.agreed();
    await line.opened;
    await pair.rust({ do: 'stop', transceiver: 0 });
    await pair.pull();
    const offer = pair.toBrowser.find(({ description }) => description).description.sdp;
    await pair.deliver(false);
    await pair.rest();
    const told = () => pair.told.some(({ event, state }) => event === 'connectionstatechange' && state === 'closed');
    for (let tries = 0; tries < 100 && !told(); tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      await pair.pull();
    }
    return { closed: told(), group: /^a=group:BUNDLE.*$/m.exec(offer)[0], sections: duologue.sections(offer) };
  });
  assert.equal(seen.sections, 'audio 0 rejected, application 1');
  assert.equal(seen.group, 'a=group:BUNDLE 1');
  assert.equal(seen.closed, true, 'Chromium keeps its transport now: let the random sequences stop every section');
});

test('random sequences of operations on both sides end in agreement', async (t) => {
  const only = process.env.DUOLOGUE_SEED;
  const [from, to] = only === undefined ? [0, SEQUENCES] : [Number(only), Number(only) + 1];
  const start = performance.now();
  const runs = await page.evaluate(async ([from, to, lanes]) => {
    const runs = [];
    let next = from;
    const lane = async () => {
      while (next < to) {
        const seed = next;
        next += 1;
        runs.push({ seed, ...(await duologue.sequence(seed)) });
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return runs;
  }, [from, to, LANES]);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const failed = runs.filter(({ error }) => error);
  const spoilt = runs.filter(({ chromium }) => chromium);
  t.diagnostic(`seeds ${from} to ${to - 1} in ${seconds} s; ${failed.length} failed, ${spoilt.length} ended by Chromium's own fault`);
  for (const { seed, done, error, browser: here, rust: there } of failed) {
    t.diagnostic(`DUOLOGUE_SEED=${seed}: ${done.join(' ')}: ${error}`);
    if (only !== undefined) t.diagnostic(JSON.stringify({ browser: here, rust: there }, null, 2).replaceAll('\\r\\n', '\n'));
  }
  assert.equal(runs.length, to - from);
  assert.deepEqual(failed.map(({ seed }) => seed), [], 'seeds that failed');
  assert.ok(spoilt.length <= Math.max(1, runs.length / 50), `${spoilt.length} of ${runs.length} ended by Chromium's own fault`);
  const operations = new Set(runs.flatMap(({ done }) => done));
  if (runs.length >= 100) assert.equal(operations.size, 24, `every operation has been done: ${[...operations].join(' ')}`);
});
