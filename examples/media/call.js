// What the media pages share: devices, codecs, and waiting for candidates.

/** The codecs that this browser can send, each name once, without those that only accompany others. */
export function codecNames(kind) {
  const { codecs } = RTCRtpSender.getCapabilities(kind) ?? { codecs: [] };
  const names = codecs.map(({ mimeType }) => mimeType.split('/')[1]);
  return [...new Set(names)].filter((name) => !/^(rtx|red|ulpfec|flexfec-03|telephone-event|CN)$/i.test(name));
}

/** Puts codecs with this name first; the empty name leaves the browser's order. */
export function preferCodec(transceiver, kind, name) {
  if (!name) return;
  const { codecs } = RTCRtpSender.getCapabilities(kind);
  const is = ({ mimeType }) => mimeType.toLowerCase() === `${kind}/${name}`.toLowerCase();
  transceiver.setCodecPreferences([...codecs.filter(is), ...codecs.filter((codec) => !is(codec))]);
}

/** Fills a list with codecs of which one may be chosen, of those in `among` if that is given. */
export function fillCodecs(select, kind, among = codecNames(kind)) {
  select.replaceChildren(new Option(`${kind === 'audio' ? 'Sound' : 'Video'}: any codec`, ''));
  for (const name of codecNames(kind)) if (among.includes(name)) select.add(new Option(name, name));
}

/** Camera and microphone. `size` is "640x360"; devices that have no such size give the nearest. */
export function capture({ size, frameRate, audio = true, video = true }) {
  const [width, height] = size.split('x').map(Number);
  const picture = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: Number(frameRate) } };
  return navigator.mediaDevices.getUserMedia({ audio, video: video && picture });
}

/** Why there is no camera here, in words. */
export function captureProblem(error) {
  if (!navigator.mediaDevices) return 'Browsers give a camera only to pages of this machine (127.0.0.1) and to HTTPS.';
  const reasons = {
    NotAllowedError: 'The browser was told not to give this page camera and microphone.',
    NotFoundError: 'There is no camera or no microphone here.',
    NotReadableError: 'Camera or microphone are in use by another program.',
  };
  return reasons[error.name] ?? error.message;
}

/** The local description once it has all candidates. */
export function gathered(pc) {
  return new Promise((resolve) => {
    const check = () => {
      if (pc.iceGatheringState !== 'complete') return;
      pc.removeEventListener('icegatheringstatechange', check);
      resolve(pc.localDescription);
    };
    pc.addEventListener('icegatheringstatechange', check);
    check();
  });
}

/** Tells the server that peer `id` is gone, even while the page goes away. */
export function sayGoodbye(id) {
  if (id) navigator.sendBeacon(`/close?id=${id}`);
}
