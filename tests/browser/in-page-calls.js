// Runs inside the browser under test: a call with sound, pictures and data, whose ways may change while all of it flows.
'use strict';

{
  const { Line, MediaCall, Traffic, selectedPair, within } = globalThis.duologue;
  const STREAMS = ['audio', 'video'];
  const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  class FlowingCall {
    static async start({ role }) {
      const flowing = new FlowingCall();
      const call = await MediaCall.start({ role, video: 'VP8', audio: 'opus', returns: 'packets' });
      flowing.call = call;
      flowing.pc = call.pc;
      const reliable = call.pair.channel('reliable');
      const unreliable = new Line(call.pc.createDataChannel('unreliable', { ordered: false, maxRetransmits: 0 }));
      await call.pair.negotiator.offer();
      await call.pair.agreed();
      await Promise.all([reliable.opened, unreliable.opened]);
      await call.statsWhere(({ inbound: { audio, video } }) => audio?.packetsReceived > 20 && video?.framesDecoded > 5, 'media');
      flowing.traffic = { reliable: new Traffic(reliable.channel), unreliable: new Traffic(unreliable.channel) };
      flowing.watching = flowing.watch();
      return flowing;
    }

    /** Notes when packets of each stream have come, as often as the statistics are renewed. */
    async watch() {
      this.counts = Object.fromEntries(STREAMS.map((kind) => [kind, 0]));
      this.progress = Object.fromEntries(STREAMS.map((kind) => [kind, []]));
      while (!this.over) {
        const { inbound } = await this.call.stats();
        const now = performance.now();
        for (const kind of STREAMS) {
          const { packetsReceived } = inbound[kind];
          if (packetsReceived > this.counts[kind]) this.progress[kind].push(now);
          this.counts[kind] = packetsReceived;
        }
        await sleep(20);
      }
    }

    way() {
      return selectedPair(this.pc);
    }

    /** The selected pair once `holds(it)`. */
    async wayWhere(holds, milliseconds = 10_000) {
      const deadline = performance.now() + milliseconds;
      for (;;) {
        const way = await this.way();
        if (holds(way)) return way;
        if (performance.now() > deadline) throw new Error(`not within ${milliseconds} ms: ${JSON.stringify(way)}`);
        await sleep(20);
      }
    }

    /** Packets of each stream that have not come so far. */
    async packetsLost() {
      const { inbound } = await this.call.stats();
      return Object.fromEntries(STREAMS.map((kind) => [kind, inbound[kind].packetsLost]));
    }

    ufrags() {
      return [this.pc.localDescription, this.pc.remoteDescription].map(({ sdp }) => /a=ice-ufrag:(\S+)/.exec(sdp)[1]);
    }

    /** The longest time without a message, or packet, that ended after `since`, in milliseconds. */
    gaps(since = 0) {
      const longest = (times) => Math.max(...times.slice(1).map((time, i) => (time > since ? time - times[i] : 0)));
      const { reliable, unreliable } = this.traffic;
      const media = Object.fromEntries(STREAMS.map((kind) => [kind, longest(this.progress[kind])]));
      return { reliable: reliable.longestGap(since), unreliable: unreliable.longestGap(since), ...media };
    }

    /** Resolves once everything has come again, several times. */
    async flows(milliseconds = 30_000) {
      const from = performance.now();
      const media = async (kind) => {
        while (this.progress[kind].filter((time) => time > from).length < 3) await sleep(20);
      };
      const all = Promise.all([...Object.values(this.traffic).map((one) => one.goesOn()), ...STREAMS.map(media)]);
      await within(milliseconds, 'everything flows', all);
    }

    async stop() {
      const [reliable, unreliable] = await Promise.all([this.traffic.reliable.stop(), this.traffic.unreliable.stop(1000)]);
      this.over = true;
      await this.watching;
      return { reliable, unreliable, fell: this.call.pair.fell };
    }

    async end() {
      await this.call.end();
    }
  }

  Object.assign(globalThis.duologue, { FlowingCall });
}
