import { type Page, expect, test } from "@playwright/test";
import { existsSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { Api } from "./api.ts";
import { Console } from "./console.ts";
import { note } from "./pictures.ts";

// A script of a real, unmodified swanlab client is sent here as the page says, and looked at: charts, lines, pictures, texts.
const root = resolve(import.meta.dirname, "../..");
const venv = join(root, "target/venvs/swanlab-0.7.20");
const trainyard = new Console();
let page: Page;
const problems: string[] = [];

test.beforeAll(async ({ browser }) => {
  test.setTimeout(120_000);
  test.skip(!existsSync(join(venv, "installed")), "scripts/test_swanlab.py installs the client");
  await trainyard.start();
  const api = await Api.setUp(trainyard);
  page = await (await browser.newContext({ viewport: { width: 1280, height: 800 }, permissions: ["clipboard-read", "clipboard-write"] })).newPage();
  note(page, problems);
  await api.logIn(page);
});
test.afterAll(async () => trainyard.stop());
test.describe.configure({ mode: "serial" });

test("the page makes a key and fills it in, and what it says works", async () => {
  test.setTimeout(120_000);
  await page.goto(`${trainyard.url}/experiments/send`);
  await page.getByRole("button", { name: "Make a key" }).click();
  const shown = page.getByRole("status").locator("code");
  await expect(shown).toHaveText(/^[0-9A-Za-z]{21}$/);
  const key = (await shown.textContent()) ?? "";
  const said = page.locator(".taken-along").first();
  await expect(said).toContainText(`SWANLAB_API_HOST=${trainyard.url}/api`);
  await expect(said).toContainText(`SWANLAB_API_KEY=${key}`);
  await page.screenshot({ path: "test-results/send.png", fullPage: true });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: "test-results/send-phone.png", fullPage: true });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await page.setViewportSize({ width: 1280, height: 800 });

  const lines = (await said.locator("pre").textContent()) ?? "";
  const env = Object.fromEntries([...lines.matchAll(/export (\w+)=(\S+)/g)].map((found) => [found[1], found[2]]));
  const name = "run <b>bold</b>";
  const words = [join(root, "scripts/swanlab/client.py"), "train", name];
  const done = spawnSync(join(venv, "bin/python"), words, { cwd: trainyard.folder, encoding: "utf8", env: { PATH: process.env.PATH, HOME: trainyard.folder, ...env } });
  expect(done.status, done.stdout + done.stderr).toBe(0);
});

test("its project can be chosen, and the run shows lines, pictures and texts", async () => {
  await page.goto(`${trainyard.url}/experiments`);
  await page.locator(".project-name").click();
  await page.getByRole("button", { name: "demo" }).click();
  await page.getByRole("link", { name: "run <b>bold</b>" }).click();
  await expect(page.getByText("finished", { exact: true }).first()).toBeVisible();
  await expect(page.locator("canvas").first()).toBeVisible();
  await page.screenshot({ path: "test-results/tracked-charts.png" });

  await page.getByRole("link", { name: "Logs", exact: true }).click();
  await expect(page.getByRole("log")).toContainText("hello from run <b>bold</b>");
  await page.getByRole("link", { name: "Media", exact: true }).click();
  const pictures = page.locator("section.media", { hasText: "pictures" });
  await expect(pictures.locator("figcaption").first()).toHaveText("picture of step 5");
  const width = () => pictures.locator("img").first().evaluate((img: HTMLImageElement) => img.naturalWidth);
  await expect.poll(width).toBe(8);
  await pictures.getByRole("slider").fill("0");
  await expect(pictures.locator("figcaption").first()).toHaveText("picture of step 0");
  await expect(page.locator("section.media", { hasText: "words" }).locator("pre")).toHaveText("said at 5 <b>&");
  await page.screenshot({ path: "test-results/tracked-media.png" });
  await page.goto(`${trainyard.url}/@ada/demo`);
  await expect(page).toHaveURL(/\/experiments$/);
  expect(problems).toEqual([]);
});
