// The page of the sfu example: sends camera and microphone into a room, and shows who else is there.

import { capture, captureProblem, gathered, sayGoodbye } from './call.js';
import { byId, get, note, post, setStatus } from './shared.js';

const ROOM = new URLSearchParams(location.search).get('room') ?? 'hall';
/** The layers, in the order in which the server asks for them: a quarter, half and all of the camera's picture. */
const LAYERS = [
  { scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { scaleResolutionDownBy: 1, maxBitrate: 1_800_000 },
];

/** The visit now under way, or null. */
let visit = null;
let muted = true;

class Visit {
  constructor() {
    this.over = false;
    this.tiles = new Map();
    this.heights = {};
    this.pc = new RTCPeerConnection();
    this.pc.addEventListener('track', (event) => this.onTrack(event));
    this.pc.addEventListener('connectionstatechange', () => this.onState());
    this.resized = new ResizeObserver(() => this.reportLater());
  }

  async start() {
    this.stream = await capture({ size: byId('size').value, frameRate: 30 }).catch((error) => {
      throw new Error(captureProblem(error));
    });
    if (this.over) return this.release();
    this.tile('me', 'You').video.srcObject = this.stream;
    const { id } = await post('/join', { room: ROOM });
    this.id = id;
    this.listen();
    this.timer = setInterval(() => this.caption(), 500);
  }

  /** Takes what the server says, for as long as the visit lasts. */
  async listen() {
    let after = 0;
    while (!this.over) {
      try {
        const { next, entries } = await get(`/events?id=${this.id}&after=${after}&wait=true`);
        after = next;
        for (const entry of entries) await this.take(entry);
      } catch (error) {
        this.end(error.message);
      }
    }
  }

  async take({ description, event, peer, error }) {
    if (this.over) return;
    if (description) await this.answer(description);
    else if (event === 'left') this.drop(peer);
    if (event) note(`participant ${peer} ${event}`);
    if (error) note(error, 'bad');
  }

  async answer(offer) {
    const { pc } = this;
    await pc.setRemoteDescription(offer);
    if (!this.sends) await this.send();
    await pc.setLocalDescription();
    const { type, sdp } = await gathered(pc);
    await post(`/answer?id=${this.id}`, { type, sdp });
  }

  /** The first two sections are for what this page sends. */
  async send() {
    this.sends = true;
    const [sound, picture] = this.pc.getTransceivers();
    for (const [transceiver, [track]] of [
      [sound, this.stream.getAudioTracks()],
      [picture, this.stream.getVideoTracks()],
    ]) {
      transceiver.direction = 'sendonly';
      await transceiver.sender.replaceTrack(track ?? null);
    }
    const parameters = picture.sender.getParameters();
    if (parameters.encodings.length === LAYERS.length) {
      parameters.encodings.forEach((encoding, i) => Object.assign(encoding, LAYERS[i]));
      await picture.sender.setParameters(parameters);
    } else {
      note(`this browser sends ${parameters.encodings.length} layers only`);
    }
  }

  onTrack({ track, streams: [stream] }) {
    const peer = Number(stream.id.replace('peer-', ''));
    this.tile(peer, `Participant ${peer}`).video.srcObject = stream;
    note(`${track.kind === 'audio' ? 'sound' : 'picture'} of participant ${peer}`);
  }

  onState() {
    const { connectionState } = this.pc;
    note(`peer connection ${connectionState}`);
    if (this.over) return;
    if (connectionState === 'connected') setStatus('In the room', 'good');
    if (connectionState === 'disconnected') setStatus('Interrupted', 'wait');
    if (connectionState === 'failed') this.end('Connection lost');
  }

  tile(peer, name) {
    const known = this.tiles.get(peer);
    if (known) return known;
    const item = document.createElement('li');
    const button = document.createElement('button');
    const video = document.createElement('video');
    const caption = document.createElement('p');
    item.className = peer === 'me' ? 'tile mine' : 'tile';
    item.dataset.peer = peer;
    button.type = 'button';
    button.setAttribute('aria-label', `${name}, large or small`);
    button.setAttribute('aria-pressed', 'false');
    button.addEventListener('click', () => {
      const large = item.classList.toggle('large');
      button.setAttribute('aria-pressed', String(large));
    });
    Object.assign(video, { autoplay: true, playsInline: true, muted: peer === 'me' || muted });
    button.append(video);
    item.append(button, caption);
    byId('tiles').append(item);
    const tile = { item, video, caption, name };
    this.tiles.set(peer, tile);
    this.resized.observe(video);
    return tile;
  }

  drop(peer) {
    this.tiles.get(peer)?.item.remove();
    this.tiles.delete(peer);
    this.reportLater();
  }

  caption() {
    for (const { video, caption, name } of this.tiles.values()) {
      const size = video.videoWidth ? `${video.videoWidth}x${video.videoHeight}` : 'no picture yet';
      caption.textContent = `${name}: ${size}`;
    }
  }

  /** Tells the server how large pictures are shown, once their sizes have come to rest. */
  reportLater() {
    clearTimeout(this.reporting);
    this.reporting = setTimeout(() => this.report(), 150);
  }

  report() {
    const heights = {};
    for (const [peer, { video }] of this.tiles) {
      if (peer !== 'me') heights[peer] = Math.round(video.clientHeight * devicePixelRatio);
    }
    if (this.over || !this.id || JSON.stringify(heights) === JSON.stringify(this.heights)) return;
    this.heights = heights;
    post(`/show?id=${this.id}`, heights).catch((error) => this.end(error.message));
  }

  release() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
  }

  end(why, tone = 'bad') {
    if (this.over) return;
    this.over = true;
    clearInterval(this.timer);
    this.resized.disconnect();
    this.release();
    this.pc.close();
    if (this.id) post(`/close?id=${this.id}`).catch(() => {}); // it may be gone
    byId('tiles').replaceChildren();
    byId('toggle').textContent = 'Join';
    setStatus(why, tone);
    note(why, tone);
  }
}

byId('call').addEventListener('submit', (event) => {
  event.preventDefault();
  if (visit && !visit.over) {
    visit.end('You have left', 'wait');
    return;
  }
  visit = new Visit();
  setStatus('Joining', 'wait');
  byId('toggle').textContent = 'Leave';
  const mine = visit;
  mine.start().catch((error) => mine.end(error.message));
});
// Browsers start sound only after a click.
byId('sound').addEventListener('click', () => {
  muted = !muted;
  byId('sound').textContent = muted ? 'Sound on' : 'Sound off';
  for (const [peer, { video }] of visit?.tiles ?? []) if (peer !== 'me') video.muted = muted;
});
addEventListener('pagehide', () => {
  sayGoodbye(visit?.id);
  visit?.pc.close();
});

byId('room').textContent = ROOM;
if (!globalThis.RTCPeerConnection) setStatus('This browser has no WebRTC', 'bad');
