// The page of the play example: shows what the Rust peer sends.

import { gathered, sayGoodbye } from './call.js';
import { byId, note, post, setStatus } from './shared.js';

/** The call now shown, or null. */
let call = null;

class Call {
  constructor() {
    this.over = false;
    this.pc = new RTCPeerConnection();
    this.stream = new MediaStream();
    byId('screen').srcObject = this.stream;
    this.pc.addEventListener('track', ({ track }) => {
      note(`a track of ${track.kind === 'audio' ? 'sound' : 'video'}`);
      this.stream.addTrack(track);
    });
    this.pc.addEventListener('connectionstatechange', () => this.onState());
  }

  async start() {
    for (const kind of ['audio', 'video']) this.pc.addTransceiver(kind, { direction: 'recvonly' });
    await this.pc.setLocalDescription();
    const answer = await post('/offer', await gathered(this.pc));
    this.id = answer.id;
    await this.pc.setRemoteDescription({ type: answer.type, sdp: answer.sdp });
    this.timer = setInterval(() => this.refresh(), 500);
  }

  onState() {
    const { connectionState } = this.pc;
    note(`peer connection ${connectionState}`);
    if (this.over) return;
    if (connectionState === 'connected') setStatus('Playing', 'good');
    if (connectionState === 'disconnected') setStatus('Interrupted', 'wait');
    if (connectionState === 'failed' || connectionState === 'closed') this.end('Connection lost');
  }

  /** What the browser counts, as one line. */
  async refresh() {
    const stats = [...(await this.pc.getStats()).values()];
    const codec = (entry) => stats.find(({ id }) => id === entry.codecId)?.mimeType.split('/')[1] ?? '?';
    const parts = [];
    for (const entry of stats.filter(({ type }) => type === 'inbound-rtp')) {
      if (entry.kind === 'video') {
        parts.push(`${codec(entry)} ${entry.frameWidth ?? '?'}x${entry.frameHeight ?? '?'}`);
        parts.push(`${entry.framesPerSecond ?? 0} frames a second, ${entry.framesDecoded} in all`);
      } else {
        parts.push(codec(entry));
      }
      if (entry.packetsLost > 0) parts.push(`${entry.packetsLost} packets lost`);
    }
    if (!this.over && parts.length > 0) byId('facts').textContent = parts.join(', ');
  }

  end(why, tone = 'bad') {
    if (this.over) return;
    this.over = true;
    clearInterval(this.timer);
    this.pc.close();
    if (this.id) post(`/close?id=${this.id}`).catch(() => {}); // it may be gone
    setStatus(why, tone);
    note(why, tone);
    byId('toggle').textContent = 'Play';
  }
}

function begin() {
  call = new Call();
  setStatus('Connecting', 'wait');
  byId('toggle').textContent = 'Stop';
  const mine = call;
  mine.start().catch((error) => mine.end(error.message));
}

byId('call').addEventListener('submit', (event) => {
  event.preventDefault();
  if (call && !call.over) call.end('Stopped', 'wait');
  else begin();
});
// Browsers start sound only after a click.
byId('sound').addEventListener('click', () => {
  const screen = byId('screen');
  screen.muted = !screen.muted;
  byId('sound').textContent = screen.muted ? 'Sound on' : 'Sound off';
});
addEventListener('pagehide', () => {
  sayGoodbye(call?.id);
  call?.pc.close();
});

// A video element that is to show something holds the page's loading up until there is a picture, and there may be none.
if (globalThis.RTCPeerConnection) addEventListener('load', begin);
else setStatus('This browser has no WebRTC', 'bad');
