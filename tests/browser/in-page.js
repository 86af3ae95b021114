// Runs inside the browser under test: connections, echoes and transfers, as plain calls for page.evaluate().
'use strict';

const PATIENCE = 15_000;

async function api(method, path, body) {
  const init = { method, headers: { 'content-type': 'application/json' } };
  if (method === 'POST') init.body = JSON.stringify(body ?? {});
  const reply = await fetch(path, init);
  const text = await reply.text();
  if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${text}`);
  return text ? JSON.parse(text) : {};
}

function within(milliseconds, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${milliseconds} ms: ${what}`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The next event `name` of `target`. */
function event(target, name, what = name) {
  const fired = new Promise((resolve) => target.addEventListener(name, resolve, { once: true }));
  return within(PATIENCE, what, fired);
}

/** Resolves once `holds()`, asked now and at each event `name` of `target`. */
function until(target, name, holds, what, milliseconds = PATIENCE) {
  if (holds()) return Promise.resolve();
  const held = new Promise((resolve) => {
    target.addEventListener(name, function listener() {
      if (!holds()) return;
      target.removeEventListener(name, listener);
      resolve();
    });
  });
  return within(milliseconds, what, held);
}

/** A data channel whose messages wait in an inbox until they are asked for. */
class Line {
  constructor(channel) {
    channel.binaryType = 'arraybuffer';
    this.channel = channel;
    this.inbox = [];
    this.waiting = [];
    this.opened = until(channel, 'open', () => channel.readyState === 'open', `open of "${channel.label}"`);
    this.opened.catch(() => {}); // whoever awaits it is told
    this.closed = new Promise((resolve) => channel.addEventListener('close', resolve));
    channel.addEventListener('message', ({ data }) => {
      const next = this.waiting.shift();
      if (next) next(data);
      else this.inbox.push(data);
    });
  }

  receive(what) {
    if (this.inbox.length > 0) return Promise.resolve(this.inbox.shift());
    return within(PATIENCE, what, new Promise((resolve) => this.waiting.push(resolve)));
  }

  /** Sends a string or Uint8Array and tells what came back. */
  async echo(payload) {
    await this.opened;
    const what = `echo of ${payload.length} on "${this.channel.label}"`;
    this.channel.send(payload);
    const back = await this.receive(what);
    if (typeof payload === 'string') return { type: typeof back, length: back.length, equal: back === payload };
    return { type: back.constructor.name, length: back.byteLength, equal: sameBytes(payload, new Uint8Array(back)) };
  }

  whenClosed(what = `close of "${this.channel.label}"`) {
    return within(PATIENCE, what, this.closed);
  }
}

const peers = new Set();

class Peer {
  constructor(config = {}) {
    this.pc = new RTCPeerConnection(config);
    this.lines = new Map();
    this.pc.addEventListener('datachannel', ({ channel }) => this.adopt(channel));
    peers.add(this);
  }

  adopt(channel) {
    const line = new Line(channel);
    this.lines.set(channel.label, line);
    return line;
  }

  open(label, options) {
    return this.adopt(this.pc.createDataChannel(label, options));
  }

  async gathered() {
    const { pc } = this;
    await until(pc, 'icegatheringstatechange', () => pc.iceGatheringState === 'complete', 'gathering');
    return { type: pc.localDescription.type, sdp: pc.localDescription.sdp };
  }

  /** Posts an offer (a further one once there is an id) and applies the answer. */
  async offer(query = {}) {
    await this.pc.setLocalDescription();
    this.sent = await this.gathered();
    const search = new URLSearchParams({ ...(this.id ? { id: this.id } : {}), ...query });
    const answer = await api('POST', `/offer?${search}`, this.sent);
    this.got = { type: answer.type, sdp: answer.sdp };
    this.id = answer.id;
    await this.pc.setRemoteDescription(this.got);
  }

  /** Asks for an offer and posts the answer. */
  async answer() {
    const offer = await api('POST', '/offer-me', { data: true });
    this.got = { type: offer.type, sdp: offer.sdp };
    this.id = offer.id;
    await this.pc.setRemoteDescription(this.got);
    await this.pc.setLocalDescription();
    this.sent = await this.gathered();
    await api('POST', `/answer?id=${encodeURIComponent(this.id)}`, this.sent);
  }

  async connected() {
    const { pc } = this;
    await until(pc, 'connectionstatechange', () => pc.connectionState === 'connected', 'connected');
    const { transport } = pc.sctp;
    await until(transport, 'statechange', () => transport.state === 'connected', 'DTLS connected');
  }
}

/** A connected peer, the page being `role`. An offerer opens the channel "first", the server "from-sut". */
async function connect(role, query = {}, config = {}) {
  const peer = new Peer(config);
  if (role === 'offerer') {
    peer.open('first');
    await peer.offer(query);
  } else {
    await peer.answer();
  }
  await peer.connected();
  return peer;
}

function closeAll() {
  for (const { pc } of peers) pc.close();
  peers.clear();
}

function sameBytes(a, b) {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function randomBytes(length) {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, Math.min(at + 65_536, length)));
  }
  return bytes;
}

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Sends `length` bytes through `line` in messages of `size` and collects the echo: hashes and milliseconds. */
async function transfer(line, length, size) {
  const { channel } = line;
  const data = randomBytes(length);
  await line.opened;
  channel.bufferedAmountLowThreshold = 1 << 20;
  const start = performance.now();
  const returned = collect(line, length).then((bytes) => [bytes, performance.now() - start]);
  for (let at = 0; at < length; at += size) {
    if (channel.bufferedAmount > 4 << 20) await event(channel, 'bufferedamountlow');
    channel.send(data.subarray(at, at + size));
  }
  await until(channel, 'bufferedamountlow', () => channel.bufferedAmount <= 1 << 20, 'the tail to leave');
  const up = performance.now() - start;
  const [echo, down] = await returned;
  return { sent: await sha256(data), received: await sha256(echo), up, down };
}

async function collect(line, length) {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const part = new Uint8Array(await line.receive(`byte ${at} of ${length}`));
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

globalThis.duologue = { api, closeAll, connect, until, Peer, Line, randomBytes, transfer, within };
