// Programs that run beside the tests, as child processes.
//
// DUOLOGUE_SERVER_NAMESPACE  network namespace to run them in (default: the tests' own)
// DUOLOGUE_LOGS              folder for their output (default: none is kept)

import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';

/** A program that runs, and what it has printed so far. */
export class Program {
  /** Starts it; `name` is that of its log. */
  constructor(name, command, args) {
    const namespace = process.env.DUOLOGUE_SERVER_NAMESPACE;
    const prefix = namespace ? ['ip', 'netns', 'exec', namespace] : [];
    const [first, ...rest] = [...prefix, command, ...args];
    this.child = spawn(first, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.output = '';
    this.exited = new Promise((resolve) => {
      this.child.on('exit', (code, signal) => resolve({ code, signal }));
      this.child.on('error', (error) => resolve({ error }));
    });
    const folder = process.env.DUOLOGUE_LOGS;
    const log = folder && createWriteStream(join(folder, `${name}.log`), { flags: 'a' });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.on('data', (bytes) => {
        this.output += bytes;
        if (log) log.write(bytes);
      });
    }
  }

  /** Ctrl-C. Resolves with the exit code and signal; what is still there after 10 s is killed, and that is an error. */
  async interrupt() {
    this.child.kill('SIGINT');
    let late = false;
    const killer = setTimeout(() => (late = this.child.kill('SIGKILL')), 10_000);
    const end = await this.exited;
    clearTimeout(killer);
    if (late) throw new Error(`Ctrl-C did not end the program within 10 s\n${this.output}`);
    return end;
  }

  /** Ends it at once. */
  async kill() {
    this.child.kill('SIGKILL');
    await this.exited;
  }
}
