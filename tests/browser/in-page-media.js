// Runs inside the browser under test: calls with sound and pictures from fake devices, which the Rust peer hands back.
'use strict';

{
  const { api, Pair, until, within } = globalThis.duologue;
  const LAYERS = [
    { rid: 'q', scaleResolutionDownBy: 4 },
    { rid: 'h', scaleResolutionDownBy: 2 },
    { rid: 'f', scaleResolutionDownBy: 1 },
  ];
  /**
   * Tells the length and a hash (FNV-1a) of every frame that passes, without what may differ: AV1's temporal delimiters,
   * which RTP leaves out, and the zeros before H.264's start codes.
   */
  const WATCHER = `onrtctransform = ({ transformer: { readable, writable, options } }) => {
    const told = new TransformStream({
      transform(frame, controller) {
        const bytes = new Uint8Array(frame.data);
        let [hash, length] = [0x811c9dc5, 0];
        for (let at = bytes[0] === 0x12 && bytes[1] === 0 ? 2 : 0; at < bytes.length; at += 1) {
          if (options.codec === 'H264' && bytes[at] === 0) {
            let end = at;
            while (bytes[end] === 0) end += 1;
            if (bytes[end] === 1 && end >= at + 2) at = end;
          }
          hash = Math.imul(hash ^ bytes[at], 0x01000193) >>> 0;
          length += 1;
        }
        postMessage({ ...options, frame: length + ':' + hash, key: frame.type === 'key' });
        controller.enqueue(frame);
      },
    });
    readable.pipeThrough(told).pipeTo(writable);
  };`;
  const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  /** A call whose media come back as the Rust peer is told. */
  class MediaCall {
    /** `role` is the page's: "offerer" or "answerer". */
    static async start({ role, video, audio, size = '320x180', layers = 1, returns, record = false, config = {} }) {
      const call = new MediaCall();
      call.codecs = { video, audio };
      const { capture } = (call.tools = await import('/call.js'));
      call.layers = layers === 3 ? LAYERS : [{}];
      call.stream = await capture({ size, frameRate: 20, audio: Boolean(audio), video: Boolean(video) });
      call.pair = await Pair.open({ automatic: false, config });
      call.pc = call.pair.pc;
      call.pc.addEventListener('track', (event) => call.onTrack(event));
      await call.media({ returns, record });
      if (role === 'offerer') await call.offer({ video, audio });
      else await call.askForOffer({ video, audio });
      await call.pair.settleUntil(() => call.pc.connectionState === 'connected', 'connected');
      return call;
    }

    /**
     * Keeps what the encoded frames of a transceiver are, before they are sent and after they have come back, and which
     * of those sent are key frames.
     */
    watch(transceiver) {
      const { kind } = transceiver.receiver.track;
      const codec = this.codecs[kind];
      this.frames ??= { audio: { sent: [], received: [], keys: [] }, video: { sent: [], received: [], keys: [] } };
      const worker = new Worker(URL.createObjectURL(new Blob([WATCHER], { type: 'text/javascript' })));
      worker.onmessage = ({ data: { side, frame, key } }) => {
        const frames = this.frames[kind];
        if (key && side === 'sent') frames.keys.push(frames.sent.length);
        frames[side].push(frame);
      };
      transceiver.sender.transform = new RTCRtpScriptTransform(worker, { side: 'sent', codec });
      transceiver.receiver.transform = new RTCRtpScriptTransform(worker, { side: 'received', codec });
    }

    get id() {
      return this.pair.id;
    }

    async media(wish) {
      await this.pair.rust({ do: 'media', ...wish });
    }

    async offer(codecs) {
      for (const track of this.stream.getTracks()) {
        const sendEncodings = track.kind === 'video' ? this.layers : [{}];
        const init = { direction: 'sendrecv', streams: [this.stream], sendEncodings };
        const transceiver = this.pc.addTransceiver(track, init);
        this.tools.preferCodec(transceiver, track.kind, codecs[track.kind]);
        if (this.layers.length === 1) this.watch(transceiver);
      }
      await this.pair.negotiator.offer();
    }

    async askForOffer(codecs) {
      const kinds = ['audio', 'video'].filter((kind) => codecs[kind]);
      const rids = this.layers.flatMap(({ rid }) => rid ?? []);
      for (const kind of kinds) {
        await this.pair.rust({ do: 'addTransceiver', kind, receiveRids: kind === 'video' ? rids : [] });
      }
      for (const { number, kind } of (await this.pair.state()).transceivers) {
        await this.pair.rust({ do: 'setCodecPreferences', transceiver: number, codecs: [codecs[kind], 'rtx'] });
      }
      await this.pair.rust({ do: 'offer' });
    }

    /** Plays what comes; when the Rust peer has offered, sends what it asks for. */
    onTrack({ track, transceiver }) {
      const element = document.createElement(track.kind);
      element.autoplay = true;
      element.srcObject = new MediaStream([track]);
      document.body.append(element);
      if (transceiver.sender.track) return;
      if (this.layers?.length === 1) this.watch(transceiver);
      transceiver.direction = 'sendrecv';
      transceiver.sender.replaceTrack(this.stream.getTracks().find(({ kind }) => kind === track.kind) ?? null);
      const parameters = transceiver.sender.getParameters();
      for (const encoding of parameters.encodings) {
        Object.assign(encoding, LAYERS.find(({ rid }) => rid === encoding.rid));
      }
      transceiver.sender.setParameters(parameters);
    }

    /** The browser's statistics: entries by type, and of the streams by kind. */
    async stats() {
      const entries = [...(await this.pc.getStats()).values()];
      const of = (type) => entries.filter((entry) => entry.type === type);
      const byKind = (type) => Object.fromEntries(of(type).map((entry) => [entry.kind, entry]));
      return {
        inbound: byKind('inbound-rtp'),
        outbound: of('outbound-rtp'),
        remoteOutbound: byKind('remote-outbound-rtp'),
        remoteInbound: of('remote-inbound-rtp'),
        transport: of('transport')[0],
        codecs: Object.fromEntries(of('codec').map(({ id, mimeType }) => [id, mimeType])),
      };
    }

    rustStats() {
      return api('GET', `/stats?id=${this.id}`);
    }

    async rustMedia() {
      return (await api('GET', `/state?id=${this.id}`)).media;
    }

    /** The statistics once `holds(them)`. */
    async statsWhere(holds, what, milliseconds = 25_000) {
      const deadline = performance.now() + milliseconds;
      for (;;) {
        const stats = await this.stats();
        if (await holds(stats)) return stats;
        if (performance.now() > deadline) {
          const { inbound, outbound } = stats;
          throw new Error(`not within ${milliseconds} ms: ${what}; ${JSON.stringify([inbound, outbound])}`);
        }
        await sleep(100);
      }
    }

    async end() {
      for (const track of this.stream.getTracks()) track.stop();
      await this.pair.close();
    }
  }

  /** Everything that plays stops. */
  function clearScreens() {
    for (const element of document.querySelectorAll('audio, video')) {
      element.srcObject = null;
      element.remove();
    }
  }

  Object.assign(globalThis.duologue, { MediaCall, clearScreens, sleep, until, within });
}
