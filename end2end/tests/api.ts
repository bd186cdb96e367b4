import { type APIRequestContext, type Page, request } from "@playwright/test";
import type { Console } from "./console.ts";

/** Our own HTTP API, for what a test needs but does not walk. */
export class Api {
  private constructor(
    private readonly trainyard: Console,
    private readonly context: APIRequestContext,
  ) {}

  /** As a program of its own: makes the admin account through the one-time link. */
  static async setUp(trainyard: Console): Promise<Api> {
    const context = await request.newContext({ extraHTTPHeaders: { origin: trainyard.url } });
    const token = new URL(trainyard.setup).searchParams.get("token") ?? "";
    await context.post(`${trainyard.url}/session/setup`, { form: { token, name: "ada", password: "a long password" } });
    return new Api(trainyard, context);
  }

  /** Lets a page in with the same account. */
  async logIn(page: Page): Promise<void> {
    await page.context().request.post(`${this.trainyard.url}/session/login`, {
      form: { name: "ada", password: "a long password", next: "/" },
      headers: { origin: this.trainyard.url },
    });
  }

  // biome-ignore lint/suspicious/noExplicitAny: answers are what the API documents
  async call(method: string, path: string, data?: unknown): Promise<any> {
    const answer = await this.context.fetch(`${this.trainyard.url}/console/v1${path}`, { method, data });
    const body = await answer.json();
    if (!answer.ok()) throw new Error(JSON.stringify(body));
    return body;
  }

  /** The state in which a job ended. */
  async ended(job: string): Promise<string> {
    return until(`${job} ended`, async () => {
      const state = (await this.call("GET", `/jobs/${job}`)).state.state;
      return ["succeeded", "failed", "lost", "stopped"].includes(state) ? state : undefined;
    });
  }

  /** What an experiment starts from: the bundled model, converted and on both nodes, and the bundled dataset. */
  async prepared(): Promise<Prepared> {
    const nodes = (await this.call("GET", "/clusters"))[0].nodes;
    const main = nodes[0].node;
    const model = (await this.call("POST", "/models", { node_id: main.id, path: `${this.trainyard.home()}/models/yard-base` })).id;
    await this.succeeded((await this.call("POST", `/models/${model}/convert`, { test_precision: false })).id);
    const converted = await until("the converted model is listed", async () =>
      (await this.call("GET", "/models")).find((one: { format: string }) => one.format === "mcore"));
    await this.succeeded((await this.call("POST", `/models/${converted.id}/copy`, { to: nodes[1].node.id })).id);
    const dataset = (await this.call("POST", "/datasets", { node_id: main.id, path: `${this.trainyard.home()}/datasets/willow_bend.jsonl` })).id;
    return { cluster: main.cluster_id, model, dataset };
  }

  private async succeeded(job: string): Promise<void> {
    const state = await this.ended(job);
    if (state !== "succeeded") throw new Error(`job ${job} ${state}: ${JSON.stringify(await this.call("GET", `/jobs/${job}`))}`);
  }
}

export interface Prepared {
  cluster: string;
  model: string;
  dataset: string;
}

/** Looks until there is something to see; an error of a look counts as nothing yet. */
export async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 120_000;
  while (Date.now() < deadline) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`waited in vain until ${what}`);
}
