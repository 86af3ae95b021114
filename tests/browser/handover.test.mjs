// Calls of Chromium whose ways change while sound, pictures and data flow: ICE restarts, and an interface that is lost.
// The browser has two interfaces, each a veth pair into the namespace of the Rust peer.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { get } from 'node:http';
import { networkInterfaces } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChromium } from './chromium.mjs';
import { startServer } from './server.mjs';

const ROLES = ['offerer', 'answerer'];
const SCRIPTS = ['in-page-negotiation.js', 'in-page-sequences.js', 'in-page-media.js', 'in-page-traffic.js', 'in-page-calls.js'];
/** How long anything may stand still during a restart, in milliseconds: there is a way all the time. */
const LONGEST_RESTART = 1500;
/**
 * How long media, and data, may stand still when an interface is lost, in milliseconds, by the role of the page. Chromium
 * takes some 3.5 s to leave it, and SCTP waits longer from one attempt to the next; the Rust peer needs half a second.
 */
const LONGEST_GAPS = {
  offerer: { audio: 8000, video: 8000, reliable: 14_000, unreliable: 14_000 },
  answerer: { audio: 3000, video: 3000, reliable: 6000, unreliable: 6000 },
};

let server;
let browser;

before(async () => {
  assert.ok(process.env.DUOLOGUE_SERVER_NAMESPACE, 'this runs in the namespaces of .ci/browser');
  const interfaces = Object.values(networkInterfaces()).flat().filter(({ internal, family }) => !internal && family === 'IPv4');
  assert.equal(interfaces.length, 2, 'the browser has two interfaces');
  // With camera rights, which take a secure page, Chromium uses every interface; without, that of the default route.
  const further = [`--unsafely-treat-insecure-origin-as-secure=http://${process.env.DUOLOGUE_HOST}:8080`];
  [server, browser] = await Promise.all([startServer('handover'), startChromium({ loopback: false, devices: true, further })]);
});
after(async () => {
  await browser?.close();
  await server?.interrupt();
});

describe('ICE restarts in the middle of a call', () => {
  const CASES = ROLES.flatMap((role) => ['the page', 'the Rust peer'].map((side) => ({ role, side })));
  let outcomes;

  before(async () => {
    const page = await browser.openHarness(server, SCRIPTS);
    outcomes = await page.evaluate((cases) => {
      const run = async ({ role, side }) => {
        const flowing = await duologue.FlowingCall.start({ role });
        const { pair } = flowing.call;
        const before = { ufrags: flowing.ufrags(), way: await flowing.way(), lost: await flowing.packetsLost() };
        const start = performance.now();
        if (side === 'the page') {
          flowing.pc.restartIce();
          await pair.negotiator.offer();
        } else {
          await pair.rust({ do: 'restartIce' });
          await pair.rust({ do: 'offer' });
        }
        await pair.agreed(() => flowing.ufrags().every((ufrag, i) => ufrag !== before.ufrags[i]));
        await flowing.wayWhere(({ local }) => local?.usernameFragment === flowing.ufrags()[0]);
        const restarted = performance.now() - start;
        await flowing.flows();
        const gaps = flowing.gaps(start);
        const after = { way: await flowing.way(), lost: await flowing.packetsLost() };
        const told = await flowing.stop();
        await flowing.end();
        return { before, after, restarted, gaps, ...told };
      };
      return Promise.all(cases.map((one) => run(one).catch(({ message }) => ({ error: message }))));
    }, CASES);
    await page.context().close();
  });

  for (const [i, { role, side }] of CASES.entries()) {
    test(`begun by ${side}, Chromium as ${role}: the call goes on, and nothing reliable is lost`, (t) => {
      const { error, before, after, restarted, gaps, reliable, unreliable, fell } = outcomes[i];
      assert.equal(error, undefined);
      assert.notEqual(after.way.local.usernameFragment, before.way.local.usernameFragment);
      checkTraffic(reliable);
      // What no one sends again may get lost on a busy machine, but not while a new way is sought.
      assert.ok(unreliable.missing.length < unreliable.sent / 10, `${unreliable.missing} of ${unreliable.sent}`);
      for (const [kind, gap] of Object.entries(gaps)) assert.ok(gap < LONGEST_RESTART, `${kind} stood still for ${gap} ms`);
      assert.deepEqual(fell, [], 'the connection was never lost');
      const lost = Object.keys(after.lost).map((kind) => `${after.lost[kind] - before.lost[kind]} of ${kind}`);
      t.diagnostic(`on the new way after ${restarted.toFixed(0)} ms; longest gaps ${show(gaps)}`);
      t.diagnostic(`lost: none of ${reliable.sent} messages, ${unreliable.missing.length} that are not repeated, packets ${lost.join(', ')}`);
    });
  }
});

describe('an interface of the browser is lost in the middle of a call', () => {
  let page;
  let outcomes;

  before(async () => {
    page = await browser.openHarness(server, SCRIPTS);
    await page.evaluate(async (roles) => {
      const start = async (role) => [role, await duologue.FlowingCall.start({ role })];
      globalThis.calls = Object.fromEntries(await Promise.all(roles.map(start)));
      await Promise.all(Object.values(calls).map((call) => call.flows()));
    }, ROLES);
    const first = await ofEach((call) => call.way());
    const names = new Set(ROLES.map((role) => nameOf(first[role].local.address)));
    assert.equal(names.size, 1, 'both calls leave by the same interface');
    const lost = new Interface([...names][0]);
    const gaps = await gapsAfter(() => lost.takeAway());
    const moved = await agreed();
    const back = await gapsAfter(() => lost.giveBack());
    const told = await ofEach((call) => call.stop());
    const outcome = (role) => ({ name: lost.name, first: first[role], gaps: gaps[role], moved: moved[role], back: back[role], ...told[role] });
    outcomes = Object.fromEntries(ROLES.map((role) => [role, outcome(role)]));
    await page.context().close();
  });

  for (const role of ROLES) {
    test(`the call goes on by the other one, Chromium ${role === 'offerer' ? 'controlling' : 'controlled'}`, (t) => {
      const { name, first, gaps, moved, back, reliable, unreliable } = outcomes[role];
      assert.equal(first.iceRole, role === 'offerer' ? 'controlling' : 'controlled');
      assert.notEqual(moved.local.address, first.local.address);
      checkTraffic(reliable);
      assert.ok(unreliable.missing.length > 0, 'what is not sent again was lost');
      for (const [kind, gap] of Object.entries(gaps)) assert.ok(gap < LONGEST_GAPS[role][kind], `${kind} stood still for ${gap} ms`);
      for (const [kind, gap] of Object.entries(back)) assert.ok(gap < 1000, `${kind} stood still for ${gap} ms when the interface was back`);
      t.diagnostic(`${name} lost: longest gaps ${show(gaps)}; ${reliable.sent} messages, all of them came`);
      t.diagnostic(`${name} back: longest gaps ${show(back)}`);
    });
  }

  /** What a function of the page tells of each call, by the role. */
  function ofEach(ask) {
    const each = `Promise.all(Object.entries(calls).map(async ([role, call]) => [role, await (${ask})(call)])).then(Object.fromEntries)`;
    return page.evaluate(each);
  }

  /** The longest gaps after something happened, until everything has flowed again for two seconds. */
  async function gapsAfter(happens) {
    await page.evaluate(() => (globalThis.then = performance.now()));
    happens();
    await ofEach(async (call) => {
      await call.flows();
      await new Promise((resolve) => setTimeout(resolve, 2000));
      await call.flows();
    });
    return ofEach((call) => call.gaps(globalThis.then));
  }

  /** The browser's ways once the Rust peer sends by the same ones. */
  async function agreed() {
    const deadline = performance.now() + 5000;
    for (;;) {
      const ways = await ofEach(async (call) => ({ id: call.call.id, ...(await call.way()) }));
      const pairs = await Promise.all(ROLES.map((role) => rustPair(ways[role].id)));
      const same = ({ local, remote }, ours) => ours.remote === authority(local) && ours.local === authority(remote);
      if (ROLES.every((role, i) => same(ways[role], pairs[i]))) return ways;
      if (performance.now() > deadline) throw new Error(`the Rust peer does not follow: ${JSON.stringify([ways, pairs])}`);
      await sleep(100);
    }
  }
});

function checkTraffic({ sent, missing, repeated }) {
  assert.ok(sent > 20, `${sent} messages`);
  assert.deepEqual({ missing, repeated }, { missing: [], repeated: 0 });
}

function show(gaps) {
  return Object.entries(gaps).map(([kind, gap]) => `${kind} ${gap.toFixed(0)} ms`).join(', ');
}

function authority({ address, port }) {
  return `${address}:${port}`;
}

/** The pair that the Rust peer sends on; asked over a connection of its own, as older ones may have lost their interface. */
async function rustPair(id) {
  const text = await new Promise((resolve, reject) => {
    const request = get(`${server.url}/stats?id=${id}`, { agent: false }, (reply) => {
      let text = '';
      reply.setEncoding('utf8').on('data', (part) => (text += part)).on('end', () => resolve(text));
    });
    request.on('error', reject);
  });
  return JSON.parse(text).entries.find(({ type }) => type === 'candidate-pair') ?? {};
}

function nameOf(address) {
  return Object.entries(networkInterfaces()).find(([, all]) => all.some((one) => one.address === address))[0];
}

/** An interface that goes and comes with its address and its routes, as a network does when someone walks away. */
class Interface {
  constructor(name) {
    this.name = name;
    this.addresses = networkInterfaces()[name].filter(({ family }) => family === 'IPv4').map(({ cidr }) => cidr);
    this.routes = JSON.parse(ip('-json', 'route', 'show', 'default', 'dev', name));
  }

  takeAway() {
    ip('address', 'flush', 'dev', this.name);
    ip('link', 'set', this.name, 'down');
  }

  giveBack() {
    ip('link', 'set', this.name, 'up');
    for (const address of this.addresses) ip('address', 'add', address, 'dev', this.name);
    for (const { gateway, metric } of this.routes) {
      ip('route', 'add', 'default', 'via', gateway, 'dev', this.name, 'metric', String(metric));
    }
  }
}

function ip(...args) {
  return execFileSync('ip', args, { encoding: 'utf8' });
}
