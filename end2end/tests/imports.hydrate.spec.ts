import { type Page, expect, test } from "@playwright/test";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Api } from "./api.ts";
import { Console } from "./console.ts";
import { note } from "./pictures.ts";

// Runs that TensorBoard's writer wrote: uploaded from this computer, and followed on a node, damaged and whole.
const trainyard = new Console();
let api: Api;
let page: Page;
const problems: string[] = [];
const name = "events.out.tfevents.1795477389.vm.966.0";
const captured = readFileSync(resolve(import.meta.dirname, `../../domain/fixtures/megatron-swift-4.6.0/lora_sft/runs/${name}`));
/** Of the second half of the file, at the end of a record. */
const half = recordEnd(captured, captured.length / 2);

/** Where the first record ends that lies behind `after`. */
function recordEnd(bytes: Buffer, after: number): number {
  let at = 0;
  while (at < after) at += 16 + Number(bytes.readBigUInt64LE(at));
  return at;
}

test.beforeAll(async ({ browser }) => {
  test.setTimeout(120_000);
  await trainyard.start();
  api = await Api.setUp(trainyard);
  page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  note(page, problems);
  await api.logIn(page);
});
test.afterAll(async () => trainyard.stop());
test.describe.configure({ mode: "serial" });

async function picture(what: string): Promise<void> {
  const folder = "test-results/imports";
  mkdirSync(folder, { recursive: true });
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    for (const [size, width, height] of [["desktop", 1280, 800], ["phone", 390, 844]] as const) {
      await page.setViewportSize({ width, height });
      await page.screenshot({ path: `${folder}/${what}-${size}-${colorScheme}.png`, fullPage: true });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(wide, `${what} on ${size} scrolls sideways`).toBeLessThanOrEqual(0);
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1280, height: 800 });
}

/** Steps of a run's series, by the API. */
async function series(experiment: string, tag: string): Promise<{ count: number; last_step: number } | undefined> {
  const all = await api.call("GET", `/experiments/${experiment}/series`);
  return all.find((one: { name: string }) => one.name === tag);
}

test("a chosen folder is uploaded, only its event files, and becomes experiments", async () => {
  const folder = join(trainyard.folder, "chosen/lora");
  mkdirSync(join(folder, "runs"), { recursive: true });
  writeFileSync(join(folder, "runs", name), captured);
  writeFileSync(join(folder, "weights.bin"), Buffer.alloc(1 << 20));
  await page.goto(`${trainyard.url}/experiments`);
  await page.getByRole("link", { name: "Import a run" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Import a run");
  // Nothing chosen, and then the wrong thing: said beside the field.
  const send = page.getByRole("button", { name: "Upload and import" });
  await send.click();
  await expect(page.getByText("Choose a folder or files.")).toBeVisible();
  await page.getByLabel("Or files").setInputFiles(join(folder, "weights.bin"));
  await send.click();
  await expect(page.getByText("None of the 1 chosen files is a tfevents file")).toBeVisible();
  await picture("refused");
  await page.getByLabel("Or files").setInputFiles([]);
  await page.getByLabel("A folder").setInputFiles(folder);
  await send.click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("lora");
  await expect(page.locator(".badge", { hasText: "read" })).toBeVisible();
  await picture("uploaded");
  await page.getByRole("link", { name: "lora/runs" }).click();
  await expect(page).toHaveURL(/experiments\/[0-9a-f-]{36}/);
  const id = page.url().match(/experiments\/([0-9a-f-]{36})/)?.[1] ?? "";
  expect(await series(id, "train/loss")).toMatchObject({ count: 47, last_step: 47 });
});

test("a folder of a node is followed while it grows, and damage is named", async () => {
  const folder = join(trainyard.home(), "tensorboard");
  mkdirSync(folder);
  const damaged = Buffer.from(captured.subarray(0, half));
  const last = recordEnd(captured, 20_000);
  damaged[last + 14] ^= 1;
  writeFileSync(join(folder, name), damaged);
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Experiments" }).click();
  await page.getByRole("link", { name: "Import a run" }).click();
  const path = page.getByLabel("Path");
  await path.fill(join(folder, "nowhere"));
  await page.getByRole("button", { name: "Import and follow" }).click();
  await expect(page.getByText(/There is no folder .*nowhere on node-1/)).toBeVisible();
  await expect(path).toHaveValue(join(folder, "nowhere"));
  await path.fill(folder);
  await page.getByRole("button", { name: "Import and follow" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("tensorboard");
  await expect(page.locator(".badge", { hasText: "followed" })).toBeVisible();
  await expect(page.getByText(`at byte ${String(last).replace(/(\d)(?=(\d{3})+$)/g, "$1\u202f")}: a record is not what was written`)).toBeVisible();
  await picture("followed");
  await page.getByRole("link", { name: "tensorboard", exact: true }).click();
  await expect(page).toHaveURL(/experiments\/[0-9a-f-]{36}/);
  const id = page.url().match(/experiments\/([0-9a-f-]{36})/)?.[1] ?? "";
  // The trainer writes on; the console is killed in between.
  appendFileSync(join(folder, name), captured.subarray(half, captured.length - 9));
  await trainyard.killAndStartAgain();
  appendFileSync(join(folder, name), captured.subarray(captured.length - 9));
  await expect(async () => expect(await series(id, "train/loss")).toMatchObject({ count: 47, last_step: 47 })).toPass();
  await page.goto(`${trainyard.url}/imports`);
  await expect(page.getByRole("link", { name: "tensorboard" })).toBeVisible();
  await picture("imports");
});

test("the pages stand in Chinese too", async () => {
  await page.getByRole("button", { name: "中文" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("导入运行");
  await expect(page.getByText("跟随中")).toBeVisible();
  await picture("chinese");
  expect(problems).toEqual([]);
});
