// Chromium that may use relayed candidates alone, through coturn and through our own TURN server, to the browser example.
// It reaches both over a veth pair between two network namespaces.
//
// DUOLOGUE_HOST_IPV6  the second address of the server's namespace
//
// The certificate of coturn is its own word; Chromium takes it by `--ignore-certificate-errors-spki-list`, which its TLS
// to TURN servers obeys too.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startChromium } from './chromium.mjs';
import { startLifetimeProxy } from './lifetime-proxy.mjs';
import { startServer } from './server.mjs';
import { makeCertificate, restUser, startCoturn, startTurnServer, turnUrl } from './turn-servers.mjs';

const [HOST, HOST_IPV6] = [process.env.DUOLOGUE_HOST, process.env.DUOLOGUE_HOST_IPV6];
const HERE = Object.values(networkInterfaces()).flat().find(({ internal, family }) => !internal && family === 'IPv4')?.address;
const ROLES = ['offerer', 'answerer'];
const SECRET = 'north';
const PASSWORD = 'correct horse';
/** Of an allocation at coturn, in seconds: Chromium refreshes it after half of that. */
const LIFETIME = 4;
/** How long data pass at least when more than two lifetimes have to go by, when the first refresh has to, and otherwise. */
const [LONG, MEDIUM, SHORT] = [2 * LIFETIME * 1000 + 1500, LIFETIME * 1000 - 500, 0];

/** Every call, with the URL, its user, the address that the relayed one has to be on, and how long data pass. */
const CALLS = [
  ...calls({ name: 'coturn', port: 3478, transports: ['udp', 'tcp', 'tls'], milliseconds: MEDIUM }),
  ...calls({ name: 'coturn that is asked for a lifetime', address: HERE, port: 3484, transports: ['udp'], milliseconds: LONG }),
  ...calls({ name: 'coturn', port: 3480, transports: ['udp', 'tcp', 'tls'], secret: true, address: HOST_IPV6, relayed: HOST_IPV6 }),
  ...calls({ name: 'turn_server', port: 3482, transports: ['udp', 'tcp'] }),
  ...calls({ name: 'turn_server', port: 3482, transports: ['udp', 'tcp'], secret: true, address: HOST_IPV6 }),
];

function calls({ name, port, transports, secret = false, address = HOST, relayed = HOST, milliseconds = SHORT }) {
  return transports.flatMap((transport) =>
    ROLES.map((role) => {
      const url = turnUrl(address, port, transport);
      return { name, transport, role, url, user: `${port}-${transport}-${role}`, secret, relayed, milliseconds };
    }),
  );
}

/** What RTCPeerConnection is to be told. */
function relayOnly({ url, user, secret }) {
  const { username, credential } = secret ? restUser(user, SECRET) : { username: user, credential: PASSWORD };
  return { iceTransportPolicy: 'relay', iceServers: [{ urls: [url], username, credential }] };
}

let folder;
let servers;
let coturn;
let proxy;
let browser;
let page;

before(async () => {
  assert.ok(process.env.DUOLOGUE_SERVER_NAMESPACE && HOST && HOST_IPV6, 'this runs in the namespaces of .ci/browser');
  folder = await mkdtemp(join(tmpdir(), 'duologue-turn-'));
  const certificate = await makeCertificate(folder, HOST);
  const addresses = [HOST, HOST_IPV6];
  const users = [...new Set(CALLS.map(({ user }) => user))].map((user) => `--user=${user}:${PASSWORD}`);
  const short = [`--max-allocate-lifetime=${LIFETIME}`, '--stale-nonce=1'];
  const shared = ['--use-auth-secret', `--static-auth-secret=${SECRET}`, '--allocation-default-address-family=keep'];
  const common = { addresses, folder, certificate };
  const origin = `http://${HOST}:8080`; // whose page may use a camera although it is not a secure one
  const further = [`--ignore-certificate-errors-spki-list=${certificate.spki}`, `--unsafely-treat-insecure-origin-as-secure=${origin}`];
  const started = await Promise.allSettled([
    startServer('turn'),
    startCoturn('coturn-users', { ...common, port: 3478, args: ['--lt-cred-mech', ...users, ...short] }),
    startCoturn('coturn-secret', { ...common, port: 3480, args: shared }),
    startTurnServer('turn_server', { addresses, port: 3482, args: [...users, `--secret=${SECRET}`] }),
    startChromium({ loopback: false, devices: true, further }),
  ]);
  servers = started.slice(0, 4).map(({ value }) => value);
  browser = started[4].value;
  for (const { reason } of started) if (reason) throw reason;
  coturn = servers[1];
  proxy = await startLifetimeProxy({ address: HERE, port: 3484, server: { address: HOST, port: 3478 }, password: PASSWORD });
  const scripts = ['in-page-negotiation.js', 'in-page-sequences.js', 'in-page-media.js', 'in-page-traffic.js'];
  page = await browser.openHarness(servers[0], scripts);
});
after(async () => {
  await browser?.close();
  proxy?.close();
  await Promise.all((servers ?? []).map((server) => server?.kill()));
  await rm(folder, { recursive: true, force: true });
});

describe('data through a relayed candidate', () => {
  let outcomes;

  before(async () => {
    // The long ones at once, as they mostly wait, and the short ones meanwhile.
    const wanted = CALLS.map((call) => ({ ...call, config: relayOnly(call) }));
    outcomes = await page.evaluate(async ({ wanted, least }) => {
      const run = async ({ role, config, milliseconds }) => {
        const start = performance.now();
        const peer = await duologue.connect(role, {}, config);
        const connected = performance.now() - start;
        const lines = { reliable: peer.open('reliable'), unreliable: peer.open('unreliable', { ordered: false, maxRetransmits: 0 }) };
        const theirs = role === 'offerer' ? 'first' : 'from-sut';
        await duologue.until(peer.pc, 'datachannel', () => peer.lines.has(theirs), `the channel "${theirs}"`);
        const echo = await peer.lines.get(theirs).echo(duologue.randomBytes(10_000));
        const traffic = {};
        for (const [name, line] of Object.entries(lines)) {
          await line.opened;
          traffic[name] = new duologue.Traffic(line.channel, 40);
        }
        await Promise.all([traffic.reliable.goesOn(12), new Promise((resolve) => setTimeout(resolve, milliseconds))]);
        const told = {};
        for (const name of Object.keys(lines)) told[name] = await traffic[name].stop(5000);
        const pair = await duologue.selectedPair(peer.pc);
        const { entries } = await duologue.api('GET', `/stats?id=${peer.id}`);
        return { connected, echo, told, pair, candidates: peer.sent.sdp.match(/^a=candidate:.*$/gm), entries };
      };
      const outcomes = [];
      const keep = (i) => run(wanted[i]).catch(({ message }) => ({ error: message })).then((outcome) => (outcomes[i] = outcome));
      const short = [];
      const long = [];
      for (const [i, { milliseconds }] of wanted.entries()) (milliseconds > least ? long : short).push(i);
      const lane = async () => {
        for (let i; (i = short.shift()) !== undefined; ) await keep(i);
      };
      await Promise.all([...long.map(keep), lane(), lane()]);
      return outcomes;
    }, { wanted, least: SHORT });
  });

  for (const [i, { name, transport, role, url, user, secret, relayed, milliseconds }] of CALLS.entries()) {
    test(`${name}, ${url}, with ${secret ? 'a shared secret' : 'a password'}, Chromium as ${role}`, (t) => {
      const { error, connected, echo, told, pair, candidates, entries } = outcomes[i];
      assert.equal(error, undefined);
      assert.equal(echo.equal, true);
      for (const candidate of candidates) assert.match(candidate, / typ relay /);
      const { candidateType, relayProtocol, address, port } = pair.local;
      assert.deepEqual([candidateType, relayProtocol, pair.local.url, address], ['relay', transport, url, relayed]);
      assert.equal(pair.iceRole, role === 'offerer' ? 'controlling' : 'controlled');
      const ours = entries.find(({ type }) => type === 'candidate-pair');
      assert.equal(ours.remote, address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`, 'where the Rust peer sends');
      const { reliable, unreliable } = told;
      assert.deepEqual([reliable.missing, reliable.repeated, reliable.inOrder], [[], 0, true]);
      // What no one sends again may get lost on a busy machine, but not while an allocation is refreshed.
      assert.ok(unreliable.missing.length <= 2, `${unreliable.missing} of ${unreliable.sent}`);
      const { sent, missing, longestGap } = unreliable;
      t.diagnostic(`connected after ${connected.toFixed(0)} ms; ${missing.length} of ${sent} messages lost, ${longestGap.toFixed(0)} ms at most between two`);
      if (milliseconds === LONG) checkRefreshes(t, user, LIFETIME, 3);
      if (milliseconds === MEDIUM) checkRefreshes(t, user, 600, 1);
    });
  }

  /** What coturn tells of a user's allocations: they were there all the time, refreshed at least `least` times each. */
  function checkRefreshes(t, user, lifetime, least) {
    const lines = coturn.output.split('\n').filter((line) => line.includes(`<${user}>`));
    const sessions = new Set(lines.filter((line) => line.includes(': new, ')).map((line) => /session (\d+):/.exec(line)[1]));
    assert.ok(sessions.size > 0);
    for (const session of sessions) {
      const count = (pattern) => lines.filter((line) => line.includes(`session ${session}: `) && pattern.test(line)).length;
      assert.equal(count(/: (closed|delete)/), 0, `allocation ${session} was there until the end`);
      const [refreshes, stale] = [count(new RegExp(`: refreshed, .*lifetime=${lifetime}(,|$)`)), count(/error 438: Stale nonce$/)];
      assert.ok(refreshes >= least && stale >= least, `${refreshes} refreshes, ${stale} stale nonces`);
      t.diagnostic(`allocation ${session}: ${refreshes} refreshes, ${stale} requests refused for a stale nonce`);
    }
  }
});

for (const [role, transport] of [['offerer', 'udp'], ['answerer', 'tls']]) {
  test(`sound and pictures through coturn over ${transport}, Chromium as ${role}`, async (t) => {
    const call = CALLS.find((one) => one.role === role && one.transport === transport);
    const { inbound, pair } = await page.evaluate(
      async ({ role, config }) => {
        const call = await duologue.MediaCall.start({ role, video: 'VP8', audio: 'opus', returns: 'packets', config });
        const { inbound } = await call.statsWhere(
          ({ inbound: { video, audio } }) => video?.framesDecoded > 40 && audio?.totalAudioEnergy > 0,
          'pictures and sound',
        );
        const pair = await duologue.selectedPair(call.pc);
        await call.end();
        duologue.clearScreens();
        return { inbound, pair };
      },
      { role, config: relayOnly(call) },
    );
    const { candidateType, relayProtocol, url } = pair.local;
    assert.deepEqual([candidateType, relayProtocol, url], ['relay', transport, call.url]);
    assert.ok(inbound.video.packetsLost < inbound.video.packetsReceived / 10);
    t.diagnostic(`${inbound.video.framesDecoded} frames decoded, ${inbound.video.packetsReceived} packets`);
  });
}

for (const { name, url, user } of [CALLS[0], CALLS.find((one) => one.name === 'turn_server')]) {
  test(`${name} refuses a wrong password, and Chromium tells so`, async () => {
    const iceServers = [{ urls: [url], username: user, credential: 'wrong' }];
    const { candidates, errors } = await page.evaluate(async (config) => {
      const pc = new RTCPeerConnection(config);
      const errors = [];
      pc.addEventListener('icecandidateerror', ({ errorCode, url }) => errors.push({ errorCode, url }));
      pc.createDataChannel('none');
      await pc.setLocalDescription();
      await duologue.until(pc, 'icegatheringstatechange', () => pc.iceGatheringState === 'complete', 'gathering');
      const candidates = pc.localDescription.sdp.match(/^a=candidate:.*$/gm) ?? [];
      pc.close();
      return { candidates, errors };
    }, { iceTransportPolicy: 'relay', iceServers });
    assert.deepEqual(candidates, []);
    assert.ok(errors.length > 0);
    for (const error of errors) assert.deepEqual(error, { errorCode: 401, url });
  });
}
