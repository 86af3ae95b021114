// Runs inside the browser under test: a connection to a Rust peer that negotiates both ways, message by message.
'use strict';

{
  const { api, Line } = globalThis.duologue;

  /** A seeded generator (xorshift over 32 bits). */
  class Random {
    constructor(seed) {
      this.state = (seed ^ 0x9e3779b9) >>> 0 || 1;
      for (let i = 0; i < 8; i += 1) this.next();
    }

    next() {
      this.state ^= this.state << 13;
      this.state ^= this.state >>> 17;
      this.state ^= this.state << 5;
      this.state >>>= 0;
      return this.state;
    }

    below(bound) {
      return this.next() % bound;
    }

    pick(list) {
      return list[this.below(list.length)];
    }
  }

  const pairs = new Set();

  /** The browser's connection, the Rust peer's number, and what each has signalled that the other has not taken yet. */
  class Pair {
    static async open({ politeBrowser = true, automatic = true, config = {} } = {}) {
      const { Negotiator } = await import('/negotiator.js');
      const pair = new Pair();
      pair.id = (await api('POST', '/negotiate', { polite: !politeBrowser, automatic })).id;
      pair.pc = new RTCPeerConnection(config);
      pair.toRust = [];
      pair.toBrowser = [];
      pair.after = 0;
      pair.failures = [];
      pair.told = []; // the Rust peer's events
      pair.fell = []; // states of the connection after it was connected
      pair.lines = new Map();
      pair.negotiator = new Negotiator(pair.pc, (signal) => pair.toRust.push(signal));
      pair.negotiator.polite = politeBrowser;
      pair.negotiator.automatic = automatic;
      pair.negotiator.onfailure = (error) => pair.failures.push(`browser: ${error.message}`);
      pair.pc.addEventListener('datachannel', ({ channel }) => pair.lines.set(channel.label, new Line(channel)));
      pair.pc.addEventListener('connectionstatechange', () => {
        const { connectionState } = pair.pc;
        if (connectionState === 'connected') pair.connected = true;
        else if (pair.connected) pair.fell.push(connectionState);
      });
      pairs.add(pair);
      return pair;
    }

    /** A pair with an open channel "data", whose section leads the bundle. */
    static async connected(options) {
      const pair = await Pair.open(options);
      const line = pair.channel('data');
      await pair.agreed();
      await line.opened;
      return pair;
    }

    /** Settles until both sides agree, and `holds()`. */
    async agreed(holds = () => true) {
      let difference = null;
      const agree = async () => {
        difference = pending(this) ?? (await duologue.disagreement(this));
        return this.failures.length > 0 || (difference === null && holds());
      };
      await this.settleUntil(agree, 'agreement').catch((error) => {
        throw new Error(`${error.message}: ${difference}`);
      });
      if (this.failures.length > 0) throw new Error(this.failures.join('; '));
    }

    /** Has the Rust peer do something. */
    async rust(wish) {
      try {
        await api('POST', `/do?id=${this.id}`, wish);
      } catch (error) {
        this.failures.push(`${wish.do}: ${error.message}`);
      }
    }

    /** A data channel of the browser's. */
    channel(label) {
      const line = new Line(this.pc.createDataChannel(label));
      this.lines.set(label, line);
      return line;
    }

    /** Takes what the Rust peer has said. */
    async pull() {
      const { next, entries } = await api('GET', `/events?id=${this.id}&after=${this.after}`);
      this.after = next;
      for (const entry of entries) {
        if (entry.error) this.failures.push(`Rust: ${entry.error}`);
        else if (entry.event) this.told.push(entry);
        else this.toBrowser.push(entry);
      }
    }

    /** Lets the browser finish what it was asked for, its events included. */
    async rest() {
      await new Promise((resolve) => {
        const { port1, port2 } = new MessageChannel(); // a task, without the delay of timers
        port1.onmessage = resolve;
        port2.postMessage(null);
      });
      await this.negotiator.idle;
    }

    /** Brings the oldest message to the Rust peer, or the browser; tells whether there was one. */
    async deliver(toRust) {
      const signal = (toRust ? this.toRust : this.toBrowser).shift();
      if (!signal) return false;
      if (toRust) await this.rust({ do: 'signal', ...signal });
      else await this.negotiator.receive(signal);
      return true;
    }

    /** Delivers until neither side has anything to say. */
    async settle() {
      for (let quiet = 0, rounds = 0; quiet < 2; rounds += 1) {
        if (this.failures.length > 0) throw new Error(this.failures.join('; '));
        if (rounds > 100) throw new Error('the negotiation does not come to an end');
        await this.rest();
        await this.pull();
        quiet += 1;
        while ((await this.deliver(true)) || (await this.deliver(false))) quiet = 0;
      }
    }

    /** Settles again and again until `holds()`. */
    async settleUntil(holds, what, milliseconds = 20_000) {
      const deadline = performance.now() + milliseconds;
      for (;;) {
        await this.settle();
        if (await holds()) return;
        if (performance.now() > deadline) throw new Error(`not within ${milliseconds} ms: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }

    async state() {
      return (await api('GET', `/state?id=${this.id}`)).negotiation;
    }

    async close() {
      pairs.delete(this);
      this.pc.close();
      await api('POST', `/close?id=${this.id}`);
    }
  }

  const pending = ({ toRust, toBrowser }) => (toRust.length + toBrowser.length > 0 ? 'messages on their way' : null);

  const closePairs = () => Promise.all([...pairs].map((pair) => pair.close()));

  Object.assign(globalThis.duologue, { Random, Pair, closePairs });
}
