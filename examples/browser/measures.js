// What the plots of the media page show, out of statistics in the W3C's names: the browser's own and the Rust peer's.

const MINUTE = 60_000;

export class Measures {
  constructor() {
    this.series = { page: [], rust: [] };
    this.totals = {};
    this.sent = 'Nothing yet.';
    this.received = 'Nothing yet.';
  }

  /** Adds both sides' entries as they are `at` a time, in milliseconds. */
  add(at, mine, theirs) {
    this.addSide('page', at, mine);
    this.addSide('rust', at, theirs.entries);
    this.sent = tracks(mine, 'outbound-rtp', ({ rid }) => (rid ? `${rid} ` : ''));
    this.received = tracks(mine, 'inbound-rtp', () => '');
  }

  addSide(side, at, entries) {
    const totals = sums(entries, at);
    const before = this.totals[side];
    this.totals[side] = totals;
    if (!before) return;
    const lost = Math.max(0, totals.lost - before.lost);
    const packets = totals.packets - before.packets + lost;
    this.series[side].push({
      at,
      bitrate: (8000 * Math.max(0, totals.bytes - before.bytes)) / (at - before.at),
      loss: packets > 0 ? lost / packets : NaN,
      roundTrip: totals.roundTrip,
      jitter: totals.jitter,
    });
    while (this.series[side][0].at < at - MINUTE) this.series[side].shift();
  }
}

function sums(entries, at) {
  const inbound = entries.filter(({ type }) => type === 'inbound-rtp');
  const sum = (name) => inbound.reduce((total, entry) => total + (entry[name] ?? 0), 0);
  const roundTrips = entries.flatMap((entry) => (entry.type === 'remote-inbound-rtp' ? [entry.roundTripTime ?? []].flat() : []));
  const jitters = inbound.flatMap(({ kind, jitter }) => (kind === 'video' ? [jitter ?? []].flat() : []));
  return {
    at,
    bytes: sum('bytesReceived') + sum('headerBytesReceived'),
    packets: sum('packetsReceived'),
    lost: sum('packetsLost'),
    roundTrip: roundTrips.length > 0 ? Math.max(...roundTrips) : NaN,
    jitter: jitters.length > 0 ? Math.max(...jitters) : NaN,
  };
}

/** The browser's streams in one line. */
function tracks(entries, type, name) {
  const codec = ({ codecId }) => entries.find(({ id }) => id === codecId)?.mimeType.split('/')[1] ?? '';
  const streams = entries.filter((entry) => entry.type === type);
  streams.sort((one, other) => one.kind.localeCompare(other.kind) || (one.encodingIndex ?? 0) - (other.encodingIndex ?? 0));
  const parts = streams.map((entry) => {
    const size = entry.frameWidth ? ` ${entry.frameWidth}x${entry.frameHeight}` : '';
    const pace = entry.framesPerSecond ? ` at ${entry.framesPerSecond} frames a second` : '';
    return `${name(entry)}${codec(entry)}${size}${pace}`;
  });
  return parts.filter(Boolean).join(', ') || 'Nothing yet.';
}
