// TURN servers beside the server under test: Debian's coturn, and that of the examples.

import { execFile } from 'node:child_process';
import { createHash, createHmac, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Program } from './program.mjs';
import { exampleBinary } from './server.mjs';

/** A certificate for `host`, signed by itself, in `folder`: the files, and the hash of its key that Chromium can be told. */
export async function makeCertificate(folder, host) {
  const files = { cert: join(folder, 'turn-cert.pem'), key: join(folder, 'turn-key.pem') };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', files.key];
  const name = ['-subj', '/CN=turn', '-addext', `subjectAltName=IP:${host}`];
  await promisify(execFile)('openssl', ['req', '-x509', ...key, ...name, '-days', '2', '-out', files.cert]);
  const { publicKey } = new X509Certificate(await readFile(files.cert));
  const spki = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64');
  return { ...files, spki };
}

/** Starts coturn on `addresses` at `port`, with TLS at the next one; its files go into `folder`. */
export async function startCoturn(name, { addresses, port, folder, certificate, args }) {
  const options = [
    ...addresses.map((address) => ['listening-ip', address]),
    ['listening-port', port],
    ['tls-listening-port', port + 1],
    ['cert', certificate.cert],
    ['pkey', certificate.key],
    ['realm', 'example.org'],
    ['userdb', join(folder, `${name}.db`)],
    ['pidfile', join(folder, `${name}.pid`)],
    ['log-file', 'stdout'],
  ];
  const switches = ['-n', '--verbose', '--simple-log', '--no-cli', '--no-dtls', '--no-rfc5780'];
  const program = new Program(name, 'turnserver', [...switches, ...options.map(([key, value]) => `--${key}=${value}`), ...args]);
  await listening(program, /Total General servers: /);
  return program;
}

/** Starts the example's TURN server on `addresses` at `port`. */
export async function startTurnServer(name, { addresses, port, args }) {
  const listen = addresses.map((address) => authority(address, port));
  const program = new Program(name, exampleBinary('turn_server'), [...listen, ...args]);
  await listening(program, new RegExp(`(listening on .*\\n){${addresses.length}}`));
  return program;
}

async function listening(program, sign) {
  let gone = null;
  program.exited.then((end) => (gone = end));
  for (let tries = 0; tries < 500 && !gone; tries += 1) {
    if (sign.test(program.output)) return;
    await sleep(20);
  }
  await program.kill();
  throw new Error(`the TURN server does not serve: ${JSON.stringify(gone)}\n${program.output}`);
}

/** The URL of a TURN server that is reached over `transport`: "udp", "tcp" or "tls". */
export function turnUrl(address, port, transport) {
  if (transport === 'tls') return `turns:${authority(address, port + 1)}?transport=tcp`;
  return `turn:${authority(address, port)}?transport=${transport}`;
}

function authority(address, port) {
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}

/** A user of the REST kind, who expires in ten minutes (draft-uberti-behave-turn-rest-00, Section 2.2). */
export function restUser(name, secret) {
  const username = `${Math.floor(Date.now() / 1000) + 600}:${name}`;
  return { username, credential: createHmac('sha1', secret).update(username).digest('base64') };
}
