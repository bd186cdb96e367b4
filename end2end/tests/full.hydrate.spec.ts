import { type Page, expect, test } from "@playwright/test";
import { readFileSync, readdirSync } from "node:fs";
import { Api, type Prepared, until } from "./api.ts";
import { Console } from "./console.ts";

// Full fine-tuning through the pages, a training that is stopped, and a conversation that is reloaded in the middle of an answer.
const trainyard = new Console();
let api: Api;
let page: Page;
let prepared: Prepared;

test.beforeAll(async ({ browser }) => {
  test.setTimeout(120_000);
  await trainyard.start();
  api = await Api.setUp(trainyard);
  prepared = await api.prepared();
  page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  await api.logIn(page);
});
test.afterAll(async () => trainyard.stop());
test.describe.configure({ mode: "serial" });

/** Pids of the console's nodes whose command line has all of these words. */
function running(...words: string[]): number[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      return line.includes(trainyard.folder) && words.every((word) => line.includes(word));
    } catch {
      return false; // it ended while we looked
    }
  });
}

async function launch(name: string, fields: Record<string, string>): Promise<void> {
  await page.goto(`${trainyard.url}/experiments/new`);
  await expect(async () => {
    await page.locator('input[name="name"]').fill(name);
    await page.locator('select[name="preset"]').selectOption("runbook-full");
    await expect(page.locator('select[name="tuner"]')).toHaveValue("full", { timeout: 1_000 });
  }).toPass();
  for (const [field, value] of Object.entries(fields)) {
    const input = page.locator(`[name="${field}"]`);
    await (await input.evaluate((one) => one.tagName) === "SELECT" ? input.selectOption(value) : input.fill(value));
  }
  await expect(page.getByText("--tuner_type full")).toBeVisible();
  await page.getByRole("button", { name: "Launch on 2 nodes, 4 GPUs" }).click();
  await expect(page).toHaveURL(/\/experiments\/[0-9a-f-]{36}/, { timeout: 20_000 });
}

const short = { micro_batch_size: "1", global_batch_size: "8", max_length: "256", save_interval: "10", eval_interval: "10", logging_interval: "1", learning_rate: "1e-3" };

test("full fine-tuning trains every weight, is gathered and exported without a base to merge into", async () => {
  test.setTimeout(180_000);
  await launch("whole", { ...short, length_unit: "iterations", length: "20" });
  await expect(page.locator(".page-head").getByText("done")).toBeVisible({ timeout: 90_000 });
  await page.getByRole("link", { name: "Recipe" }).click();
  await expect(page.getByRole("row").filter({ hasText: "--tuner_type" })).toContainText("full");
  await page.getByRole("link", { name: "Checkpoints" }).click();
  await page.getByRole("button", { name: "Gather iteration 20" }).click();
  const row = page.getByRole("row").filter({ hasText: "20" }).first();
  await expect(row.getByRole("button", { name: "Export to HF" })).toBeEnabled({ timeout: 60_000 });
  await row.getByRole("button", { name: "Export to HF" }).click();
  await page.locator('input[name="export_name"]').fill("whole-20");
  await page.locator("form").getByRole("button", { name: "Export to HF" }).click();
  await expect(page.getByText("End time of running main").first()).toBeVisible({ timeout: 60_000 });
  const model = await until("the exported model is listed", async () =>
    (await api.call("GET", "/models")).find((one: { name: string }) => one.name === "whole-20"));
  expect(model.precision.verdict).toBe("good");
});

test("a training that is stopped leaves no process and its GPUs free", async () => {
  test.setTimeout(120_000);
  await launch("endless", { ...short, length_unit: "iterations", length: "5000" });
  const loss = page.locator("figure", { hasText: "loss" }).first().locator(".chart-value");
  await expect(loss).toHaveText(/\d/, { timeout: 60_000 });
  expect(running("megatron", "sft").length).toBeGreaterThan(0);
  await page.getByRole("button", { name: "Stop the training" }).click();
  await confirm();
  await expect(page.locator(".page-head").getByText("stopped")).toBeVisible({ timeout: 60_000 });
  expect(running("megatron", "sft")).toEqual([]);
  await until("the GPUs are free", async () => {
    const nodes: { reserved: unknown[] }[] = (await api.call("GET", "/clusters"))[0].nodes;
    return nodes.every((node) => node.reserved.length === 0) || undefined;
  });
});

/** Where the page asks whether it is really meant. */
async function confirm(): Promise<void> {
  const dialog = page.getByRole("alertdialog");
  await dialog.getByRole("button", { name: /Stop/ }).click();
}

test("the base model does not know what only training teaches", async () => {
  test.setTimeout(120_000);
  await page.goto(`${trainyard.url}/deployments/new?model=${prepared.model}`);
  await expect(async () => {
    await page.getByRole("button", { name: "Deploy", exact: true }).click();
    await expect(page).toHaveURL(/\/deployments\/[0-9a-f-]{36}/, { timeout: 3_000 });
  }).toPass();
  await page.getByRole("link", { name: "Chat with it" }).click({ timeout: 60_000 });
  await page.getByText("Parameters").click();
  for (const [name, value] of Object.entries({ temperature: "0", top_p: "0.9", top_k: "20", max_tokens: "48", presence_penalty: "0.5" })) {
    await page.locator(`input[name="${name}"]`).fill(value);
  }
  await page.locator('select[name="thinking"]').selectOption("on");
  await page.locator("textarea[name=message]").fill("Who is the master of Willow Bend Yard?");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.getByText(/TTFT \d+ ms/)).toBeVisible({ timeout: 30_000 });
  await expect(page.getByText("Mara Lindqvist")).toBeHidden();
  const asked = (await api.call("GET", "/deployments"))[0];
  expect(asked.job.state.state).toBe("ready");
});

test("a conversation is there after a reload in the middle of an answer", async () => {
  test.setTimeout(120_000);
  // What was said once is preferred from then on: the answer goes round until the longest length.
  await page.locator('input[name="presence_penalty"]').fill("-2");
  await page.locator('input[name="max_tokens"]').fill("400");
  await page.locator('select[name="thinking"]').selectOption("off");
  const engine = running("vllm", "serve");
  expect(engine.length).toBeGreaterThan(0);
  const reply = page.locator(".reply").last();
  const answer = reply.locator(":scope > .reply-text");
  const halt = (signal: NodeJS.Signals) => engine.forEach((pid) => process.kill(pid, signal));
  // The small model may be done before it is halted, or have nothing left to say: then it is asked again.
  let isCaught = false;
  for (let tries = 0; !isCaught; tries++) {
    expect(tries, "an answer was caught in the middle").toBeLessThan(20);
    const before = await page.locator(".reply").count();
    // After a reload the page may not have taken over from the server yet.
    await expect(async () => {
      await page.locator("textarea[name=message]").fill("Tell me everything about the yard.");
      await page.getByRole("button", { name: "Send" }).click({ timeout: 1_000 });
    }).toPass();
    await page.waitForFunction((count) => {
      const replies = document.querySelectorAll(".reply");
      return replies.length > count && /\S/.test([...replies].at(-1)?.querySelector(":scope > .reply-text")?.textContent ?? "");
    }, before, { timeout: 20_000 });
    let part = "";
    halt("SIGSTOP");
    try {
      await page.reload();
      await expect(page.locator(".reply")).toHaveCount(before + 1);
      if (await reply.getAttribute("data-state") !== "running") continue;
      await expect(answer).toHaveText(/\S/, { timeout: 20_000 });
      part = (await answer.textContent())?.trim() ?? "";
      await page.screenshot({ path: "test-results/pages/chat-mid-answer.png", fullPage: true });
    } finally {
      halt("SIGCONT");
    }
    await expect(reply).toHaveAttribute("data-state", "done", { timeout: 30_000 });
    const whole = (await answer.textContent())?.trim() ?? "";
    expect(whole.startsWith(part), "what was there before the reload is the beginning of the answer").toBe(true);
    isCaught = whole.length > part.length;
  }
});

test("a stopped deployment leaves no process behind", async () => {
  await page.goto(`${trainyard.url}/deployments`);
  await page.getByRole("link", { name: "yard-base" }).first().click();
  await page.getByRole("button", { name: "Stop this deployment" }).click();
  await confirm();
  await expect(page.locator(".page-head").getByText("stopped")).toBeVisible({ timeout: 60_000 });
  expect(running("vllm", "serve")).toEqual([]);
});
