import { expect, test } from "@playwright/test";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Api, until } from "./api.ts";
import { Console } from "./console.ts";

const trainyard = new Console();
let api: Api;

test.beforeAll(async () => {
  await trainyard.start();
  api = await Api.setUp(trainyard);
});
test.afterAll(async () => trainyard.stop());

test("twenty kills within two runs lose no point, double none, and start nothing twice", async () => {
  test.setTimeout(400_000);
  const { cluster, model, dataset } = await api.prepared();
  const recipe = { length_unit: "iterations", length: "240", logging_interval: "1", save_interval: "1000" };
  const form = { name: "killed", cluster_id: cluster, model_id: model, dataset_id: dataset, preset: "rehearsal", recipe };
  const experiment = (await api.call("POST", "/experiments", { launch_key: "one", form })).id;

  let kills = 0;
  for (const attempt of [1, 2]) {
    if (attempt === 2) {
      await until("the GPUs are free again", async () => (await api.call("POST", `/experiments/${experiment}/relaunch`, { launch_key: "two" })).id);
    }
    const newest = async () => {
      const all: { attempt: number; name: string; last_step: number }[] = await api.call("GET", `/experiments/${experiment}/series`);
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
    const view = await api.call("GET", `/experiments/${experiment}`);
    expect(view.attempts.length).toBe(attempt);
    const job = view.attempts[attempt - 1][1].id;
    expect(await api.ended(job)).toBe("succeeded");
    const request = { series: [{ name: "loss" }], attempts: { one: attempt }, width_px: 4000 };
    const drawn = await until("the last point is there", async () => {
      const [loss] = await api.call("POST", `/experiments/${experiment}/draw`, request);
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

test("a console killed during a launch starts each process once, at whatever moment it dies", async () => {
  test.setTimeout(240_000);
  const [model] = (await api.call("GET", "/models")).filter((one: { format: string }) => one.format === "hf");
  const [dataset] = await api.call("GET", "/datasets");
  const cluster = (await api.call("GET", "/clusters"))[0].cluster.id;
  const recipe = { length_unit: "iterations", length: "20", logging_interval: "1", save_interval: "1000", micro_batch_size: "1", global_batch_size: "4" };
  // From before anything remote has happened to well after both ranks run: a look, a folder, a script and a start lie in between.
  for (const millis of [0, 20, 60, 120, 250, 500]) {
    const form = { name: `after-${millis}`, cluster_id: cluster, model_id: model.id, dataset_id: dataset.id, preset: "rehearsal", recipe };
    const launch = { launch_key: `after ${millis}`, form };
    const first = await until("the GPUs are free", async () => (await api.call("POST", "/experiments", launch)).id);
    await new Promise((done) => setTimeout(done, millis));
    await trainyard.killAndStartAgain();
    // The person did not see an answer, and clicks again: the same intent is the same experiment.
    expect((await api.call("POST", "/experiments", launch)).id).toBe(first);
    const view = await api.call("GET", `/experiments/${first}`);
    expect(view.attempts.length).toBe(1);
    const job = view.attempts[0][1].id;
    expect(await api.ended(job), `killed after ${millis} ms`).toBe("succeeded");
    for (const [rank, node] of ["node-1", "node-2"].entries()) {
      const log = readFileSync(join(trainyard.folder, `rehearsal/${node}/.trainyard/jobs/${job}/${rank}/log`), "utf8");
      expect(log.match(/Start time of running main/g)?.length, `${node} started once`).toBe(1);
    }
  }
});
