// Feedback on arrivals by source (RFC 8888) both ways, with a Chromium that has it switched on.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startChromium } from './chromium.mjs';
import { startServer } from './server.mjs';

const TRIAL = '--force-fieldtrials=WebRTC-RFC8888CongestionControlFeedback/Enabled,offer:true/';
/** Bits per second: Chromium begins with 300,000, and goes on with them as long as nothing is told of what arrives. */
const RISEN = 600_000;
const ROLES = ['offerer', 'answerer'];

let server;
let browser;
let outcomes;

before(async () => {
  [server, browser] = await Promise.all([
    startServer('feedback'),
    startChromium({ devices: true, further: [TRIAL] }),
  ]);
  const page = await browser.openHarness(server, ['in-page-negotiation.js', 'in-page-sequences.js', 'in-page-media.js']);
  outcomes = await page.evaluate(
    async ({ roles, risen }) => {
      const run = async (role) => {
        const wish = { role, video: 'VP8', audio: 'opus', returns: 'packets', size: '640x360' };
        const call = await duologue.MediaCall.start(wish);
        const video = ({ outbound }) => outbound.find(({ kind }) => kind === 'video');
        const enough = (stats) => stats.inbound.video?.framesDecoded > 60 && video(stats)?.targetBitrate > risen;
        const { inbound, outbound, transport } = await call.statsWhere(enough, `pictures at ${risen} bit/s`, 10_000);
        const answer = role === 'offerer' ? call.pc.remoteDescription.sdp : call.pc.localDescription.sdp;
        const { feedback } = await call.rustStats();
        await call.end();
        return { role, inbound, target: video({ outbound }).targetBitrate, transport, feedback, answer };
      };
      return Promise.all(roles.map(run));
    },
    { roles: ROLES, risen: RISEN },
  );
});
after(async () => {
  await browser?.close();
  await server?.interrupt();
});

for (const [i, role] of ROLES.entries()) {
  test(`Chromium as ${role} and we tell each other what arrives`, (t) => {
    const { inbound, target, transport, feedback, answer } = outcomes[i];
    t.diagnostic(`${target} bit/s after ${transport.ccfbMessagesReceived} reports; ${JSON.stringify(feedback)}`);
    assert.match(answer, /^a=rtcp-fb:\S+ ack ccfb/m);
    assert.doesNotMatch(answer, /transport-cc|transport-wide/);
    assert.ok(transport.ccfbMessagesReceived > 10, 'Chromium has taken our reports');
    assert.ok(target > RISEN, 'and sends more than at first');
    const { sent, received, lost } = feedback;
    assert.ok(inbound.video.framesDecoded > 60);
    assert.ok(feedback.ccfbMessagesReceived > 10, 'we have taken reports of Chromium');
    assert.ok(sent > 150 && received > 0.8 * sent && lost < 0.05 * sent, 'which tell of what we have sent');
    assert.equal(feedback.neverSent, 0, 'and of nothing else');
    assert.deepEqual([feedback.transportFeedbackSent, feedback.transportFeedbackReceived], [0, 0]);
  });
}
