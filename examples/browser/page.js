// The page of the browser example: one connection to the Rust peer, which echoes every message on its channel.

import { plot } from './plot.js';
import { Sha256 } from './sha256.js';
import { append, byId, note, post, setStatus, showState } from './shared.js';

const CHUNK = 64 * 1024;
const HIGH_WATER = 1024 * 1024;
const LOW_WATER = 256 * 1024;
const PING_EVERY = 200;
const PING_LOST_AFTER = 2000;
const RATE_SECONDS = 5;

/** The connection now shown, or null. */
let call = null;

// ---- Connection -------------------------------------------------------------------------------------------

class Call {
  constructor() {
    this.pc = new RTCPeerConnection();
    this.over = false;
    this.watch();
    this.chat = this.open('chat', {}, onChatMessage);
    this.ping = this.open('ping', { ordered: false, maxRetransmits: 0 }, onPong);
    this.pc.addEventListener('datachannel', ({ channel }) => {
      note(`channel "${channel.label}" opened by the Rust peer`);
      channel.addEventListener('close', () => note(`channel "${channel.label}" closed`));
    });
  }

  /** A channel whose binary messages are ArrayBuffers, and whose unexpected close ends the call. */
  open(label, options, onMessage) {
    const channel = this.pc.createDataChannel(label, options);
    channel.binaryType = 'arraybuffer';
    channel.addEventListener('message', ({ data }) => onMessage(data));
    channel.addEventListener('open', () => {
      note(`channel "${label}" open, id ${channel.id}`);
      this.openNow();
    });
    channel.addEventListener('close', () => this.end('Closed by the Rust peer', `channel "${label}" closed`));
    return channel;
  }

  openNow() {
    if (this.chat.readyState !== 'open' || this.ping.readyState !== 'open' || this.over) return;
    setStatus('Connected', 'good');
    enable(true);
    this.showPath().catch((error) => note(`statistics: ${error.message}`));
  }

  watch() {
    const { pc } = this;
    const states = [
      ['connection', 'connectionstatechange', () => pc.connectionState],
      ['ice', 'iceconnectionstatechange', () => pc.iceConnectionState],
      ['gathering', 'icegatheringstatechange', () => pc.iceGatheringState],
      ['signalling', 'signalingstatechange', () => pc.signalingState],
    ];
    for (const [name, event, read] of states) {
      showState(name, read());
      pc.addEventListener(event, () => {
        if (call === this && !this.over) changeState(name, read());
      });
    }
    for (const name of ['dtls', 'sctp']) showState(name, 'new');
    for (const name of ['cipher', 'local', 'remote', 'max']) byId(`state-${name}`).textContent = '–';
    byId('dtls-version').textContent = '';
    pc.addEventListener('connectionstatechange', () => this.onConnectionState());
  }

  /** The transports exist only once descriptions are set. */
  watchTransports() {
    const { sctp } = this.pc;
    if (!sctp || this.watched) return;
    this.watched = true;
    const dtls = sctp.transport;
    for (const [name, target] of [['dtls', dtls], ['sctp', sctp]]) {
      changeState(name, target.state);
      target.addEventListener('statechange', () => {
        if (!this.over) changeState(name, target.state);
        if (target.state === 'closed') this.end('Closed by the Rust peer', `${name.toUpperCase()} closed`);
        if (target.state === 'failed') this.end('DTLS failed', 'the secure transport failed');
      });
    }
  }

  onConnectionState() {
    const state = this.pc.connectionState;
    if (this.over) return;
    if (state === 'disconnected') setStatus('Interrupted', 'wait');
    if (state === 'connected') this.openNow();
    if (state === 'failed') this.end('Connection lost', 'no answer from the Rust peer');
  }

  /** Exchanges descriptions, with all candidates inside. */
  async negotiate(peerOffers) {
    const { pc } = this;
    if (peerOffers) {
      const offer = await post('/offer-me', { data: true });
      this.id = offer.id;
      await pc.setRemoteDescription({ type: offer.type, sdp: offer.sdp });
      await pc.setLocalDescription();
      await this.gathered();
      await post(`/answer?id=${encodeURIComponent(this.id)}`, pc.localDescription);
    } else {
      await pc.setLocalDescription();
      await this.gathered();
      const answer = await post('/offer', pc.localDescription);
      this.id = answer.id;
      await pc.setRemoteDescription({ type: answer.type, sdp: answer.sdp });
    }
    this.watchTransports();
  }

  gathered() {
    const { pc } = this;
    this.watchTransports();
    return new Promise((resolve) => {
      const check = () => pc.iceGatheringState === 'complete' && resolve();
      pc.addEventListener('icegatheringstatechange', check);
      check();
    });
  }

  async showPath() {
    const stats = await this.pc.getStats();
    const transport = [...stats.values()].find((entry) => entry.type === 'transport');
    const pair = stats.get(transport?.selectedCandidatePairId);
    const address = (candidate) => {
      if (!candidate) return '–';
      const host = candidate.address || 'hidden by the browser';
      return `${host.includes(':') ? `[${host}]` : host}:${candidate.port} ${candidate.candidateType}`;
    };
    const versions = { FEFF: '1.0', FEFD: '1.2', FEFC: '1.3' };
    byId('state-local').textContent = address(stats.get(pair?.localCandidateId));
    byId('state-remote').textContent = address(stats.get(pair?.remoteCandidateId));
    byId('dtls-version').textContent = versions[transport?.tlsVersion?.toUpperCase()] ?? '';
    byId('state-cipher').textContent = transport?.dtlsCipher ?? '–';
    byId('state-max').textContent = formatBytes(this.pc.sctp.maxMessageSize);
  }

  /** Ends the call once, whoever ended it. */
  end(status, reason, tone = 'bad') {
    if (this.over) return;
    this.over = true;
    note(reason, tone);
    this.pc.close();
    if (call !== this) return;
    for (const name of ['connection', 'ice', 'signalling', 'dtls', 'sctp']) showState(name, 'closed');
    setStatus(status, tone);
    enable(false);
    byId('toggle').textContent = 'Connect again';
    byId('toggle').classList.remove('plain');
  }
}

async function connect() {
  const mine = new Call();
  call = mine;
  setStatus('Connecting', 'wait');
  byId('toggle').textContent = 'Disconnect';
  byId('toggle').classList.add('plain');
  resetPings();
  const peerOffers = byId('role').value === 'answer';
  note(peerOffers ? 'asking the Rust peer for an offer' : 'offering');
  try {
    await mine.negotiate(peerOffers);
  } catch (error) {
    mine.end('Not connected', error.message);
  }
}

byId('call').addEventListener('submit', (event) => {
  event.preventDefault();
  if (call && !call.over) call.end('Disconnected', 'disconnected by this page', 'wait');
  else connect();
});
addEventListener('pagehide', () => call?.pc.close());

// ---- What is shown of it ----------------------------------------------------------------------------------

function changeState(name, value) {
  const names = { connection: 'peer connection', ice: 'ICE', dtls: 'DTLS', sctp: 'SCTP' };
  showState(name, value);
  note(`${names[name] ?? name} ${value}`, value === 'failed' ? 'bad' : '');
}

function enable(on) {
  for (const control of document.querySelectorAll('[data-needs="open"]')) control.disabled = !on;
}

function formatBytes(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let unit = 0;
  while (bytes >= 1024 && unit < 3) {
    bytes /= 1024;
    unit += 1;
  }
  return `${unit === 0 || Number.isInteger(bytes) ? bytes : bytes.toFixed(1)} ${units[unit]}`;
}


function formatTime(milliseconds) {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
}

const formatRate = (bytesPerSecond) => `${((bytesPerSecond * 8) / 1e6).toFixed(1)} Mbit/s`;

// ---- Chat -------------------------------------------------------------------------------------------------

const sentAt = []; // of the messages whose echo is still to come; the channel keeps their order

byId('chat').addEventListener('submit', (event) => {
  event.preventDefault();
  const input = byId('message');
  const asBytes = byId('kind').value === 'bytes';
  const data = asBytes ? parseHex(input.value) : input.value;
  if (data === null) {
    byId('chat-error').textContent = 'Bytes are written as pairs of hexadecimal digits: 00 ff 10';
    return;
  }
  try {
    call.chat.send(data);
  } catch (error) {
    byId('chat-error').textContent = error.message;
    return;
  }
  byId('chat-error').textContent = '';
  sentAt.push(performance.now());
  bubble('mine', data, 'sent');
  input.value = '';
});

byId('kind').addEventListener('change', ({ target }) => {
  byId('message').placeholder = target.value === 'bytes' ? '68 65 6c 6c 6f' : 'Say something';
});

function onChatMessage(data) {
  const start = sentAt.shift();
  const remark = start === undefined ? 'received' : `echoed in ${formatTime(performance.now() - start)}`;
  bubble('theirs', typeof data === 'string' ? data : new Uint8Array(data), remark);
}

function bubble(side, data, remark) {
  const item = document.createElement('li');
  const small = document.createElement('small');
  const isText = typeof data === 'string';
  item.className = `bubble ${side}${isText ? '' : ' bytes'}`;
  item.textContent = (isText ? data : toHex(data, ' ')) || '(empty)';
  small.textContent = `${isText ? 'text' : formatBytes(data.length)}, ${remark}`;
  item.append(small);
  append(byId('messages'), item, 200);
}

function parseHex(text) {
  const digits = text.replace(/\s+/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(digits)) return null;
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function toHex(bytes, between = '') {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(between);
}

// ---- Files ------------------------------------------------------------------------------------------------

let queue = Promise.resolve();

function sendFiles(files) {
  for (const file of files) {
    const row = new TransferRow(file);
    queue = queue.then(() => sendFile(file, row)).catch((error) => row.fail(error.message));
  }
}

byId('files').addEventListener('change', ({ target }) => {
  sendFiles(target.files);
  target.value = '';
});
for (const name of ['dragenter', 'dragover', 'dragleave', 'drop']) {
  addEventListener(name, (event) => {
    event.preventDefault(); // a file dropped beside the zone must not replace the page
    byId('drop').classList.toggle('over', name !== 'drop' && byId('drop').contains(event.target));
    if (name === 'drop' && !byId('files').disabled) sendFiles(event.dataTransfer.files);
  });
}

/** Sends a file through the peer and back: a channel of its own, at most HIGH_WATER bytes waiting. */
async function sendFile(file, row) {
  if (!call || call.over) throw new Error('not connected');
  const channel = call.pc.createDataChannel(`file: ${file.name}`.slice(0, 200));
  channel.binaryType = 'arraybuffer';
  channel.bufferedAmountLowThreshold = LOW_WATER;
  const back = new Sha256();
  let received = 0;
  let allBack;
  const returned = new Promise((resolve) => (allBack = resolve));
  channel.addEventListener('message', ({ data }) => {
    back.update(new Uint8Array(data));
    received += data.byteLength;
    row.back(received);
    if (received === file.size) allBack();
  });
  const broken = new Promise((_, reject) => {
    channel.addEventListener('close', () => reject(new Error('the channel closed on the way')));
  });
  broken.catch(() => {}); // also rejects after the end, when nobody waits for it
  await Promise.race([event(channel, 'open'), broken]);
  const start = performance.now();
  const sent = await Promise.race([upload(file, channel, row), broken]);
  await Promise.race([returned, broken]);
  const seconds = (performance.now() - start) / 1000;
  channel.close();
  row.finish(sent, back.hex(), seconds);
  note(`"${file.name}" came back after ${seconds.toFixed(2)} s`);
}

async function upload(file, channel, row) {
  const hash = new Sha256();
  const size = Math.min(CHUNK, call.pc.sctp.maxMessageSize);
  if (file.size === 0) channel.send(new Uint8Array());
  for (let at = 0; at < file.size; at += HIGH_WATER) {
    const block = new Uint8Array(await file.slice(at, at + HIGH_WATER).arrayBuffer());
    hash.update(block);
    for (let from = 0; from < block.length; from += size) {
      if (channel.bufferedAmount > HIGH_WATER) await event(channel, 'bufferedamountlow');
      channel.send(block.subarray(from, from + size));
      row.sent(at + from - channel.bufferedAmount);
    }
  }
  row.sent(file.size);
  return hash.hex();
}

function event(target, name) {
  return new Promise((resolve) => target.addEventListener(name, resolve, { once: true }));
}

class TransferRow {
  constructor(file) {
    this.size = file.size;
    this.element = document.createElement('li');
    this.element.className = 'transfer';
    this.name = document.createElement('b');
    this.name.textContent = this.name.title = file.name;
    this.outcome = document.createElement('span');
    this.outcome.className = 'outcome';
    this.outcome.textContent = `${formatBytes(file.size)}, waiting`;
    this.bar = document.createElement('div');
    this.bar.className = 'bar';
    this.bar.setAttribute('role', 'progressbar');
    this.bar.setAttribute('aria-label', `${file.name}, echoed`);
    this.bar.setAttribute('aria-valuenow', '0');
    this.fills = ['sent', 'back'].map((kind) => {
      const fill = document.createElement('i');
      fill.className = kind;
      return this.bar.appendChild(fill);
    });
    this.hash = document.createElement('code');
    this.element.append(this.name, this.outcome, this.bar, this.hash);
    byId('transfers').prepend(this.element);
  }

  fill(index, bytes) {
    const share = this.size === 0 ? 1 : Math.max(0, bytes) / this.size;
    this.fills[index].style.transform = `scaleX(${share})`;
    return share;
  }

  sent(bytes) {
    this.fill(0, bytes);
  }

  back(bytes) {
    const percent = Math.floor(this.fill(1, bytes) * 100);
    this.bar.setAttribute('aria-valuenow', String(percent));
    this.outcome.textContent = `${formatBytes(this.size)}, ${percent}%`;
  }

  finish(sent, back, seconds) {
    const equal = sent === back;
    this.outcome.dataset.tone = equal ? 'good' : 'bad';
    const pace = seconds > 0.1 ? formatRate(this.size / seconds) : formatTime(seconds * 1000);
    this.outcome.textContent = equal ? `✓ ${formatBytes(this.size)}, ${pace}` : '✗ hashes differ';
    this.hash.textContent = equal ? `SHA-256 ${sent}` : `sent ${sent}, came back ${back}`;
  }

  fail(why) {
    this.outcome.dataset.tone = 'bad';
    this.outcome.textContent = `✗ ${why}`;
  }
}

// ---- Round trips ------------------------------------------------------------------------------------------

const pings = { next: 0, waiting: new Map(), samples: [], sent: 0, lost: 0 };

function resetPings() {
  Object.assign(pings, { next: 0, waiting: new Map(), samples: [], sent: 0, lost: 0 });
  for (const name of ['now', 'median', 'p95', 'lost']) byId(`rtt-${name}`).textContent = '–';
  sentAt.length = 0;
}

function sendPing() {
  if (!call || call.over || call.ping.readyState !== 'open') return;
  const now = performance.now();
  for (const [sequence, start] of pings.waiting) {
    if (now - start < PING_LOST_AFTER) continue;
    pings.waiting.delete(sequence);
    pings.lost += 1;
    pings.samples.push({ at: start, value: null });
  }
  call.ping.send(Uint32Array.of(pings.next));
  pings.waiting.set(pings.next, now);
  pings.next += 1;
  pings.sent += 1;
}

function onPong(data) {
  const now = performance.now();
  const [sequence] = new Uint32Array(data);
  const start = pings.waiting.get(sequence);
  if (start === undefined) return; // counted as lost before
  pings.waiting.delete(sequence);
  pings.samples.push({ at: start, value: now - start });
  while (pings.samples.length > 60_000 / PING_EVERY) pings.samples.shift();
  const values = pings.samples.flatMap(({ value }) => (value === null ? [] : [value])).sort((a, b) => a - b);
  const share = (part) => values[Math.min(values.length - 1, Math.floor(values.length * part))];
  byId('rtt-now').textContent = formatTime(now - start);
  byId('rtt-median').textContent = formatTime(share(0.5));
  byId('rtt-p95').textContent = formatTime(share(0.95));
  byId('rtt-lost').textContent = `${((100 * pings.lost) / pings.sent).toFixed(1)}%`;
}

setInterval(() => {
  sendPing();
  if (!document.hidden) drawPings();
}, PING_EVERY);

function drawPings() {
  const to = performance.now();
  plot(byId('rtt-plot'), [{ color: '--peer', points: pings.samples }], to - 60_000, to, (ms) => `${ms} ms`, '60 s ago', 'now');
}

// ---- Throughput -------------------------------------------------------------------------------------------

let measurement = null;

byId('rate-start').addEventListener('click', () => {
  if (measurement) measurement.stop = true;
  else measure().catch((error) => showRateNote(error.message));
});

async function measure() {
  const channel = call.pc.createDataChannel('throughput');
  channel.binaryType = 'arraybuffer';
  channel.bufferedAmountLowThreshold = LOW_WATER;
  const closed = event(channel, 'close');
  const run = { stop: false, queued: 0, received: 0, up: [], down: [] };
  measurement = run;
  byId('rate-start').textContent = 'Stop';
  showRateNote('measuring');
  channel.addEventListener('message', ({ data }) => (run.received += data.byteLength));
  let watcher;
  try {
    await Promise.race([event(channel, 'open'), closed]);
    const start = performance.now();
    watcher = setInterval(() => sampleRate(run, channel, start), 100);
    await fillChannel(run, channel, closed, start + RATE_SECONDS * 1000);
    sampleRate(run, channel, start);
    const seconds = (performance.now() - start) / 1000;
    const [up, down] = [run.queued - channel.bufferedAmount, run.received];
    const cut = channel.readyState !== 'open';
    byId('rate-up').textContent = formatRate(up / seconds);
    byId('rate-down').textContent = formatRate(down / seconds);
    showRateNote(`${cut ? 'cut short: ' : ''}${formatBytes(up)} up and ${formatBytes(down)} down in ${seconds.toFixed(1)} s`);
  } finally {
    clearInterval(watcher);
    channel.close();
    measurement = null;
    byId('rate-start').textContent = 'Start';
  }
}

/** Keeps the channel full until `end`, a stop, or its close. */
async function fillChannel(run, channel, closed, end) {
  const chunk = new Uint8Array(Math.min(CHUNK, call.pc.sctp.maxMessageSize));
  crypto.getRandomValues(chunk);
  const over = () => run.stop || performance.now() >= end || channel.readyState !== 'open';
  while (!over()) {
    while (channel.bufferedAmount < HIGH_WATER && !over()) {
      channel.send(chunk);
      run.queued += chunk.length;
    }
    const timeout = new Promise((resolve) => setTimeout(resolve, 100));
    await Promise.race([event(channel, 'bufferedamountlow'), closed, timeout]);
  }
}

function sampleRate(run, channel, start) {
  const now = performance.now();
  for (const [series, total] of [[run.up, run.queued - channel.bufferedAmount], [run.down, run.received]]) {
    const before = series.findLast((sample) => sample.at <= now - 400) ?? { at: start, total: 0 };
    const seconds = Math.max(0.05, (now - before.at) / 1000);
    series.push({ at: now, total, value: (Math.max(0, total - before.total) * 8) / 1e6 / seconds });
  }
  byId('rate-up').textContent = `${run.up.at(-1).value.toFixed(1)} Mbit/s`;
  byId('rate-down').textContent = `${run.down.at(-1).value.toFixed(1)} Mbit/s`;
  drawRates(run, start);
}

function drawRates(run, start) {
  const lines = [
    { color: '--page', points: run?.up ?? [] },
    { color: '--peer', points: run?.down ?? [] },
  ];
  plot(byId('rate-plot'), lines, start, start + RATE_SECONDS * 1000, (rate) => `${rate} Mbit/s`, '0 s', `${RATE_SECONDS} s`);
}

function showRateNote(text) {
  byId('rate-note').textContent = text;
}

// ---- Start ------------------------------------------------------------------------------------------------

addEventListener('resize', drawPings);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawPings);
drawPings();
drawRates(null, 0);
if (globalThis.RTCPeerConnection) connect();
else setStatus('This browser has no WebRTC', 'bad');
