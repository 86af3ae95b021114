// Chromium, as offerer and as answerer, against the browser example over loopback.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { startChromium } from './chromium.mjs';
import { startServer } from './server.mjs';

const KIB = 1024;
const MAX_MESSAGE_SIZE = 256 * KIB;

let server;
let browser;
let page;

before(async () => {
  [server, browser] = await Promise.all([startServer('chromium'), startChromium()]);
  page = await browser.openHarness(server);
});
after(async () => {
  await browser?.close();
  await server?.interrupt();
});

afterEach(() => page.evaluate(() => duologue.closeAll()));

for (const role of ['offerer', 'answerer']) {
  describe(`Chromium as ${role}`, () => {
    test('connects, and both sides agree about the state', async (t) => {
      const seen = await page.evaluate(async (role) => {
        const { pc, id } = await duologue.connect(role);
        const { sctp } = pc;
        return { id, ice: pc.iceConnectionState, dtls: sctp.transport.state, max: sctp.maxMessageSize };
      }, role);
      assert.equal(seen.dtls, 'connected');
      assert.match(seen.ice, /^(connected|completed)$/);
      assert.equal(seen.max, MAX_MESSAGE_SIZE, 'the max-message-size both advertise');
      const label = role === 'offerer' ? 'first' : 'from-sut';
      const open = ({ channels }) => channels.some((c) => c.label === label && c.state === 'open');
      const state = await server.stateWhere(seen.id, open, `channel "${label}" open`);
      assert.equal(state.connectionState, 'connected');
      assert.deepEqual(state.tracks, []);
      t.diagnostic(`Chromium ${browser.version}`);
    });

    test('echoes text, unicode and binary messages of every size, empty ones included', async () => {
      const results = await page.evaluate(async (role) => {
        const peer = await duologue.connect(role);
        const line = role === 'offerer' ? peer.lines.get('first') : peer.open('messages');
        const sizes = [0, 1, 2, 1199, 1200, 65_535, 65_536, 262_144];
        const unicode = 'Grüße, 世界! שלום \u0000 🦀👩‍👩‍👧 e\u0301 \u{10ffff}';
        const payloads = [
          unicode,
          unicode.repeat(1000),
          ...sizes.map((size) => 'x'.repeat(size)),
          ...sizes.map((size) => duologue.randomBytes(size)),
          new TextEncoder().encode('bytes that read as text'),
        ];
        const results = [];
        for (const payload of payloads) {
          const expected = { type: typeof payload === 'string' ? 'string' : 'ArrayBuffer', length: payload.length };
          results.push({ expected, got: await line.echo(payload) });
        }
        return results;
      }, role);
      assert.equal(results.length, 19);
      for (const { expected, got } of results) assert.deepEqual(got, { ...expected, equal: true });
    });

    test('keeps the order of messages that alternate between empty, text and binary', async () => {
      const wrong = await page.evaluate(async (role) => {
        const peer = await duologue.connect(role);
        const line = peer.open('order');
        await line.opened;
        const kinds = [(i) => `text ${i}`, () => '', (i) => new Uint8Array([i, i >> 8]), () => new Uint8Array()];
        const show = (data) => (typeof data === 'string' ? `text "${data}"` : `bytes ${new Uint8Array(data)}`);
        const payloads = Array.from({ length: 600 }, (_, i) => kinds[i % 4](i));
        for (const payload of payloads) line.channel.send(payload);
        for (const [i, payload] of payloads.entries()) {
          const echo = await line.receive(`message ${i}`);
          if (show(echo) !== show(payload)) return `message ${i}: ${show(echo)} for ${show(payload)}`;
        }
        return null;
      }, role);
      assert.equal(wrong, null);
    });

    test('50 channels of all reliability kinds, three of them negotiated, all echo', async () => {
      const { id, results } = await page.evaluate(async (role) => {
        const negotiated = [500, 777, 1023];
        const offered = role === 'offerer';
        const peer = await duologue.connect(role, offered ? { negotiated: negotiated[0] } : {});
        const agree = (id) => peer.open(`negotiated ${id}`, { negotiated: true, id });
        for (const [i, id] of negotiated.entries()) {
          const line = agree(id);
          if (!offered || i > 0) await peer.offer({ negotiated: id }); // a further offer for the same connection
          await line.opened;
        }
        const kinds = [
          {},
          { ordered: false },
          { maxRetransmits: 0 },
          { ordered: false, maxRetransmits: 7 },
          { maxPacketLifeTime: 5000 },
          { ordered: false, maxPacketLifeTime: 60_000 },
        ];
        for (let i = 0; i < 46; i += 1) {
          const label = i === 45 ? '' : `kanal ${i} ÿ ✓`;
          peer.open(label, { ...kinds[i % kinds.length], protocol: i % 2 ? `proto-${i}` : '' });
        }
        // One after the other: a burst can overflow a socket's buffer, and some of these channels do not retransmit.
        const results = [];
        for (const line of peer.lines.values()) {
          const text = await line.echo(`text on ${line.channel.label}`);
          const binary = await line.echo(duologue.randomBytes(3000));
          const { label, id, ordered, protocol, maxRetransmits, maxPacketLifeTime, negotiated } = line.channel;
          results.push({ label, id, ordered, protocol, maxRetransmits, maxPacketLifeTime, negotiated, text, binary });
        }
        return { id: peer.id, results };
      }, role);
      assert.equal(results.length, 50);
      for (const { label, text, binary } of results) {
        assert.deepEqual([label, text.type, text.equal], [label, 'string', true]);
        assert.deepEqual([label, binary.type, binary.equal], [label, 'ArrayBuffer', true]);
      }
      // RFC 8832, Section 6: the ids that one side opens are all even or all odd, the other's the other way round.
      const parities = (theirs) => {
        const opened = results.filter((r) => !r.negotiated && (r.label === 'from-sut') === theirs);
        return [...new Set(opened.map((r) => r.id % 2))];
      };
      assert.equal(parities(false).length, 1, "the browser's ids have one parity");
      if (role === 'answerer') assert.deepEqual(parities(true), [1 - parities(false)[0]], "the server's the other");
      const { channels } = await server.state(id);
      for (const { label, negotiated, ordered, protocol, maxRetransmits, maxPacketLifeTime } of results) {
        if (negotiated) continue;
        const theirs = channels.find((channel) => channel.label === label);
        assert.ok(theirs, `channel "${label}" in ${JSON.stringify(channels.map((c) => c.label))}`);
        const limits = [theirs.maxRetransmits ?? null, theirs.maxPacketLifeTime ?? null];
        assert.deepEqual([theirs.state, theirs.ordered, theirs.protocol], ['open', ordered, protocol], label);
        assert.deepEqual(limits, [maxRetransmits, maxPacketLifeTime], label);
      }
      const ours = channels.filter((channel) => channel.label === 'negotiated' && channel.state === 'open');
      assert.equal(ours.length, 3, 'negotiated channels at the server');
    });

    test('16 MiB each way with equal hashes', async (t) => {
      const result = await page.evaluate(async (role) => {
        const peer = await duologue.connect(role);
        const line = peer.open('bulk');
        return duologue.transfer(line, 16 << 20, 65_536);
      }, role);
      assert.equal(result.received, result.sent);
      const rate = (ms) => `${(16_000 / ms).toFixed(1)} MiB/s`;
      t.diagnostic(`all sent after ${result.up.toFixed(0)} ms (${rate(result.up)})`);
      t.diagnostic(`all echoed after ${result.down.toFixed(0)} ms (${rate(result.down)})`);
    });

    test('16 MiB in messages of 256 KiB, beside small ones on an unordered channel', async (t) => {
      const result = await page.evaluate(async (role) => {
        const peer = await duologue.connect(role);
        const bulk = peer.open('bulk');
        const small = peer.open('small', { ordered: false });
        await small.opened;
        const times = [];
        let running = true;
        const pings = (async () => {
          while (running) {
            const start = performance.now();
            await small.echo('ping');
            times.push(performance.now() - start);
          }
        })();
        const moved = await duologue.transfer(bulk, 16 << 20, 262_144).finally(() => (running = false));
        await pings;
        return { ...moved, worst: Math.max(...times), pings: times.length };
      }, role);
      assert.equal(result.received, result.sent);
      assert.ok(result.pings > 0);
      t.diagnostic(`${result.down.toFixed(0)} ms; the slowest of ${result.pings} small echoes ${result.worst.toFixed(0)} ms`);
    });

    test('a channel closed by the browser closes at the server, and its id is used again', async () => {
      const { id, ids } = await page.evaluate(async (role) => {
        const peer = await duologue.connect(role);
        const ids = [];
        for (let i = 0; i < 5; i += 1) {
          const line = peer.open(`closed-by-browser-${i}`);
          await line.echo('hello');
          ids.push(line.channel.id);
          line.channel.close();
          await line.whenClosed();
        }
        if (role === 'answerer') {
          const theirs = peer.lines.get('from-sut');
          await theirs.echo('hello');
          theirs.channel.close();
          await theirs.whenClosed();
        }
        return { id: peer.id, ids };
      }, role);
      assert.deepEqual(new Set(ids).size, 1, `one id for five channels in turn: ${ids}`);
      const gone = ({ channels }) => channels.every((c) => c.label === 'first' || c.state === 'closed');
      const state = await server.stateWhere(id, gone, 'closed at the server');
      assert.equal(state.connectionState, 'connected', 'the connection outlives its channels');
    });

    test('a channel closed by the server closes at the browser, and its id is used again', async () => {
      const { id, ids, afterwards } = await page.evaluate(async (role) => {
        const peer = await duologue.connect(role);
        const ids = [];
        for (let i = 0; i < 5; i += 1) {
          const line = peer.open(`close-me-${i}`);
          const echo = await line.echo('hello');
          if (!echo.equal) throw new Error('the message before the close was not echoed');
          ids.push(line.channel.id);
          await line.whenClosed();
        }
        const afterwards = await peer.open('afterwards').echo('still here');
        return { id: peer.id, ids, afterwards };
      }, role);
      assert.equal(new Set(ids).size, 1, `one id for five channels in turn: ${ids}`);
      assert.equal(afterwards.equal, true);
      const gone = ({ channels }) => channels.every((c) => !c.label.startsWith('close-me') || c.state === 'closed');
      await server.stateWhere(id, gone, 'closed at the server');
    });

    test('20 channels closed by both sides at once leave the connection whole', async () => {
      const echo = await page.evaluate(async (role) => {
        const peer = await duologue.connect(role);
        const lines = Array.from({ length: 20 }, (_, i) => peer.open(`close-me-too-${i}`));
        await Promise.all(
          lines.map(async (line, i) => {
            await line.echo('hello');
            if (i % 2) line.channel.close();
            await line.whenClosed();
          }),
        );
        return peer.open('afterwards').echo('still here');
      }, role);
      assert.equal(echo.equal, true);
    });

    test('the browser sees the server close', async () => {
      const seen = await page.evaluate(async (role) => {
        const peer = await duologue.connect(role);
        const line = peer.open('watching');
        await line.echo('hello');
        const start = performance.now();
        await duologue.api('POST', `/close?id=${peer.id}`);
        await line.whenClosed();
        const { transport } = peer.pc.sctp;
        await duologue.until(transport, 'statechange', () => transport.state === 'closed', 'DTLS closed');
        return { id: peer.id, milliseconds: performance.now() - start };
      }, role);
      assert.ok(seen.milliseconds < 2000, `took ${seen.milliseconds} ms`);
      await server.stateWhere(seen.id, (s) => s.connectionState === 'closed', 'closed at the server');
    });

    test('the server sees the browser close', async () => {
      const id = await page.evaluate(async (role) => {
        const peer = await duologue.connect(role);
        await peer.open('leaving').echo('hello');
        peer.pc.close();
        return peer.id;
      }, role);
      await server.stateWhere(id, (s) => s.connectionState === 'closed', 'closed at the server', 3000);
    });

    test('the browser sees Ctrl-C, and the server then ends by itself', async (t) => {
      const mortal = await startServer(`ctrl-c-${role}`);
      t.after(() => mortal.interrupt());
      const other = await browser.openHarness(mortal);
      t.after(() => other.context().close());
      await other.evaluate(async (role) => {
        const peer = await duologue.connect(role);
        const line = peer.open('watching');
        await line.echo('hello');
        const { transport } = peer.pc.sctp;
        const closed = duologue.until(transport, 'statechange', () => transport.state === 'closed', 'DTLS closed');
        globalThis.seen = Promise.all([line.whenClosed(), closed]);
        globalThis.seen.catch(() => {}); // awaited below
      }, role);
      const end = await mortal.interrupt();
      await other.evaluate(() => globalThis.seen.then(() => {}));
      assert.deepEqual(end, { code: 0, signal: null }, mortal.output);
    });
  });
}

describe('Chromium', () => {
  test('gets audio and video sections answered, in order, beside its data section', async () => {
    const { offered, answered, echo } = await page.evaluate(async () => {
      const peer = new duologue.Peer();
      const line = peer.open('beside media');
      peer.pc.addTransceiver('audio');
      peer.pc.addTransceiver('video');
      await peer.offer();
      await peer.connected();
      const sections = (sdp) =>
        sdp.split(/^(?=m=)/m).slice(1).map((section) => ({
          kind: /^m=(\S+)/.exec(section)[1],
          port: Number(/^m=\S+ (\d+)/.exec(section)[1]),
          mid: /^a=mid:(\S+)/m.exec(section)?.[1],
          direction: /^a=(sendrecv|sendonly|recvonly|inactive)\r$/m.exec(section)?.[1],
        }));
      return { offered: sections(peer.sent.sdp), answered: sections(peer.got.sdp), echo: await line.echo('hello') };
    });
    assert.equal(echo.equal, true);
    assert.deepEqual(answered.map((s) => s.kind), offered.map((s) => s.kind));
    assert.deepEqual(answered.map((s) => s.mid), offered.map((s) => s.mid));
    assert.ok(answered.every(({ port }) => port !== 0), JSON.stringify(answered));
    assert.deepEqual(answered.map((s) => s.direction), ['recvonly', 'recvonly', undefined]);
  });

  test('connects to a server with lite ICE, in both roles', async (t) => {
    const lite = await startServer('lite', ['--lite']);
    t.after(() => lite.interrupt());
    const other = await browser.openHarness(lite);
    t.after(() => other.context().close());
    for (const role of ['offerer', 'answerer']) {
      const { sdp, echo } = await other.evaluate(async (role) => {
        const peer = await duologue.connect(role);
        return { sdp: peer.got.sdp, echo: await peer.open('lite').echo('hello') };
      }, role);
      assert.match(sdp, /^a=ice-lite\r$/m);
      assert.equal(echo.equal, true);
    }
  });

  test('12 connections of one page at once, half of them each role', async () => {
    const echoes = await page.evaluate(() =>
      Promise.all(
        Array.from({ length: 12 }, async (_, i) => {
          const peer = await duologue.connect(i % 2 ? 'offerer' : 'answerer');
          const echo = await peer.open(`one of many ${i}`).echo(duologue.randomBytes(100_000));
          peer.pc.close();
          return echo.equal;
        }),
      ),
    );
    assert.deepEqual(echoes, Array(12).fill(true));
  });

  test('a message above the max-message-size is refused by the browser, and the channel goes on', async () => {
    const { error, echo } = await page.evaluate(async () => {
      const peer = await duologue.connect('offerer');
      const line = peer.lines.get('first');
      await line.opened;
      let error = null;
      try {
        line.channel.send(new Uint8Array(262_145));
      } catch (thrown) {
        error = thrown.name;
      }
      return { error, echo: await line.echo('hello') };
    });
    assert.equal(error, 'TypeError');
    assert.equal(echo.equal, true);
  });
});

describe('The HTTP interface', () => {
  test('refuses what it cannot use, says why, and goes on serving', async () => {
    const lines = [
      'v=0',
      'o=- 1 1 IN IP4 0.0.0.0',
      's=-',
      't=0 0',
      'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
      'c=IN IP4 0.0.0.0',
      'a=mid:0',
      'a=sctp-port:5000',
    ];
    const incomplete = lines.map((line) => `${line}\r\n`).join('');
    const refused = [
      ['/offer', { type: 'offer', sdp: 'this is not SDP' }, /line 1/],
      ['/offer', { type: 'offer', sdp: incomplete }, /ICE|fingerprint/],
      ['/offer', { type: 'offer' }, /sdp/],
      ['/offer?id=987654321', { type: 'offer', sdp: incomplete }, /id/],
      ['/answer?id=987654321', { type: 'answer', sdp: incomplete }, /id/],
      ['/close?id=987654321', {}, /id/],
      ['/state?id=987654321', undefined, /id/],
    ];
    for (const [path, body, why] of refused) {
      const { status, text } = await server.request(path, body);
      assert.ok(status >= 400 && status < 500, `${path}: ${status} ${text}`);
      assert.match(text, why, path);
    }
    assert.equal((await server.request('/')).status, 200);
  });
});
