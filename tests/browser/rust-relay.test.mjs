// The browser example with relayed candidates alone, through coturn and through our own TURN server; Chromium direct or
// relayed too.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { startChromium } from './chromium.mjs';
import { startServer } from './server.mjs';
import { startCoturn, startTurnServer, turnUrl } from './turn-servers.mjs';

const HOST = '127.0.0.1';
const [USER, PASSWORD] = ['user', 'correct horse'];
const [COTURN, OURS] = [3478, 3482];
const CASES = [
  { name: 'coturn', port: COTURN, transport: 'udp', media: true },
  { name: 'coturn', port: COTURN, transport: 'tcp' },
  { name: 'coturn', port: COTURN, transport: 'tls', media: true },
  { name: 'turn_server', port: OURS, transport: 'udp' },
  { name: 'turn_server', port: OURS, transport: 'tcp' },
];
const SCRIPTS = ['in-page-negotiation.js', 'in-page-sequences.js', 'in-page-media.js', 'in-page-traffic.js'];

/** The certificate of an authority, and with its key one for HOST. */
async function makeCertificates(folder) {
  const openssl = (...args) => promisify(execFile)('openssl', args, { cwd: folder });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl('req', '-x509', ...key, '-keyout', 'ca-key.pem', '-subj', '/CN=authority', '-days', '2', '-out', 'ca.pem');
  await openssl('req', ...key, '-keyout', 'key.pem', '-subj', '/CN=turn', '-out', 'request.pem');
  await writeFile(join(folder, 'extensions'), `basicConstraints=CA:FALSE\nsubjectAltName=IP:${HOST}\n`);
  const signer = ['-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial', '-extfile', 'extensions'];
  await openssl('x509', '-req', '-in', 'request.pem', ...signer, '-days', '2', '-out', 'cert.pem');
  return { ca: join(folder, 'ca.pem'), cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
}

/** The example's arguments for a server. */
function turn({ port, transport }, password = PASSWORD) {
  return ['--turn', `${turnUrl(HOST, port, transport)},${USER},${password}`];
}

/** Where a server is, as the example tells it. */
function authority({ port, transport }) {
  return `${HOST}:${transport === 'tls' ? port + 1 : port}`;
}

describe('the Rust peer', () => {
  const started = [];
  let folder;
  let certificates;
  let browser;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'duologue-rust-relay-'));
    certificates = await makeCertificates(folder);
    const common = { addresses: [HOST], folder, certificate: certificates };
    const users = `--user=${USER}:${PASSWORD}`;
    started.push(await startCoturn('rust-coturn', { ...common, port: COTURN, args: ['--lt-cred-mech', users, '--allow-loopback-peers'] }));
    started.push(await startTurnServer('rust-turn_server', { addresses: [HOST], port: OURS, args: [users, '--allow', '127.0.0.0/8'] }));
    browser = await startChromium({ devices: true });
  });
  after(async () => {
    await browser?.close();
    await Promise.all(started.map((program) => program.kill()));
    await rm(folder, { recursive: true, force: true });
  });

  async function open(name, args) {
    const server = await startServer(name, [...args, '--ca', certificates.ca]);
    started.push(server);
    return { server, page: await browser.openHarness(server, SCRIPTS) };
  }

  const call = async ({ role, config }) => {
    const peer = await duologue.connect(role, {}, config);
    const line = peer.open('data');
    const moved = await duologue.transfer(line, 1 << 19, 16_384);
    const pair = await duologue.selectedPair(peer.pc);
    const { entries } = await duologue.api('GET', `/stats?id=${peer.id}`);
    peer.pc.close();
    return { hashes: [moved.sent, moved.received], got: peer.got.sdp, pair, ours: entries.find(({ type }) => type === 'candidate-pair') };
  };

  for (const one of CASES) {
    const { name, port, transport, media } = one;
    test(`is relayed by ${name} over ${transport}`, async (t) => {
      const { page } = await open(`relay-${port}-${transport}`, [...turn(one), '--relay-only']);
      const iceServers = [{ urls: [turnUrl(HOST, port, 'udp')], username: USER, credential: PASSWORD }];
      for (const config of [{}, { iceTransportPolicy: 'relay', iceServers }]) {
        for (const role of ['offerer', 'answerer']) {
          const { hashes, got, pair, ours } = await page.evaluate(call, { role, config });
          assert.equal(hashes[1], hashes[0]);
          const candidates = got.match(/^a=candidate:.*$/gm);
          for (const candidate of candidates) assert.match(candidate, / typ relay /);
          assert.deepEqual([ours.protocol, ours.remote], [transport, authority(one)]);
          assert.equal(pair.local.candidateType === 'relay', config.iceTransportPolicy === 'relay');
        }
      }
      if (media) {
        const { inbound } = await page.evaluate(async () => {
          const call = await duologue.MediaCall.start({ role: 'offerer', video: 'VP8', audio: 'opus', returns: 'packets' });
          const stats = await call.statsWhere(
            ({ inbound: { video, audio } }) => video?.framesDecoded > 20 && audio?.totalAudioEnergy > 0,
            'pictures and sound',
          );
          await call.end();
          duologue.clearScreens();
          return stats;
        });
        t.diagnostic(`${inbound.video.framesDecoded} frames decoded, ${inbound.video.packetsReceived} packets`);
      }
      await page.context().close();
    });
  }

  test('tells of a wrong password, and calls without the server', async () => {
    const one = CASES[0];
    const { server, page } = await open('wrong-password', turn(one, 'wrong'));
    const { hashes, ours } = await page.evaluate(call, { role: 'answerer', config: {} });
    assert.equal(hashes[1], hashes[0]);
    assert.notEqual(ours.remote, authority(one));
    assert.match(server.output, new RegExp(`icecandidateerror 401 from \\S+ to ${authority(one)}: `));
    await page.context().close();
  });

  test('does not speak TLS with a server whose certificate nobody vouches for', async () => {
    const one = CASES[2];
    const server = await startServer('untrusted', turn(one));
    started.push(server);
    const page = await browser.openHarness(server, SCRIPTS);
    const { hashes, ours } = await page.evaluate(call, { role: 'offerer', config: {} });
    assert.equal(hashes[1], hashes[0]);
    assert.equal(ours.protocol, 'udp');
    assert.match(server.output, new RegExp(`TLS to ${authority(one)}: `));
    assert.match(server.output, new RegExp(`icecandidateerror 701 from \\S+ to ${authority(one)}: `));
    await page.context().close();
  });
});
