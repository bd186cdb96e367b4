import { type Page, expect, test } from "@playwright/test";
import { appendFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Api } from "./api.ts";
import { Console } from "./console.ts";
import { note, picture as save } from "./pictures.ts";

// What a launch comes to, the pre-flight over both nodes, and the queue.
const trainyard = new Console();
let api: Api;
let page: Page;
const problems: string[] = [];

test.beforeAll(async ({ browser }) => {
  test.setTimeout(120_000);
  await trainyard.start();
  api = await Api.setUp(trainyard);
  await api.prepared();
  page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  note(page, problems);
  await api.logIn(page);
});
test.afterAll(async () => trainyard.stop());
test.describe.configure({ mode: "serial" });

const picture = (name: string) => save(page, "launch", name);
const onSecond = (path: string) => join(trainyard.folder, "rehearsal/node-2", path);
const field = (name: string) => page.locator(`input[name="${name}"]`);
const row = (key: string) => page.locator(`.matrix tbody[data-key="${key}"]`);

async function newExperiment(name: string): Promise<void> {
  await page.goto(`${trainyard.url}/experiments/new`);
  await expect(page.locator(".memory")).toBeVisible({ timeout: 30_000 });
  await field("name").fill(name);
}

test("memory, the grid of GPUs and the time move with the form", async () => {
  await newExperiment("numbers");
  await expect(page.locator(".gpu-row")).toHaveCount(2);
  await expect(page.locator(".gpu-cell")).toHaveCount(4);
  await expect(page.locator(".gpu-cell").nth(3)).toHaveText("D3");
  const weights = page.locator('.legend li[data-part="0"] b');
  const before = await weights.textContent();
  await expect(page.locator(".memory-bar rect[data-part]")).not.toHaveCount(0);
  await field("tensor_parallel").fill("2");
  await expect(page.locator(".gpu-cell").nth(3)).toHaveText("D1T1");
  await expect(weights).not.toHaveText(before ?? "");
  await field("pipeline_parallel").fill("2");
  await field("global_batch_size").fill("16");
  await expect(page.locator(".gpu-cell").nth(3)).toHaveText("P1D0T1");
  await picture("outlook");
  await field("expert_parallel").fill("2");
  await expect(page.locator(".rules")).toContainText("num_moe_experts must be non None");
  await expect(page.getByText("The model has no experts, so EP 2 cannot be used. Write 1.")).toBeVisible();
  await field("expert_parallel").fill("1");
  await expect(page.locator(".rules")).toHaveCount(0);
});

test("what would help is written into the form by its button", async () => {
  await newExperiment("helped");
  await page.locator('select[name="tuner"]').selectOption("full");
  await field("micro_batch_size").fill("32");
  await field("global_batch_size").fill("128");
  await field("max_length").fill("32768");
  await page.locator('select[name="packing"]').selectOption("true");
  await expect(page.locator(".memory")).toHaveAttribute("data-fit", "stops");
  const likely = page.locator(".memory-said strong");
  const before = Number.parseFloat((await likely.textContent()) ?? "");
  await picture("too-large");
  await page.locator(".helps li", { hasText: "Micro batch 1" }).getByRole("button").click();
  await expect(field("micro_batch_size")).toHaveValue("1");
  await expect(async () => expect(Number.parseFloat((await likely.textContent()) ?? "")).toBeLessThan(before)).toPass();
});

test("every node is asked at once, and what differs can be seen alone", async () => {
  await newExperiment("sound");
  const begun = Date.now();
  await page.getByRole("button", { name: "Check the nodes now" }).click();
  await expect(row("ssh").locator("td")).toHaveCount(2, { timeout: 10_000 });
  expect(Date.now() - begun, "seconds, with the page").toBeLessThan(6_000);
  await expect(row("model")).toHaveAttribute("data-mark", "ok");
  await expect(row("mcore")).toHaveAttribute("data-mark", "ok");
  await expect(row("clock")).toHaveAttribute("data-mark", "ok");
  await expect(page.locator(".matrix tbody[data-mark=stops]")).toHaveCount(0);
  await picture("preflight");
  await page.getByLabel("only what differs").check();
  await expect(row("ms-swift")).toBeHidden();
});

test("a launch is refused by what differs on one node, and nothing has begun", async () => {
  const config = onSecond("models/yard-base/tokenizer_config.json");
  const before = readFileSync(config);
  appendFileSync(config, "\n");
  await newExperiment("refused");
  await page.getByRole("button", { name: "Launch on 2 nodes, 4 GPUs" }).click();
  await expect(row("template")).toHaveAttribute("data-mark", "stops", { timeout: 20_000 });
  await expect(row("template")).toContainText("different chat templates");
  await expect(page).toHaveURL(/experiments\/new/);
  await picture("preflight-refused");
  writeFileSync(config, before);
  expect(await api.call("GET", "/experiments")).toHaveLength(0);
});

test("weights that a node lacks are spread by the button of the finding", async () => {
  const folder = onSecond("models/yard-base-mcore");
  renameSync(folder, `${folder}.gone`);
  await newExperiment("spread");
  const check = page.getByRole("button", { name: "Check the nodes now" });
  await check.click();
  await expect(row("mcore")).toHaveAttribute("data-mark", "stops", { timeout: 20_000 });
  await row("mcore").getByRole("button", { name: "Copy it to the nodes" }).click();
  const link = page.locator(".takeoff a[href^='/jobs/']").first();
  await expect(link).toBeVisible({ timeout: 20_000 });
  const job = (await link.getAttribute("href"))?.split("/").pop() ?? "";
  expect(await api.ended(job)).toBe("succeeded");
  await check.click();
  await expect(row("mcore")).toHaveAttribute("data-mark", "ok", { timeout: 20_000 });
});

test("a launch goes through the pre-flight and trains", async () => {
  await newExperiment("goes");
  await field("length").fill("60");
  await page.getByRole("button", { name: "Launch on 2 nodes, 4 GPUs" }).click();
  await expect(page).toHaveURL(/\/experiments\/[0-9a-f-]{36}/, { timeout: 20_000 });
});

test("a sweep waits as a group behind it, in an order that keys and the mouse change", async () => {
  await newExperiment("rates");
  await field("length").fill("60");
  await page.getByText("Later, after another, or as a sweep").click();
  await page.getByRole("button", { name: "Add a field" }).click();
  await page.getByLabel("Values", { exact: true }).fill("1e-3, 5e-3, 1e-2");
  await page.getByRole("button", { name: "Add to the queue · 3 runs" }).scrollIntoViewIfNeeded();
  await picture("later");
  await page.getByRole("button", { name: "Add to the queue · 3 runs" }).click();
  await expect(page).toHaveURL(/experiments\/queue/, { timeout: 20_000 });
  const names = page.locator(".queue-row .queue-what > a:first-child");
  await expect(names).toHaveText(["rates-1", "rates-2", "rates-3"]);
  await expect(page.locator(".queue-row").first()).toContainText("for 2 GPUs on each node; 0 free");
  await expect(page.locator(".queue-row").nth(1)).toContainText("for those before it");
  await picture("queue");
  await page.locator(".queue-row").nth(2).focus();
  await page.keyboard.press("Alt+ArrowUp");
  await expect(names).toHaveText(["rates-1", "rates-3", "rates-2"]);
  await page.locator(".queue-row").nth(2).dragTo(page.locator(".queue-row").nth(0));
  await expect(names).toHaveText(["rates-2", "rates-1", "rates-3"]);
});

test("the queue outlives the console, and what is taken out is gone", async () => {
  await trainyard.killAndStartAgain();
  await page.reload();
  const names = page.locator(".queue-row .queue-what > a:first-child");
  await expect(names).toHaveText(["rates-2", "rates-1", "rates-3"]);
  for (const name of ["rates-3", "rates-1"]) {
    const own = page.locator(".queue-row", { hasText: name });
    await own.getByRole("button", { name: "Take out" }).click();
    await own.getByRole("alertdialog").getByRole("button", { name: "Take out" }).click();
    await expect(page.locator(".queue-row", { hasText: name })).toHaveCount(0);
  }
  await expect(names).toHaveText(["rates-2"]);
});

test("it begins by itself when the GPUs are free", async () => {
  test.setTimeout(120_000);
  const all = await api.call("GET", "/experiments");
  const goes = all.find((one: { experiment: { name: string } }) => one.experiment.name === "goes");
  await api.call("POST", `/experiments/${goes.experiment.id}/stop`);
  await expect(page.getByText("Nothing waits.")).toBeVisible({ timeout: 60_000 });
  await page.goto(`${trainyard.url}/experiments`);
  await page.getByRole("link", { name: "rates-2" }).click();
  await expect(page.locator(".page-head").getByText(/running|starting|done/)).toBeVisible({ timeout: 60_000 });
});

test("in Chinese", async () => {
  const chinese = await page.context().browser()?.newContext({ locale: "zh-CN", viewport: { width: 1280, height: 800 } });
  if (!chinese) throw new Error("no browser");
  const own = await chinese.newPage();
  await api.logIn(own);
  await own.goto(`${trainyard.url}/experiments/new`);
  await expect(own.getByText("单卡显存")).toBeVisible({ timeout: 30_000 });
  await own.getByRole("button", { name: "立即检查节点" }).click();
  await expect(own.getByRole("columnheader", { name: "检查项" })).toBeVisible({ timeout: 20_000 });
  await save(own, "launch", "preflight-zh");
  await chinese.close();
});

test("nothing went wrong in any page", async () => {
  expect(problems).toEqual([]);
});
