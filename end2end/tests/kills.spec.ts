import { type APIRequestContext, expect, request, test } from "@playwright/test";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Console } from "./console.ts";

const trainyard = new Console();
let api: APIRequestContext;

test.beforeAll(async () => {
  await trainyard.start();
  api = await request.newContext({ extraHTTPHeaders: { origin: trainyard.url } });
  const token = new URL(trainyard.setup).searchParams.get("token") ?? "";
  await api.post(`${trainyard.url}/session/setup`, { form: { token, name: "ada", password: "a long password" } });
});
test.afterAll(async () => trainyard.stop());

// biome-ignore lint/suspicious/noExplicitAny: answers are what the API documents
async function call(method: string, path: string, data?: unknown): Promise<any> {
  const answer = await api.fetch(`${trainyard.url}/console/v1${path}`, { method, data });
  const body = await answer.json();
  if (!answer.ok()) throw new Error(JSON.stringify(body));
  return body;
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 120_000;
  while (Date.now() < deadline) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`waited in vain until ${what}`);
}

const ended = async (job: string) => until(`${job} ended`, async () => {
  const state = (await call("GET", `/jobs/${job}`)).state.state;
  return ["succeeded", "failed", "lost", "stopped"].includes(state) ? state : undefined;
});

test("twenty kills within two runs lose no point, double none, and start nothing twice", async () => {
  test.setTimeout(400_000);
  const nodes = (await call("GET", "/clusters"))[0].nodes;
  const main = nodes[0].node;
  const model = (await call("POST", "/models", { node_id: main.id, path: `${trainyard.home()}/models/yard-base` })).id;
  expect(await ended((await call("POST", `/models/${model}/convert`, { test_precision: false })).id)).toBe("succeeded");
  const converted = await until("the converted model is listed", async () => (await call("GET", "/models")).find((one: { format: string }) => one.format === "mcore"));
  expect(await ended((await call("POST", `/models/${converted.id}/copy`, { to: nodes[1].node.id })).id)).toBe("succeeded");
  const dataset = (await call("POST", "/datasets", { node_id: main.id, path: `${trainyard.home()}/datasets/willow_bend.jsonl` })).id;
  const recipe = { length_unit: "iterations", length: "240", logging_interval: "1", save_interval: "1000" };
  const form = { name: "killed", cluster_id: main.cluster_id, model_id: model, dataset_id: dataset, preset: "rehearsal", recipe };
  const experiment = (await call("POST", "/experiments", { launch_key: "one", form })).id;

  let kills = 0;
  for (const attempt of [1, 2]) {
    if (attempt === 2) {
      await until("the GPUs are free again", async () => (await call("POST", `/experiments/${experiment}/relaunch`, { launch_key: "two" })).id);
    }
    const newest = async () => {
      const all: { attempt: number; name: string; last_step: number }[] = await call("GET", `/experiments/${experiment}/series`);
      return all.find((one) => one.attempt === attempt && one.name === "loss")?.last_step;
    };
    let seen = await until("the first point is there", newest);
    for (let round = 0; round < 10 && seen < 220; round++) {
      await trainyard.killAndStartAgain();
      kills++;
      // The next kill comes when this start has taken the run up again.
      seen = await until("points go on", async () => {
        const step = await newest();
        return step !== undefined && step > seen ? step : undefined;
      });
    }
    const view = await call("GET", `/experiments/${experiment}`);
    expect(view.attempts.length).toBe(attempt);
    const job = view.attempts[attempt - 1][1].id;
    expect(await ended(job)).toBe("succeeded");
    const request = { names: ["loss"], attempt, from_step: null, to_step: null, width_px: 4000, smoothing: 0 };
    const drawn = await until("the last point is there", async () => {
      const [loss] = await call("POST", `/experiments/${experiment}/draw`, request);
      return loss.steps.at(-1) === 240 ? loss : undefined;
    });
    expect(drawn.steps, "each iteration once").toEqual(Array.from({ length: 240 }, (_, at) => at + 1));
    for (const [rank, node] of ["node-1", "node-2"].entries()) {
      const log = readFileSync(join(trainyard.folder, `rehearsal/${node}/.trainyard/jobs/${job}/${rank}/log`), "utf8");
      expect(log.match(/Start time of running main/g)?.length, `${node} started once`).toBe(1);
    }
  }
  expect(readdirSync(join(trainyard.folder, "rehearsal/node-1/experiments/killed")).length, "both runs are in the experiment's folder").toBe(2);
  expect(kills).toBe(20);
  const jobs = readdirSync(join(trainyard.folder, "rehearsal/node-1/.trainyard/jobs"));
  expect(jobs.length, "convert, copy and two runs, nothing more").toBe(4);
});
