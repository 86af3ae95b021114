// A Chromium with no WebRTC flag at all: loopback is not allowed, and the server is reached over a veth pair between two
// network namespaces. DUOLOGUE_CANDIDATES says what it can signal there: "names" the server cannot resolve (mDNS), or
// "none", when it has no default route. Either way the server learns its address from its checks.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startChromium } from './chromium.mjs';
import { startServer } from './server.mjs';

const named = process.env.DUOLOGUE_CANDIDATES === 'names';
const candidates = named ? 'mDNS candidates, which the server cannot resolve' : 'no candidate at all';
let server;
let browser;

before(async () => {
  assert.ok(process.env.DUOLOGUE_SERVER_NAMESPACE, 'DUOLOGUE_SERVER_NAMESPACE names where the server runs');
  [server, browser] = await Promise.all([startServer('veth'), startChromium({ loopback: false })]);
});
after(async () => {
  await browser?.close();
  await server?.interrupt();
});

for (const role of ['offerer', 'answerer']) {
  test(`without flags, as ${role}, with ${candidates}: connects through a peer-reflexive one and echoes`, async () => {
    const page = await browser.openHarness(server);
    const seen = await page.evaluate(async (role) => {
      const peer = await duologue.connect(role);
      const line = peer.open('veth');
      const echoes = [];
      for (const payload of ['text', '', new Uint8Array(), duologue.randomBytes(262_144)]) {
        echoes.push(await line.echo(payload));
      }
      const { remote } = peer.pc.sctp.transport.iceTransport.getSelectedCandidatePair();
      return { sent: peer.sent.sdp, remote: remote.address, secure: isSecureContext, echoes };
    }, role);
    const signalled = seen.sent.match(/^a=candidate:.*$/gm) ?? [];
    assert.equal(signalled.length > 0, named, `candidates: ${signalled}`);
    for (const candidate of signalled) assert.match(candidate, / [0-9a-f-]+\.local \d+ typ host/);
    assert.equal(seen.remote, process.env.DUOLOGUE_HOST);
    assert.equal(seen.secure, false);
    for (const echo of seen.echoes) assert.equal(echo.equal, true);
    await page.context().close();
  });
}

test('without flags, the page works although its context is not a secure one', async () => {
  const page = await browser.playwright.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(server.url);
  await page.locator('#status', { hasText: /^Connected$/ }).waitFor({ timeout: 15_000 });
  await page.getByRole('textbox', { name: 'Message' }).fill('over veth');
  await page.keyboard.press('Enter');
  await page.locator('.bubble.theirs', { hasText: 'over veth' }).waitFor();
  await page.locator('#files').setInputFiles({ name: 'a.bin', mimeType: 'application/octet-stream', buffer: Buffer.from('abc') });
  const hash = page.locator('.transfer code');
  await hash.filter({ hasText: 'SHA-256' }).waitFor();
  const ofAbc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  assert.equal(await hash.textContent(), `SHA-256 ${ofAbc}`);
  assert.deepEqual(errors, []);
  await page.context().close();
});
