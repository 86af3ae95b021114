// The media page: camera and microphone go to the Rust peer, which hands them back; both sides' statistics are drawn.

import { capture, captureProblem, fillCodecs, preferCodec } from './call.js';
import { Measures } from './measures.js';
import { Negotiator } from './negotiator.js';
import { plot } from './plot.js';
import { byId, get, note, post, setStatus } from './shared.js';

/** Without a mode Chromium takes the layers of VP9 and AV1 for those of one stream, and sends the first alone. */
const LAYERS = [
  { rid: 'q', scaleResolutionDownBy: 4, scalabilityMode: 'L1T1' },
  { rid: 'h', scaleResolutionDownBy: 2, scalabilityMode: 'L1T1' },
  { rid: 'f', scaleResolutionDownBy: 1, scalabilityMode: 'L1T1' },
];
const PLOTS = {
  bitrate: { scale: 1e-6, unit: 'Mbit/s', digits: 2 },
  loss: { scale: 100, unit: '%', digits: 1 },
  roundTrip: { scale: 1000, unit: 'ms', digits: 1 },
  jitter: { scale: 1000, unit: 'ms', digits: 1 },
};

/** The call now shown, or null. */
let call = null;

// ---- The call ---------------------------------------------------------------------------------------------

class Call {
  constructor() {
    this.over = false;
    this.recording = false;
    this.refused = []; // what was said when nothing could be recorded
    this.pc = new RTCPeerConnection();
    this.back = new MediaStream();
    this.measures = new Measures();
    this.outbox = Promise.resolve();
    this.negotiator = new Negotiator(this.pc, (signal) => this.signal(signal));
    this.negotiator.polite = true;
    this.negotiator.onfailure = (error) => note(error.message, 'bad');
    this.pc.addEventListener('track', (event) => this.onTrack(event));
    this.pc.addEventListener('connectionstatechange', () => this.onState());
  }

  async start() {
    const peerOffers = byId('role').value === 'rust';
    this.stream = await capture({ size: byId('size').value, frameRate: byId('rate').value }).catch((error) => {
      throw new Error(captureProblem(error));
    });
    if (this.over) return this.release();
    byId('preview').srcObject = this.stream;
    // Only one side offers by itself: the other one's codecs are the ones that were chosen.
    this.negotiator.automatic = !peerOffers;
    const { id } = await post('/negotiate', { polite: false, automatic: false });
    this.id = id;
    await this.wish({ do: 'media', returns: byId('returns').value, layer: byId('layer').value });
    await this.setNetwork();
    this.listen();
    if (peerOffers) await this.askForOffer();
    else this.offer();
    this.timer = setInterval(() => this.measure(), 1000);
  }

  /** This page's tracks, with the codecs and layers that were chosen. */
  offer() {
    for (const track of this.stream.getTracks()) {
      const layers = track.kind === 'video' && byId('layers').value === '3' ? LAYERS : [{}];
      const init = { direction: 'sendrecv', streams: [this.stream], sendEncodings: layers };
      preferCodec(this.pc.addTransceiver(track, init), track.kind, byId(`${track.kind}-codec`).value);
    }
  }

  /** Has the Rust peer offer the same. */
  async askForOffer() {
    for (const kind of ['audio', 'video']) {
      const receiveRids = kind === 'video' && byId('layers').value === '3' ? LAYERS.map(({ rid }) => rid) : [];
      await this.wish({ do: 'addTransceiver', kind, receiveRids });
    }
    const { negotiation } = await get(`/state?id=${this.id}`);
    for (const { number, kind } of negotiation.transceivers) {
      const codec = byId(`${kind}-codec`).value;
      if (codec) await this.wish({ do: 'setCodecPreferences', transceiver: number, codecs: [codec, 'rtx'] });
    }
    await this.wish({ do: 'offer' });
  }

  onTrack({ track, transceiver }) {
    note(`a track of ${track.kind === 'audio' ? 'sound' : 'video'}`);
    this.back.addTrack(track);
    byId('screen').srcObject = this.back;
    if (transceiver.sender.track) return;
    // The Rust peer's offer: what it asks for is sent with the answer.
    const [mine] = this.stream.getTracks().filter(({ kind }) => kind === track.kind);
    transceiver.direction = 'sendrecv';
    transceiver.sender.replaceTrack(mine ?? null);
    const parameters = transceiver.sender.getParameters();
    for (const encoding of parameters.encodings) {
      Object.assign(encoding, LAYERS.find(({ rid }) => rid === encoding.rid));
    }
    transceiver.sender.setParameters(parameters).catch((error) => note(error.message, 'bad'));
  }

  onState() {
    const { connectionState } = this.pc;
    note(`peer connection ${connectionState}`);
    if (this.over) return;
    if (connectionState === 'connected') {
      setStatus('Connected', 'good');
      enable(true);
    }
    if (connectionState === 'disconnected') setStatus('Interrupted', 'wait');
    if (connectionState === 'failed') this.end('Connection lost');
  }

  /** Sends in order. */
  signal(signal) {
    this.outbox = this.outbox.then(() => this.wish({ do: 'signal', ...signal }));
  }

  /** Has the Rust peer do something. Returns whether it did. */
  async wish(wish) {
    if (this.over) return false;
    try {
      await post(`/do?id=${this.id}`, wish);
      return true;
    } catch (error) {
      note(`the Rust peer: ${error.message}`, 'bad');
      return false;
    }
  }

  setNetwork() {
    const share = (id) => within(byId(id)) / 100;
    const delay = Math.round(within(byId('delay')));
    return this.wish({ do: 'network', lossIn: share('loss-in'), lossOut: share('loss-out'), delay });
  }

  /** Takes what the Rust peer says, for as long as there is a call. */
  async listen() {
    let after = 0;
    while (!this.over) {
      try {
        const { next, entries } = await get(`/events?id=${this.id}&after=${after}&wait=true`);
        after = next;
        for (const entry of entries) this.take(entry);
      } catch (error) {
        this.end(error.message);
      }
    }
  }

  take(entry) {
    if (this.over) return;
    if (entry.error) note(`the Rust peer: ${entry.error}`, 'bad');
    else if (!entry.event) this.negotiator.receive(entry);
  }

  /** Takes both sides' statistics and shows them. */
  async measure() {
    const [mine, theirs, state] = await Promise.all([
      this.pc.getStats(),
      get(`/stats?id=${this.id}`),
      get(`/state?id=${this.id}`),
    ]).catch((error) => {
      this.end(error.message);
      return [];
    });
    if (!state || this.over || call !== this) return;
    this.measures.add(performance.now(), [...mine.values()], theirs);
    draw(this.measures);
    byId('sent').textContent = this.measures.sent;
    byId('received').textContent = this.measures.received;
    this.tell(state.media);
  }

  /** Shows what is recorded, or why nothing is. */
  tell({ files, errors }) {
    const told = files.map(({ file, frames, complete }) => `${file}: ${frames} frames${complete ? '' : ' so far'}`);
    byId('record-note').textContent = [...told, ...errors, ...this.refused].join('; ');
  }

  async toggleRecording() {
    const recording = !this.recording;
    this.refused = [];
    try {
      await post(`/do?id=${this.id}`, { do: 'media', record: recording });
      this.recording = recording;
    } catch (error) {
      this.refused = [error.message];
    }
    byId('record').textContent = this.recording ? 'Stop recording' : 'Record';
    byId('record').setAttribute('aria-pressed', String(this.recording));
  }

  release() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
  }

  /** Tells the Rust peer that this is the end, and shows what it has recorded until then. */
  async close() {
    if (!this.id) return;
    if (this.recording) {
      await post(`/do?id=${this.id}`, { do: 'media', record: false });
      this.tell((await get(`/state?id=${this.id}`)).media);
    }
    await post(`/close?id=${this.id}`);
  }

  end(why, tone = 'bad') {
    if (this.over) return;
    this.over = true;
    clearInterval(this.timer);
    this.release();
    // What it has recorded is asked for before the connection ends.
    this.close()
      .catch(() => {}) // it may be gone
      .finally(() => this.pc.close());
    enable(false);
    for (const id of ['preview', 'screen']) byId(id).srcObject = null;
    for (const id of ['sent', 'received']) byId(id).textContent = 'Nothing yet.';
    byId('record').textContent = 'Record';
    byId('record').setAttribute('aria-pressed', 'false');
    byId('toggle').textContent = 'Start';
    setStatus(why, tone);
    note(why, tone);
  }
}

/** The value of a field, which then shows what is within its bounds. */
function within(field) {
  const { min, max, value } = field;
  field.value = Math.min(Number(max), Math.max(Number(min), Number(value)));
  return Number(field.value);
}

function enable(on) {
  for (const control of document.querySelectorAll('[data-needs="open"]')) control.disabled = !on;
}

// ---- What is shown ----------------------------------------------------------------------------------------

function draw(measures) {
  const to = performance.now();
  for (const [name, { scale, unit, digits }] of Object.entries(PLOTS)) {
    const points = (side) => (measures?.series[side] ?? []).map((one) => ({ at: one.at, value: one[name] * scale }));
    const lines = [
      { color: '--page', points: points('page') },
      { color: '--peer', points: points('rust') },
    ];
    for (const line of lines) line.points = line.points.filter(({ value }) => Number.isFinite(value));
    plot(byId(`plot-${name}`), lines, to - 60_000, to, (value) => `${value} ${unit}`, '60 s ago', 'now');
    for (const side of ['page', 'rust']) {
      const newest = (measures?.series[side].at(-1)?.[name] ?? NaN) * scale;
      const column = Object.keys(PLOTS).indexOf(name) + 1;
      byId(`now-${side}`).cells[column].textContent = Number.isFinite(newest) ? `${newest.toFixed(digits)} ${unit}` : '–';
    }
  }
}

// ---- What can be done -------------------------------------------------------------------------------------

byId('call').addEventListener('submit', (event) => {
  event.preventDefault();
  if (call && !call.over) {
    call.end('Stopped', 'wait');
    return;
  }
  call = new Call();
  byId('record-note').textContent = '';
  setStatus('Connecting', 'wait');
  byId('toggle').textContent = 'Stop';
  const mine = call;
  mine.start().catch((error) => mine.end(error.message));
});
byId('returns').addEventListener('change', ({ target }) => call?.wish({ do: 'media', returns: target.value }));
byId('layer').addEventListener('change', ({ target }) => call?.wish({ do: 'media', layer: target.value }));
for (const id of ['loss-in', 'loss-out', 'delay']) byId(id).addEventListener('change', () => call?.setNetwork());
byId('record').addEventListener('click', () => call?.toggleRecording());
// Browsers start sound only after a click.
byId('sound').addEventListener('click', () => {
  const screen = byId('screen');
  screen.muted = !screen.muted;
  byId('sound').textContent = screen.muted ? 'Sound on' : 'Sound off';
});
addEventListener('pagehide', () => call?.pc.close());
addEventListener('resize', () => draw(call?.measures));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => draw(call?.measures));

// ---- Start ------------------------------------------------------------------------------------------------

draw(null);
if (globalThis.RTCPeerConnection) {
  fillCodecs(byId('video-codec'), 'video');
  fillCodecs(byId('audio-codec'), 'audio');
} else {
  setStatus('This browser has no WebRTC', 'bad');
}
