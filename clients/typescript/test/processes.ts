/** A real server on a free loopback port with a data directory of its own, and
 * the chat completions service of the examples.
 *
 * `THROUGHLINE_BIN` names the server's binary; else the debug build, then the
 * release build of the repository. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const REPOSITORY = resolve(import.meta.dirname, "../../..");
export const CONFORMANCE = join(REPOSITORY, "clients/conformance");

function binary(): string {
  const built = ["debug", "release"].map((kind) => join(REPOSITORY, "target", kind, "throughline"));
  const found = process.env.THROUGHLINE_BIN ?? built.find((path) => existsSync(path));
  if (!found) throw new Error("no server binary: `cargo build`, or set THROUGHLINE_BIN");
  return found;
}

/** The address that a program says it listens on. */
export async function listening(program: ChildProcess): Promise<string> {
  if (!program.stdout) throw new Error("the program has no stdout");
  for await (const line of createInterface({ input: program.stdout })) {
    return line.slice(line.lastIndexOf(" ") + 1);
  }
  throw new Error("the program did not start; its log is above");
}

export class Server {
  readonly #directory = mkdtempSync(join(tmpdir(), "throughline-"));
  #process: ChildProcess;

  private constructor(
    private readonly flags: string[],
    public address: string,
  ) {
    this.#process = this.#start(address);
  }

  static async start(...flags: string[]): Promise<Server> {
    const server = new Server(flags, "127.0.0.1:0");
    server.address = await listening(server.#process);
    return server;
  }

  #start(listen: string): ChildProcess {
    const models = process.env.THROUGHLINE_MODELS_DIR ?? join(REPOSITORY, "target/models");
    const command = ["serve", "--listen", listen, "--data-dir", this.#directory, "--log", "warn"];
    return spawn(binary(), [...command, ...this.flags], {
      env: { ...process.env, THROUGHLINE_MODELS_DIR: models },
      stdio: ["ignore", "pipe", "inherit"],
    });
  }

  /** Kills it and starts it anew, without waiting until it answers. */
  async restart(): Promise<void> {
    await this.#end("SIGKILL");
    this.#process = this.#start(this.address);
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
    rmSync(this.#directory, { recursive: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const exited = once(this.#process, "exit");
    this.#process.kill(signal);
    await exited;
  }
}

export class Upstream {
  private constructor(
    private readonly process: ChildProcess,
    private readonly address: string,
  ) {}

  static async start(): Promise<Upstream> {
    const program = join(REPOSITORY, "clients/examples/upstream.py");
    const started = spawn("python3", [program, "0"], { stdio: ["ignore", "pipe", "inherit"] });
    return new Upstream(started, await listening(started));
  }

  get baseURL(): string {
    return `http://${this.address}/v1`;
  }

  /** The requests, oldest first. */
  // biome-ignore lint/suspicious/noExplicitAny: what a test looks at differs.
  async asked(): Promise<any[]> {
    const answer = await fetch(`http://${this.address}/requests`);
    return (await answer.json()) as unknown[];
  }

  async stop(): Promise<void> {
    const exited = once(this.process, "exit");
    this.process.kill();
    await exited;
  }
}
