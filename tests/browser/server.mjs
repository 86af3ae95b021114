// The browser example as a child process, for the tests.
//
// DUOLOGUE_SERVER            path of the built example (required); other examples lie beside it
// DUOLOGUE_SERVER_NAMESPACE  network namespace to run it in (default: the tests' own)
// DUOLOGUE_HOST              address to serve on (default: 127.0.0.1)
// DUOLOGUE_LOGS              folder for its output (default: none is kept)

import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Program } from './program.mjs';

/** Starts the example, or the `example` of this name, on a free port, with further arguments if wanted; waits until it serves. */
export async function startServer(name, args = [], example = 'browser') {
  const host = process.env.DUOLOGUE_HOST ?? '127.0.0.1';
  const namespace = process.env.DUOLOGUE_SERVER_NAMESPACE;
  const listen = `${host}:${namespace ? 8080 : await freePort(host)}`;
  const server = new Server(name, exampleBinary(example), listen, args);
  await server.ready();
  return server;
}

/** The path of a built example. */
export function exampleBinary(example) {
  const ours = process.env.DUOLOGUE_SERVER;
  if (!ours) throw new Error('DUOLOGUE_SERVER must name the built browser example');
  return example === 'browser' ? ours : join(dirname(ours), example);
}

class Server extends Program {
  constructor(name, binary, listen, args) {
    super(name, binary, ['--listen', listen, ...args]);
    this.url = `http://${listen}`;
  }

  async ready() {
    let gone = null;
    this.exited.then((end) => (gone = end));
    for (let tries = 0; tries < 200 && !gone; tries += 1) {
      const page = await fetch(this.url).catch(() => null);
      if (page?.ok) return;
      await sleep(50);
    }
    this.child.kill('SIGKILL');
    throw new Error(`the server did not serve ${this.url}: ${JSON.stringify(gone)}\n${this.output}`);
  }

  /** GET `path`, or POST `body` to it as JSON: the status, the text and, if it is JSON, the body of the reply. */
  async request(path, body) {
    const headers = { 'content-type': 'application/json' };
    const init = body === undefined ? {} : { method: 'POST', headers, body: JSON.stringify(body) };
    const reply = await fetch(this.url + path, init);
    const text = await reply.text();
    const isJson = reply.headers.get('content-type')?.startsWith('application/json');
    return { status: reply.status, text, body: isJson ? JSON.parse(text) : null };
  }

  /** The state of connection `id`; a connection the server has dropped counts as closed. */
  async state(id) {
    const { status, text, body } = await this.request(`/state?id=${encodeURIComponent(id)}`);
    if (status === 404) return { connectionState: 'closed', channels: [], tracks: [] };
    if (status !== 200) throw new Error(`GET /state: ${status} ${text}`);
    return body;
  }

  /** Polls the state of connection `id` until `holds(state)`; gives that state. */
  async stateWhere(id, holds, what, milliseconds = 10_000) {
    const deadline = performance.now() + milliseconds;
    for (;;) {
      const state = await this.state(id);
      if (holds(state)) return state;
      if (performance.now() > deadline) {
        throw new Error(`not within ${milliseconds} ms: ${what}; last state ${JSON.stringify(state)}`);
      }
      await sleep(50);
    }
  }
}

async function freePort(host) {
  const probe = createServer();
  await new Promise((resolve, reject) => probe.once('error', reject).listen(0, host, resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
