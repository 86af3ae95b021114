// Between Chromium and a TURN server, over UDP. Chromium asks for no lifetime of its allocations. Then coturn lets them live
// for ten minutes, whatever the longest is that it was configured with; it heeds that for clients that ask for more. Here
// Chromium's requests ask for an hour.

import { createHash, createHmac } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const HEADER = 20;
const [ALLOCATE, REFRESH] = [0x0003, 0x0004];
const HOUR = 3600;
const [USERNAME, MESSAGE_INTEGRITY, LIFETIME, REALM] = [0x0006, 0x0008, 0x000d, 0x0014];

/** Serves at `address` and `port` what `server`, `{ address, port }`, does; `password` is that of every user. */
export async function startLifetimeProxy({ address, port, server, password }) {
  const proxy = new LifetimeProxy({ server, password });
  proxy.front.bind(port, address);
  await once(proxy.front, 'listening');
  return proxy;
}

class LifetimeProxy {
  constructor({ server, password }) {
    Object.assign(this, { server, password });
    this.clients = new Map(); // each has a socket of its own: a server knows its allocations by their clients' addresses
    this.front = createSocket('udp4');
    this.front.on('message', (datagram, { address, port }) => {
      this.towardsServer(address, port).send(this.changed(datagram), this.server.port, this.server.address);
    });
  }

  towardsServer(address, port) {
    const name = `${address}:${port}`;
    if (!this.clients.has(name)) {
      const back = createSocket('udp4');
      back.on('message', (datagram) => this.front.send(datagram, port, address));
      this.clients.set(name, back);
    }
    return this.clients.get(name);
  }

  /** An authenticated Allocate or Refresh request asks for an hour; anything else, and a Refresh that releases, is as it was. */
  changed(message) {
    if (message.length < HEADER || ![ALLOCATE, REFRESH].includes(message.readUInt16BE(0))) return message;
    const attributes = [...attributesOf(message)];
    const end = attributes.findIndex(({ type }) => type === MESSAGE_INTEGRITY);
    if (end < 0 || attributes.some(({ type }) => type === LIFETIME)) return message;
    const wish = Buffer.from([0, LIFETIME, 0, 4, 0, 0, HOUR >> 8, HOUR & 0xff]);
    const text = (wanted) => attributes.find(({ type }) => type === wanted).value.toString();
    const key = createHash('md5').update(`${text(USERNAME)}:${text(REALM)}:${this.password}`).digest();
    return protect(Buffer.concat([message.subarray(0, attributes[end].at), wish]), key);
  }

  close() {
    this.front.close();
    for (const back of this.clients.values()) back.close();
  }
}

function* attributesOf(message) {
  for (let at = HEADER; at + 4 <= message.length; ) {
    const [type, length] = [message.readUInt16BE(at), message.readUInt16BE(at + 2)];
    yield { at, type, value: message.subarray(at + 4, at + 4 + length) };
    at += 4 + 4 * Math.ceil(length / 4);
  }
}

/** Appends MESSAGE-INTEGRITY (RFC 8489, Section 14.5): an HMAC-SHA1 over what is before, whose length counts it already. */
function protect(message, key) {
  message.writeUInt16BE(message.length - HEADER + 24, 2);
  const mac = createHmac('sha1', key).update(message).digest();
  return Buffer.concat([message, Buffer.from([0, MESSAGE_INTEGRITY, 0, 20]), mac]);
}
