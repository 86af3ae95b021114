// Runs inside the browser under test: neither side hears of the other's candidates for UDP.
'use strict';

{
  const isUdp = (line) => /^(a=)?candidate:\S+ \d+ udp /i.test(line);
  const withoutUdp = (sdp) => sdp.split('\r\n').filter((line) => !isUdp(line)).join('\r\n');
  const { setRemoteDescription, addIceCandidate } = RTCPeerConnection.prototype;

  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    return setRemoteDescription.call(this, { type: description.type, sdp: withoutUdp(description.sdp ?? '') });
  };
  RTCPeerConnection.prototype.addIceCandidate = async function (candidate) {
    if (!isUdp(candidate?.candidate ?? '')) await addIceCandidate.call(this, candidate);
  };

  const post = globalThis.fetch;
  globalThis.fetch = async (path, init) => {
    if (!init?.body) return post(path, init);
    const body = JSON.parse(init.body);
    if (isUdp(body.candidate?.candidate ?? '')) return new Response('{}');
    for (const one of [body, body.description]) if (one?.sdp) one.sdp = withoutUdp(one.sdp);
    return post(path, { ...init, body: JSON.stringify(body) });
  };
}
