// Runs inside the browser under test: random operations on both sides, and what must hold once they have settled.
'use strict';

{
  const { Pair, Random } = globalThis.duologue;

  const DIRECTIONS = ['sendrecv', 'sendonly', 'recvonly', 'inactive'];
  const KINDS = ['audio', 'video'];
  const REVERSED = { sendrecv: 'sendrecv', sendonly: 'recvonly', recvonly: 'sendonly', inactive: 'inactive' };
  const CODECS = {
    audio: [['opus'], ['PCMU', 'opus'], ['G722', 'PCMA', 'opus', 'telephone-event']],
    video: [['VP8', 'rtx'], ['VP9', 'VP8', 'rtx'], ['H264', 'AV1', 'VP8', 'rtx'], ['AV1', 'VP8']],
  };
  // Lists that may have nothing in common, so that a section is rejected.
  const NARROW = {
    audio: [['PCMU'], ['PCMA'], ['opus', 'PCMA']],
    video: [['VP8'], ['AV1', 'rtx'], ['H264', 'rtx'], ['VP9', 'VP8', 'rtx']],
  };
  const MOST_TRANSCEIVERS = 8;
  // It remembers the header extensions of offers that it has rolled back, and refuses others for the same mid; two Chromiums
  // refuse each other's offers in the same way.
  const CHROMIUMS_OWN = /RTP extension ID reassignment not supported \(collision on active MID/;

  /** The random operations of a sequence. Each takes the pair and the generator. */
  const OPERATIONS = {
    async browserAdds(pair, random) {
      if (pair.pc.getTransceivers().length >= MOST_TRANSCEIVERS) return;
      pair.pc.addTransceiver(random.pick(KINDS), { direction: random.pick(DIRECTIONS) });
    },
    async rustAdds(pair, random) {
      const [kind, direction] = [random.pick(KINDS), random.pick(DIRECTIONS)];
      if ((await pair.state()).transceivers.length >= MOST_TRANSCEIVERS) return;
      await pair.rust({ do: 'addTransceiver', kind, direction });
    },
    async browserAddsData(pair) {
      if (!pair.lines.has('browser')) pair.channel('browser');
    },
    async rustAddsData(pair) {
      if (!pair.rustHasData) await pair.rust({ do: 'createDataChannel', label: 'rust' });
      pair.rustHasData = true;
    },
    async browserStops(pair, random) {
      const free = await stoppable(pair, browserLive(pair));
      if (free.length > 0) random.pick(free).stop();
    },
    async rustStops(pair, random) {
      const free = await stoppable(pair, rustLive(await pair.state()));
      if (free.length > 0) await pair.rust({ do: 'stop', transceiver: random.pick(free).number });
    },
    async browserTurns(pair, random) {
      const live = browserLive(pair);
      if (live.length > 0) random.pick(live).direction = random.pick(DIRECTIONS);
    },
    async rustTurns(pair, random) {
      const live = rustLive(await pair.state());
      if (live.length === 0) return;
      const transceiver = random.pick(live).number;
      await pair.rust({ do: 'setDirection', transceiver, direction: random.pick(DIRECTIONS) });
    },
    async browserPrefers(pair, random) {
      const live = browserLive(pair);
      if (live.length === 0) return;
      const one = random.pick(live);
      const { kind } = one.receiver.track;
      const names = random.pick((pair.dataFirst ? NARROW : CODECS)[kind]);
      const all = RTCRtpReceiver.getCapabilities(kind).codecs;
      const named = (name) => all.filter(({ mimeType }) => mimeType.toLowerCase() === `${kind}/${name}`.toLowerCase());
      one.setCodecPreferences(names.flatMap(named));
    },
    async rustPrefers(pair, random) {
      const live = rustLive(await pair.state());
      if (live.length === 0) return;
      const { number, kind } = random.pick(live);
      const codecs = random.pick((pair.dataFirst ? NARROW : CODECS)[kind]);
      await pair.rust({ do: 'setCodecPreferences', transceiver: number, codecs });
    },
    async browserRestarts(pair) {
      pair.pc.restartIce();
    },
    async rustRestarts(pair) {
      await pair.rust({ do: 'restartIce' });
    },
    async browserRollsBack(pair) {
      await pair.negotiator.offerAndRollBack();
    },
    async rustRollsBack(pair) {
      if ((await pair.state()).signalingState === 'stable') await pair.rust({ do: 'offerAndRollBack' });
    },
    async browserOffers(pair) {
      await pair.negotiator.offer();
    },
    async rustOffers(pair) {
      await pair.rust({ do: 'offer' });
    },
    async bothOffer(pair) {
      await pair.rest();
      await Promise.all([pair.negotiator.offer(), pair.rust({ do: 'offer' })]);
    },
    async browserAnswers(pair, random) {
      pair.negotiator.answers = random.pick(['atOnce', 'provisionally', 'afterRollback']);
    },
    async rustAnswers(pair, random) {
      await pair.rust({ do: 'configure', answers: random.pick(['atOnce', 'provisionally', 'afterRollback']) });
    },
    async provisionalEnd(pair) {
      await endProvisional(pair);
    },
  };

  const browserLive = ({ pc }) => pc.getTransceivers().filter(({ direction }) => direction !== 'stopped');
  const rustLive = ({ transceivers }) => transceivers.filter(({ direction }) => direction !== 'stopped');

  /**
   * Those transceivers whose section may go. Chromium gives up its transport together with the section that leads the
   * bundle, and begins another under the same name, which no peer can follow: that section stays.
   */
  async function stoppable(pair, live) {
    const { localDescription, remoteDescription } = await pair.state();
    const all = [localDescription, remoteDescription, pair.pc.localDescription?.sdp, pair.pc.remoteDescription?.sdp];
    const leading = all.map((sdp) => /^a=group:BUNDLE (\S+)/m.exec(sdp ?? '')?.[1]);
    return live.filter(({ mid }) => mid !== null && !leading.includes(mid));
  }

  async function endProvisional(pair) {
    await pair.rust({ do: 'answer' });
    await pair.negotiator.answer();
  }

  /** Up to twelve operations, messages delivered in between in order but at any time, then agreement. */
  async function sequence(seed) {
    const random = new Random(seed);
    const pair = await Pair.open({ politeBrowser: seed % 2 === 0 });
    const done = [];
    try {
      // In half of the sequences data leads the bundle, so that every other section can come and go.
      pair.dataFirst = random.below(2) === 0;
      if (pair.dataFirst) {
        await OPERATIONS[random.pick(['browserAddsData', 'rustAddsData'])](pair);
        await pair.settle();
        done.push('data');
      }
      const count = 6 + random.below(7);
      for (let i = 0; i < count; i += 1) {
        const name = random.pick(Object.keys(OPERATIONS));
        done.push(name);
        await OPERATIONS[name](pair, random);
        await pair.rest();
        await pair.pull();
        for (let messages = random.below(6); messages > 0; messages -= 1) {
          const toRust = random.below(2) === 0;
          if (await pair.deliver(toRust)) done.push(toRust ? '>' : '<');
          await pair.rest();
          await pair.pull();
        }
      }
      done.push('settled');
      pair.negotiator.answers = 'atOnce';
      await pair.rust({ do: 'configure', answers: 'atOnce' });
      await pair.settle();
      await endProvisional(pair);
      await pair.agreed();
      if (pair.lines.has('browser')) await pair.lines.get('browser').echo(`hello ${seed}`);
      return { done };
    } catch (error) {
      // A transceiver stopped while its offer was on the way, which was then rolled back, asks for negotiation for ever.
      const undead = pair.pc.getTransceivers().some(({ mid, direction }) => direction === 'stopped' && mid === null);
      if (undead || CHROMIUMS_OWN.test(error.message)) return { done, chromium: error.message };
      return { done, error: error.message, browser: describe(pair.pc), rust: await pair.state() };
    } finally {
      await pair.close();
    }
  }

  function describe(pc) {
    return {
      signalingState: pc.signalingState,
      localDescription: pc.localDescription?.sdp,
      remoteDescription: pc.remoteDescription?.sdp,
      transceivers: pc.getTransceivers().map(({ mid, direction, currentDirection, receiver }) => {
        return { mid, kind: receiver.track.kind, direction, currentDirection };
      }),
    };
  }

  /** The first thing that the two sides disagree about, or null. */
  async function disagreement(pair) {
    const { pc } = pair;
    const rust = await pair.state();
    if (pc.signalingState !== 'stable' || rust.signalingState !== 'stable') {
      return `signalling: browser ${pc.signalingState}, Rust ${rust.signalingState}`;
    }
    const differs = [
      ['sections of the browser\'s description', sections(pc.localDescription?.sdp), sections(rust.remoteDescription)],
      ['sections of the Rust peer\'s description', sections(pc.remoteDescription?.sdp), sections(rust.localDescription)],
      ['sections of both descriptions', sections(pc.localDescription?.sdp), sections(pc.remoteDescription?.sdp)],
    ].find(([, a, b]) => a !== b);
    if (differs) return `${differs[0]}: ${differs[1]} and ${differs[2]}`;
    const theirs = new Map(rustLive(rust).map((one) => [one.mid, one]));
    const ours = browserLive(pair);
    if (theirs.has(null) || ours.some(({ mid }) => mid === null)) return 'a transceiver without a section';
    if (ours.length !== theirs.size) return `${ours.length} transceivers here, ${theirs.size} there`;
    for (const one of ours) {
      const other = theirs.get(one.mid);
      if (!other) return `no transceiver for mid ${one.mid} there`;
      const difference = differenceOf(one, other, pc.localDescription.sdp);
      if (difference) return `mid ${one.mid}: ${difference}`;
    }
    return null;
  }

  /** What two transceivers of one section disagree about. */
  function differenceOf(browser, rust, localDescription) {
    if (browser.receiver.track.kind !== rust.kind) return `${browser.receiver.track.kind} and ${rust.kind}`;
    const flows = (direction) => [/send/.test(direction), /recv/.test(direction)];
    const [[sends, receives], [theySend, theyReceive]] = [flows(browser.direction), flows(rust.direction)];
    const wanted = directionOf(sends && theyReceive, receives && theySend);
    if (browser.currentDirection !== wanted || rust.currentDirection !== REVERSED[wanted]) {
      const words = [browser, rust].map(({ direction, currentDirection }) => `${direction} (now ${currentDirection})`);
      return `the browser is ${words[0]}, the Rust peer ${words[1]}`;
    }
    const name = ({ mimeType }) => mimeType.split('/')[1].toLowerCase();
    if (flows(wanted)[0]) {
      const known = new Map(rust.receiveCodecs.map((codec) => [codec.payloadType, codec.name.toLowerCase()]));
      // The parameters also name codecs of the other side's description that this side lacks.
      const here = formats(localDescription, browser.mid);
      const codecs = browser.sender.getParameters().codecs.filter(({ payloadType }) => here.has(payloadType));
      if (codecs.length === 0) return 'the browser sends without a codec';
      const strange = codecs.find((codec) => known.get(codec.payloadType) !== name(codec));
      if (strange) return `the browser may send ${name(strange)} as ${strange.payloadType}, the Rust peer knows ${[...known]}`;
    }
    if (flows(wanted)[1]) {
      const { codecs } = browser.receiver.getParameters();
      const known = new Map(codecs.map((codec) => [codec.payloadType, name(codec)]));
      if (rust.sendCodecs.length === 0) return 'the Rust peer sends without a codec';
      const strange = rust.sendCodecs.find((codec) => known.get(codec.payloadType) !== codec.name.toLowerCase());
      if (strange) return `the Rust peer may send ${strange.name} as ${strange.payloadType}, the browser knows ${[...known]}`;
    }
    return null;
  }

  function directionOf(sends, receives) {
    if (sends) return receives ? 'sendrecv' : 'sendonly';
    return receives ? 'recvonly' : 'inactive';
  }

  /** The payload types of a section. */
  function formats(sdp, mid) {
    const section = sdp.split(/^m=/m).find((part) => part.split('\r\n').includes(`a=mid:${mid}`)) ?? '';
    return new Set(section.split('\r\n', 1)[0].split(' ').slice(3).map(Number));
  }

  /** The sections of a description: kind and mid of each, in order, rejected ones marked. */
  function sections(sdp) {
    if (!sdp) return '';
    const parts = sdp.split(/^m=/m).slice(1);
    const section = (part) => {
      const [, kind, port] = /^(\w+) (\d+)/.exec(part);
      const rejected = port === '0' && !part.includes('a=bundle-only');
      return `${kind} ${/^a=mid:(\S+)/m.exec(part)?.[1]}${rejected ? ' rejected' : ''}`;
    };
    return parts.map(section).join(', ');
  }

  Object.assign(globalThis.duologue, { sequence, disagreement, sections });
}
