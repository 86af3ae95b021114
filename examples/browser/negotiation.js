// The negotiation page: this page and the Rust peer change one call, both ways, by perfect negotiation.

import { diff } from './diff.js';
import { Negotiator } from './negotiator.js';
import { byId, get, note, post, setStatus, showState } from './shared.js';

const DIRECTIONS = ['sendrecv', 'sendonly', 'recvonly', 'inactive'];
const ECHO_EVERY = 500;

/** The call now shown, or null. */
let call = null;

// ---- The call ---------------------------------------------------------------------------------------------

class Call {
  constructor() {
    this.over = false;
    this.pc = new RTCPeerConnection();
    this.sent = 0;
    this.echoed = 0;
    this.outbox = Promise.resolve();
    this.negotiator = new Negotiator(this.pc, (signal) => this.signal(signal));
    this.negotiator.onfailure = (error) => this.report('This page', error.message);
    this.negotiator.answers = byId('page-answers').value;
    for (const name of ['signalingstatechange', 'iceconnectionstatechange', 'connectionstatechange']) {
      this.pc.addEventListener(name, () => this.onState(name));
    }
    for (const name of ['negotiationneeded', 'track']) {
      this.pc.addEventListener(name, () => note(`This page: ${name}`));
    }
  }

  async start() {
    const polite = byId('polite').value === 'rust';
    this.negotiator.polite = !polite;
    const { id } = await post('/negotiate', { polite, automatic: true, answers: byId('rust-answers').value });
    this.id = id;
    this.listen();
    // Data leads the bundle: browsers give up their transport together with the section that leads it.
    this.channel = this.pc.createDataChannel('echo');
    this.channel.addEventListener('message', () => (this.echoed += 1));
    enable(true);
  }

  /** Sends in order; what cannot be sent ends the call. */
  signal(signal) {
    if (signal.description) note(`This page sends ${article(signal.description.type)}`);
    this.outbox = this.outbox.then(() => this.rust({ do: 'signal', ...signal }));
  }

  /** Has the Rust peer do something. */
  async rust(wish) {
    if (this.over) return;
    await post(`/do?id=${this.id}`, wish).catch((error) => this.report('The Rust peer', error.message));
    await this.refresh();
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
      await this.refresh();
    }
  }

  take(entry) {
    if (this.over) return;
    if (entry.error) this.report('The Rust peer', entry.error);
    else if (entry.event) note(`The Rust peer: ${[entry.event, entry.state, entry.mid && `mid ${entry.mid}`].filter(Boolean).join(' ')}`);
    else {
      if (entry.description) note(`The Rust peer sends ${article(entry.description.type)}`);
      this.negotiator.receive(entry).then(() => this.refresh());
    }
  }

  onState(name) {
    const attribute = { signalingstatechange: 'signalingState', iceconnectionstatechange: 'iceConnectionState' }[name];
    const state = this.pc[attribute ?? 'connectionState'];
    note(`This page: ${name} ${state}`);
    this.refresh();
  }

  /** Shows both sides as they are now; the newest answer of the server counts. */
  async refresh() {
    if (this.over) return;
    const asked = (this.asked = (this.asked ?? 0) + 1);
    const state = await get(`/state?id=${this.id}`).catch((error) => this.end(error.message));
    if (!state || this.over || asked !== this.asked || call !== this) return;
    this.state = state;
    show(this);
  }

  report(who, what) {
    if (!this.over) note(`${who}: ${what}`, 'bad');
  }

  end(why) {
    if (this.over) return;
    this.over = true;
    this.pc.close();
    if (call !== this) return;
    note(why, 'bad');
    setStatus('Not connected', 'bad');
    enable(false);
  }
}

async function begin() {
  if (call) {
    const old = call;
    old.over = true;
    old.pc.close();
    post(`/close?id=${old.id}`).catch(() => {}); // it may be gone
  }
  enable(false);
  setStatus('Connecting', 'wait');
  shown.clear();
  const mine = new Call();
  call = mine;
  await mine.start().catch((error) => mine.end(error.message));
}

const article = (type) => (/^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`);

function enable(on) {
  for (const control of document.querySelectorAll('[data-needs="open"]')) control.disabled = !on;
}

// ---- What is shown ----------------------------------------------------------------------------------------

/** What each place shows, as text, so that nothing is touched that is the same. */
const shown = new Map();

function show({ pc, state }) {
  const { negotiation } = state;
  showState('page-signalling', pc.signalingState);
  showState('page-ice', pc.iceConnectionState);
  showState('page-connection', pc.connectionState);
  showState('rust-signalling', negotiation.signalingState);
  showState('rust-ice', negotiation.iceConnectionState);
  showState('rust-connection', state.connectionState);
  const connected = pc.connectionState === 'connected' && state.connectionState === 'connected';
  if (connected) setStatus('Connected', 'good');
  else setStatus(pc.connectionState === 'failed' ? 'Connection lost' : 'Connecting', pc.connectionState === 'failed' ? 'bad' : 'wait');
  for (const [side, signalling] of [['page', pc.signalingState], ['rust', negotiation.signalingState]]) {
    document.querySelector(`[data-side="${side}"] [data-do="answer"]`).disabled = signalling !== 'have-local-pranswer';
  }
  showTransceivers('page', pc.getTransceivers().map(ofPage));
  showTransceivers('rust', negotiation.transceivers.filter(({ stopped }) => !stopped).map(ofRust));
  showTexts(pc, negotiation);
}

function ofPage(one, index) {
  const { mid, direction, currentDirection, receiver, sender } = one;
  const names = sender.getParameters().codecs.map(({ mimeType }) => mimeType.split('/')[1]);
  return { number: index, mid, kind: receiver.track.kind, direction, currentDirection, codecs: names };
}

function ofRust({ number, mid, kind, direction, currentDirection, sendCodecs }) {
  return { number, mid, kind, direction, currentDirection, codecs: sendCodecs.map(({ name }) => name) };
}

function showTransceivers(side, rows) {
  const text = JSON.stringify(rows);
  if (shown.get(side) === text) return;
  shown.set(side, text);
  const body = byId(`${side}-transceivers`);
  const focused = document.activeElement?.dataset.key;
  body.replaceChildren(...rows.map((row) => transceiverRow(side, row)));
  if (focused) body.querySelector(`[data-key="${focused}"]`)?.focus();
}

function transceiverRow(side, { number, mid, kind, direction, currentDirection, codecs }) {
  const name = `${kind} ${mid ?? 'without mid'}`;
  const wants = document.createElement('select');
  wants.setAttribute('aria-label', `Direction of ${name}`);
  wants.dataset.key = `${side}-${number}-direction`;
  for (const word of direction === 'stopped' ? ['stopped'] : DIRECTIONS) wants.add(new Option(word, word));
  wants.value = direction;
  wants.disabled = direction === 'stopped';
  wants.addEventListener('change', () => ACTIONS[side].direction(number, wants.value));
  const stop = document.createElement('button');
  stop.type = 'button';
  stop.className = 'plain';
  stop.textContent = 'Stop';
  stop.setAttribute('aria-label', `Stop ${name}`);
  stop.dataset.key = `${side}-${number}-stop`;
  stop.disabled = direction === 'stopped';
  stop.addEventListener('click', () => ACTIONS[side].stop(number));
  const row = document.createElement('tr');
  for (const content of [`${mid ?? '–'} ${kind}`, wants, currentDirection ?? '–', summary(codecs), stop]) {
    row.insertCell().append(content);
  }
  return row;
}

/** The codecs that carry media, each once. */
function summary(names) {
  const media = names.filter((name) => !/^(rtx|red|ulpfec|telephone-event|CN)$/i.test(name));
  return [...new Set(media)].join(' ') || '–';
}

function showTexts(pc, negotiation) {
  const page = [pc.localDescription?.sdp, negotiation.remoteDescription];
  const rust = [pc.remoteDescription?.sdp, negotiation.localDescription];
  const [left, right] = { own: [page[0], rust[1]], page, rust }[byId('which').value].map((sdp) => sdp ?? '');
  const text = JSON.stringify([left, right]);
  if (shown.get('texts') === text) return;
  shown.set('texts', text);
  const rows = differences(left, right);
  const different = rows.filter(({ same }) => !same).length;
  byId('texts-note').textContent = rows.length === 0 ? 'No description yet.' : `${different} of ${rows.length} lines differ.`;
  byId('texts').tBodies[0].replaceChildren(...rows.map(textRow));
}

/** Section by section, so that lines stand beside those of the same section. */
function differences(left, right) {
  const parts = (sdp) => sdp.split(/^(?=m=)/m).map((part) => part.split('\r\n').filter((line) => line !== ''));
  const [ours, theirs] = [parts(left), parts(right)];
  const indices = Array.from({ length: Math.max(ours.length, theirs.length) }, (_, i) => i);
  return indices.flatMap((i) => diff(ours[i] ?? [], theirs[i] ?? []));
}

function textRow({ left, right, same }) {
  const row = document.createElement('tr');
  row.classList.toggle('same', same);
  row.classList.toggle('section', /^m=/.test(left ?? right));
  for (const line of [left, right]) {
    const cell = row.insertCell();
    if (line === null) continue;
    if (same) cell.append(line);
    else cell.appendChild(document.createElement('mark')).append(line);
  }
  return row;
}

// ---- What can be done -------------------------------------------------------------------------------------

const ACTIONS = {
  page: {
    audio: () => call.pc.addTransceiver('audio'),
    video: () => call.pc.addTransceiver('video'),
    restart: () => call.pc.restartIce(),
    offer: () => call.negotiator.offer(),
    rollback: () => call.negotiator.offerAndRollBack(),
    answer: () => call.negotiator.answer(),
    direction: (number, word) => (call.pc.getTransceivers()[number].direction = word),
    stop: (number) => call.pc.getTransceivers()[number].stop(),
  },
  rust: {
    audio: () => call.rust({ do: 'addTransceiver', kind: 'audio' }),
    video: () => call.rust({ do: 'addTransceiver', kind: 'video' }),
    restart: () => call.rust({ do: 'restartIce' }),
    offer: () => call.rust({ do: 'offer' }),
    rollback: () => call.rust({ do: 'offerAndRollBack' }),
    answer: () => call.rust({ do: 'answer' }),
    direction: (number, direction) => call.rust({ do: 'setDirection', transceiver: number, direction }),
    stop: (number) => call.rust({ do: 'stop', transceiver: number }),
  },
};

for (const side of ['page', 'rust']) {
  for (const button of document.querySelectorAll(`[data-side="${side}"] [data-do]`)) {
    button.addEventListener('click', async () => {
      await ACTIONS[side][button.dataset.do]();
      await call.refresh();
    });
  }
}

byId('page-answers').addEventListener('change', ({ target }) => (call.negotiator.answers = target.value));
byId('rust-answers').addEventListener('change', ({ target }) => call.rust({ do: 'configure', answers: target.value }));
byId('polite').addEventListener('change', ({ target }) => {
  const polite = target.value === 'rust';
  call.negotiator.polite = !polite;
  call.rust({ do: 'configure', polite });
});
byId('which').addEventListener('change', () => call?.refresh());
byId('glare').addEventListener('click', () => {
  note('both offer');
  // The peer is asked first, so that its offer and the page's are on their way at the same time.
  call.rust({ do: 'offer' });
  call.negotiator.offer();
});
byId('call').addEventListener('submit', (event) => {
  event.preventDefault();
  begin();
});
addEventListener('pagehide', () => call?.pc.close());

setInterval(() => {
  if (!call || call.over || call.channel?.readyState !== 'open') return;
  byId('echoes').textContent = `${call.echoed} of ${call.sent}`;
  call.channel.send('echo');
  call.sent += 1;
}, ECHO_EVERY);

// ---- Start ------------------------------------------------------------------------------------------------

if (globalThis.RTCPeerConnection) begin();
else setStatus('This browser has no WebRTC', 'bad');
