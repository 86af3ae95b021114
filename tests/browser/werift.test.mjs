// werift (WebRTC in TypeScript), as offerer and answerer, with full and lite ICE, against the browser example.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RTCPeerConnection } from 'werift';
import { startServer } from './server.mjs';

const PATIENCE = 15_000;
const DEFAULT_MAX_MESSAGE_SIZE = 65_536;
const OUR_MAX_MESSAGE_SIZE = 262_144;

let server;
const peers = new Set();

before(async () => {
  server = await startServer('werift');
});
afterEach(async () => {
  await Promise.all(Array.from(peers, (peer) => peer.pc.close()));
  peers.clear();
});
after(async () => {
  await server?.interrupt();
});

for (const iceLite of [false, true]) {
  for (const role of ['offerer', 'answerer']) {
    describe(`werift as ${role} with ${iceLite ? 'lite' : 'full'} ICE`, () => {
      test('connects, and the server knows its channel', async () => {
        const { peer, line } = await connect(role, { iceLite });
        await line.opened();
        assert.equal(peer.got.sdp.includes('a=max-message-size:262144'), true);
        assert.equal(peer.sent.sdp.includes('a=ice-lite'), iceLite);
        const open = ({ channels }) => channels.some((c) => c.label === line.channel.label && c.state === 'open');
        const state = await server.stateWhere(peer.id, open, 'channel open at the server');
        assert.equal(state.connectionState, 'connected');
      });

      test('echoes text and binary messages up to its max-message-size', async () => {
        const { peer, line } = await connect(role, { iceLite });
        const sizes = [1, 1199, 1200, 16_384, DEFAULT_MAX_MESSAGE_SIZE];
        // No empty ones: werift sends nothing at all for them.
        const texts = ['hello', 'Grüße, 世界! 🦀', ...sizes.map((size) => 'x'.repeat(size))];
        const payloads = [...texts, ...sizes.map((size) => randomBytes(size))];
        for (const payload of payloads) assert.deepEqual(await line.echo(payload), payload);
      });

      test('echoes 256 KiB once it allows that much', async () => {
        const { peer, line } = await connect(role, { iceLite, maxMessageSize: OUR_MAX_MESSAGE_SIZE });
        const payload = randomBytes(OUR_MAX_MESSAGE_SIZE);
        assert.deepEqual(await line.echo(payload), payload);
      });

      test('channels of each reliability kind echo', async () => {
        const { peer } = await connect(role, { iceLite });
        // No unordered and partially reliable one: werift forgets the former in DATA_CHANNEL_OPEN.
        const kinds = [{}, { ordered: false }, { maxRetransmits: 3 }, { maxPacketLifeTime: 60_000 }];
        const lines = kinds.map((kind, i) => peer.open(`kind-${i}`, { protocol: `proto-${i}`, ...kind }));
        for (const line of lines) {
          assert.equal(await line.echo('text'), 'text');
          assert.deepEqual(await line.echo(Buffer.from([0, 1, 2])), Buffer.from([0, 1, 2]));
        }
        const { channels } = await server.state(peer.id);
        for (const [i, kind] of kinds.entries()) {
          const theirs = channels.find((channel) => channel.label === `kind-${i}`);
          const got = [theirs?.protocol, theirs?.ordered, theirs?.maxRetransmits ?? null, theirs?.maxPacketLifeTime ?? null];
          const wanted = [`proto-${i}`, kind.ordered ?? true, kind.maxRetransmits ?? null, kind.maxPacketLifeTime ?? null];
          assert.deepEqual(got, wanted);
        }
      });

      test('a channel it closes closes at the server', async () => {
        const { peer } = await connect(role, { iceLite });
        const line = peer.open('closed-by-werift');
        await line.echo('hello');
        line.channel.close();
        await line.becomes('closed');
        const gone = ({ channels }) => channels.every((c) => c.label !== 'closed-by-werift' || c.state === 'closed');
        const state = await server.stateWhere(peer.id, gone, 'closed at the server');
        assert.equal(state.connectionState, 'connected');
      });

      test('a channel the server closes closes at werift', async () => {
        const { peer } = await connect(role, { iceLite });
        const other = peer.open('other');
        const line = peer.open('close-me');
        assert.equal(await line.echo('hello'), 'hello');
        await line.becomes('closed');
        assert.equal(await other.echo('still here'), 'still here');
      });

      test('sees the server close', async () => {
        const { peer, line } = await connect(role, { iceLite });
        await line.echo('hello');
        await server.request(`/close?id=${peer.id}`, {});
        await within('DTLS closed', () => peer.pc.dtlsTransports.every((transport) => transport.state === 'closed'));
      });
    });
  }
}

/** A connected werift peer and a channel of it: its own as offerer, the server's "from-sut" as answerer. */
async function connect(role, config) {
  const pc = new RTCPeerConnection({ iceServers: [], iceUseIpv6: false, iceAdditionalHostAddresses: ['127.0.0.1'], ...config });
  const peer = new Peer(pc, config.iceLite);
  if (role === 'offerer') {
    const line = peer.open('first');
    await peer.offer();
    await within('connected', () => pc.connectionState === 'connected');
    return { peer, line };
  }
  await peer.answer();
  await within('connected', () => pc.connectionState === 'connected');
  await within('the channel "from-sut"', () => peer.announced.length > 0);
  assert.equal(peer.announced[0].channel.label, 'from-sut');
  return { peer, line: peer.announced[0] };
}

// werift takes the parity of its channels' ids from its ICE role, where RFC 8832, Section 6, takes it from the DTLS role.
// The two agree unless it offers as a lite agent; then it must be the DTLS client, which its offer asks for.
class Peer {
  constructor(pc, lite) {
    this.pc = pc;
    this.lite = lite;
    this.announced = [];
    peers.add(this);
    pc.onDataChannel.subscribe((channel) => this.announced.push(new Line(channel)));
  }

  open(label, options) {
    return new Line(this.pc.createDataChannel(label, options));
  }

  async gathered() {
    await within('gathering', () => this.pc.iceGatheringState === 'complete');
    return { type: this.pc.localDescription.type, sdp: this.pc.localDescription.sdp };
  }

  async offer() {
    await this.pc.setLocalDescription(await this.pc.createOffer());
    this.sent = await this.gathered();
    if (this.lite) this.sent.sdp = this.sent.sdp.replace('a=setup:actpass', 'a=setup:active');
    const { status, text, body } = await server.request('/offer', this.sent);
    assert.equal(status, 200, text);
    this.id = body.id;
    this.got = body;
    await this.pc.setRemoteDescription({ type: body.type, sdp: body.sdp });
  }

  async answer() {
    const { status, text, body } = await server.request('/offer-me', { data: true });
    assert.equal(status, 200, text);
    this.id = body.id;
    this.got = body;
    await this.pc.setRemoteDescription({ type: body.type, sdp: body.sdp });
    await this.pc.setLocalDescription(await this.pc.createAnswer());
    this.sent = await this.gathered();
    const reply = await server.request(`/answer?id=${this.id}`, this.sent);
    assert.equal(reply.status, 200, reply.text);
  }
}

/** A channel whose messages wait in an inbox. */
class Line {
  constructor(channel) {
    this.channel = channel;
    this.inbox = [];
    channel.onMessage.subscribe((data) => this.inbox.push(data));
  }

  opened() {
    return this.becomes('open');
  }

  becomes(state) {
    return within(`"${this.channel.label}" ${state}`, () => this.channel.readyState === state);
  }

  async echo(payload) {
    await this.opened();
    this.channel.send(payload);
    await within(`echo of ${payload.length} on "${this.channel.label}"`, () => this.inbox.length > 0);
    return this.inbox.shift();
  }
}

async function within(what, holds) {
  const deadline = performance.now() + PATIENCE;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${PATIENCE} ms: ${what}`);
    await sleep(5);
  }
}
