// The page of the record example: sends camera and microphone, and shows what the server has written.

import { capture, captureProblem, fillCodecs, gathered, preferCodec, sayGoodbye } from './call.js';
import { byId, get, note, post, setStatus } from './shared.js';

/** The recording now under way, or null. */
let call = null;
/** The rows of recordings that are over. */
const before = [];

class Call {
  constructor() {
    this.over = false;
    this.pc = new RTCPeerConnection();
    this.pc.addEventListener('connectionstatechange', () => this.onState());
  }

  async start() {
    this.stream = await capture({ size: byId('size').value, frameRate: byId('rate').value }).catch((error) => {
      throw new Error(captureProblem(error));
    });
    if (this.over) return this.release();
    byId('preview').srcObject = this.stream;
    for (const track of this.stream.getTracks()) {
      const one = this.pc.addTransceiver(track, { direction: 'sendonly', streams: [this.stream] });
      preferCodec(one, track.kind, byId(`${track.kind}-codec`).value);
    }
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
    if (connectionState === 'connected') setStatus('Recording', 'good');
    if (connectionState === 'failed') this.end('Connection lost');
  }

  async refresh() {
    const state = await get(`/state?id=${this.id}`).catch((error) => this.end(error.message));
    if (!state || this.over) return;
    show(state.files);
    if (state.error) this.end(state.error);
  }

  release() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
  }

  async end(why, tone = 'bad') {
    if (this.over) return;
    this.over = true;
    clearInterval(this.timer);
    this.release();
    this.pc.close();
    byId('preview').srcObject = null;
    byId('toggle').textContent = 'Record';
    setStatus(why, tone);
    note(why, tone);
    if (!this.id) return;
    const state = await post(`/close?id=${this.id}`).catch(() => null); // it may be gone
    if (state) before.push(...state.files);
    show([]);
  }
}

function show(files) {
  const row = ({ file, frames, milliseconds }) => {
    const line = document.createElement('tr');
    for (const text of [file, frames, (milliseconds / 1000).toFixed(1)]) line.insertCell().textContent = text;
    return line;
  };
  byId('recorded').replaceChildren(...[...before, ...files].map(row));
}

byId('call').addEventListener('submit', (event) => {
  event.preventDefault();
  if (call && !call.over) {
    call.end('Stopped', 'wait');
    return;
  }
  call = new Call();
  setStatus('Connecting', 'wait');
  byId('toggle').textContent = 'Stop';
  const mine = call;
  mine.start().catch((error) => mine.end(error.message));
});
addEventListener('pagehide', () => {
  sayGoodbye(call?.id);
  call?.pc.close();
});

if (globalThis.RTCPeerConnection) {
  fillCodecs(byId('video-codec'), 'video');
  fillCodecs(byId('audio-codec'), 'audio', ['opus', 'PCMU']); // what goes into files
} else {
  setStatus('This browser has no WebRTC', 'bad');
}
