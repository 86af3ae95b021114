// Perfect negotiation (W3C webrtc-pc, Section 10.7) of one RTCPeerConnection: one step at a time, in the order in which
// they were asked for. Used by the page and by the tests.

export class Negotiator {
  /** Hands what is to be signalled, `{ description }` or `{ candidate }`, to `send`. */
  constructor(pc, send) {
    this.pc = pc;
    this.send = send;
    this.polite = false;
    this.automatic = true; // offers by itself when negotiation is needed
    this.answers = 'atOnce'; // or 'provisionally', 'afterRollback'
    this.ignored = false; // the newest offer, and with it its candidates
    this.onfailure = (error) => console.error(error);
    this.idle = Promise.resolve();
    pc.addEventListener('negotiationneeded', () => {
      if (this.automatic) this.offer();
    });
    pc.addEventListener('icecandidate', ({ candidate }) => {
      if (candidate?.candidate) send({ candidate: candidate.toJSON() });
    });
  }

  /** Queues a step; the promise tells its end, and failures go to `onfailure` too. */
  enqueue(step) {
    const done = this.idle.then(step);
    this.idle = done.catch((error) => {
      if (this.pc.signalingState !== 'closed') this.onfailure(error);
    });
    return this.idle;
  }

  /** Offers, unless a negotiation is under way: then the event comes again after it. */
  offer() {
    return this.enqueue(async () => {
      if (this.pc.signalingState !== 'stable') return;
      await this.pc.setLocalDescription();
      this.sendDescription();
    });
  }

  /** Makes an offer and takes it back before anyone has heard of it. */
  offerAndRollBack() {
    return this.enqueue(async () => {
      if (this.pc.signalingState !== 'stable') return;
      await this.pc.setLocalDescription(await this.pc.createOffer());
      await this.pc.setLocalDescription({ type: 'rollback' });
    });
  }

  /** The answer after a provisional one. */
  answer() {
    return this.enqueue(async () => {
      if (this.pc.signalingState !== 'have-local-pranswer') return;
      await this.pc.setLocalDescription();
      this.sendDescription();
    });
  }

  /** Takes what the other side has signalled. */
  receive({ description, candidate }) {
    return this.enqueue(() => (description ? this.take(description) : this.takeCandidate(candidate)));
  }

  async take(description) {
    const { pc } = this;
    const offer = description.type === 'offer';
    this.ignored = offer && pc.signalingState !== 'stable' && !this.polite;
    if (this.ignored) return;
    await pc.setRemoteDescription(description);
    if (!offer) return;
    if (this.answers === 'afterRollback') {
      await pc.setRemoteDescription({ type: 'rollback' });
      await pc.setRemoteDescription(description);
    }
    if (this.answers === 'provisionally') {
      const { sdp } = await pc.createAnswer();
      await pc.setLocalDescription({ type: 'pranswer', sdp });
    } else {
      await pc.setLocalDescription();
    }
    this.sendDescription();
  }

  async takeCandidate(candidate) {
    await this.pc.addIceCandidate(candidate).catch((error) => {
      if (!this.ignored) throw error;
    });
  }

  sendDescription() {
    const { type, sdp } = this.pc.localDescription;
    this.send({ description: { type, sdp } });
  }
}
