import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");
const target = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");

/** A console with two rehearsal nodes of its own, in a folder of its own, on free ports. */
export class Console {
  readonly folder = mkdtempSync(join(tmpdir(), "trainyard-walk-"));
  url = "";
  private listen = "";
  private nodePort = "";
  private hasNodes = true;
  setup = "";
  private process?: ChildProcess;

  /** Starts the nodes, unless a test needs none, and the console. */
  async start(hasNodes = true): Promise<void> {
    this.hasNodes = hasNodes;
    if (hasNodes) {
      this.nodePort = String(await freePort("127.0.0.31"));
      this.startNodes();
    }
    this.listen = `127.0.0.1:${await freePort("127.0.0.1")}`;
    this.url = `http://${this.listen}`;
    this.setup = await this.serve(/http:\S+\/setup\?token=\S+/);
  }

  /** Starts whichever of the two rehearsal nodes does not run. */
  startNodes(): void {
    const env = {
      ...process.env,
      TRAINYARD_DATA: this.folder,
      TRAINYARD_REHEARSAL_PORT: this.nodePort,
      TRAINYARD_REHEARSAL_FIRST_ADDRESS: "31",
    };
    const up = spawnSync(join(root, "scripts/rehearsal_up.sh"), { env, encoding: "utf8" });
    if (up.status !== 0) throw new Error(`the rehearsal did not start: ${up.stdout}${up.stderr}`);
  }

  /** A program that the build made. */
  program(name: string): string {
    return join(target, "debug", name);
  }

  /** Starts the process and answers what it prints once it listens. */
  private async serve(said: RegExp): Promise<string> {
    const words = ["serve", "--data", join(this.folder, "console"), "--listen", this.listen];
    if (this.hasNodes) words.push("--rehearsal", join(this.folder, "rehearsal/cluster.json"));
    this.process = spawn(this.program("trainyard"), words, { stdio: ["ignore", "pipe", "pipe"] });
    return new Promise<string>((done, failed) => {
      let text = "";
      this.process?.stdout?.on("data", (bytes: Buffer) => {
        text += bytes.toString();
        const found = text.match(said);
        if (found) done(found[0]);
      });
      this.process?.stderr?.on("data", (bytes: Buffer) => (text += bytes.toString()));
      this.process?.on("exit", () => failed(new Error(`the console ended: ${text}`)));
    });
  }

  /** Ends the process as a power cut would, and starts it again. */
  async killAndStartAgain(): Promise<void> {
    this.process?.removeAllListeners("exit");
    const ended = new Promise((done) => this.process?.on("exit", done));
    this.process?.kill("SIGKILL");
    await ended;
    await this.serve(/Trainyard is at/);
  }

  /** Where node-1 keeps what is bundled. */
  home(): string {
    return join(this.folder, "rehearsal/node-1");
  }

  async stop(): Promise<void> {
    this.process?.removeAllListeners("exit");
    const ended = new Promise((done) => this.process?.on("exit", done));
    this.process?.kill("SIGTERM");
    await ended;
    spawnSync(join(root, "scripts/down.sh"), { env: { ...process.env, TRAINYARD_DATA: this.folder } });
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A port that nobody listens on at this moment. */
export function freePort(host: string): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.on("error", failed);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() => (address && typeof address === "object" ? done(address.port) : failed(new Error("no port"))));
    });
  });
}
