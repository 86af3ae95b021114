// Runs inside the browser under test: what flows through a connection for a while, and by which way.
'use strict';

{
  const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  /** Numbered messages at a steady pace through a channel, and their echoes. */
  class Traffic {
    constructor(channel, interval = 20) {
      this.channel = channel;
      this.sent = 0;
      this.came = []; // numbers, and when, each with the one before
      this.times = [performance.now()];
      channel.addEventListener('message', ({ data }) => {
        this.came.push(Number(data));
        this.times.push(performance.now());
      });
      this.timer = setInterval(() => {
        channel.send(String(this.sent));
        this.sent += 1;
      }, interval);
    }

    /** Resolves once `count` echoes more than now have come. */
    async goesOn(count = 10, milliseconds = 30_000) {
      const goal = this.came.length + count;
      const deadline = performance.now() + milliseconds;
      while (this.came.length < goal) {
        if (performance.now() > deadline) throw new Error(`${this.came.length} echoes and no more within ${milliseconds} ms`);
        await sleep(10);
      }
    }

    /** Sends nothing more and waits until the last echo has come, or for `milliseconds`; tells what has come. */
    async stop(milliseconds = 15_000) {
      clearInterval(this.timer);
      const deadline = performance.now() + milliseconds;
      while (new Set(this.came).size < this.sent && performance.now() < deadline) await sleep(10);
      const once = new Set(this.came);
      return {
        sent: this.sent,
        missing: Array.from({ length: this.sent }, (_, i) => i).filter((i) => !once.has(i)),
        repeated: this.came.length - once.size,
        inOrder: this.came.every((number, i) => i === 0 || number > this.came[i - 1]),
        longestGap: this.longestGap(),
      };
    }

    /** The longest time without an echo, of those that ended after `since`. */
    longestGap(since = 0) {
      const gaps = this.times.slice(1).map((time, i) => (time > since ? time - this.times[i] : 0));
      return Math.max(0, ...gaps);
    }
  }

  /** The selected pair as the browser's statistics have it. */
  async function selectedPair(pc) {
    const stats = await pc.getStats();
    const transport = [...stats.values()].find(({ type }) => type === 'transport');
    const pair = stats.get(transport.selectedCandidatePairId);
    return {
      iceRole: transport.iceRole,
      changes: transport.selectedCandidatePairChanges,
      local: stats.get(pair?.localCandidateId),
      remote: stats.get(pair?.remoteCandidateId),
    };
  }

  Object.assign(globalThis.duologue, { Traffic, selectedPair });
}
