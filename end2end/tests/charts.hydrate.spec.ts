// The charts of one experiment: sections, search, axes, zoom, cursor, attempts, arrangement, files; and that no spike is lost.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import AxeBuilder from "@axe-core/playwright";
import { expect, type Locator, type Page, test } from "@playwright/test";
import { Api } from "./api.ts";
import { Console } from "./console.ts";

const trainyard = new Console();
let api: Api;
let ids: Record<string, string>;
let page: Page;

test.beforeAll(async ({ browser }) => {
  await trainyard.start(false);
  api = await Api.setUp(trainyard);
  const seeded = spawnSync("python3", [join(import.meta.dirname, "seed_charts.py"), join(trainyard.folder, "console/trainyard.sqlite")], { encoding: "utf8" });
  if (seeded.status !== 0) throw new Error(seeded.stderr);
  ids = JSON.parse(seeded.stdout);
  page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.on("pageerror", (error) => console.error(error));
  await api.logIn(page);
});

test.afterAll(async () => {
  await page?.close();
  await trainyard.stop();
});

/** Opens the charts of an experiment and waits until the first one is painted. */
async function open(name: string, words = "", on: Page = page): Promise<void> {
  await on.goto(`${trainyard.url}/experiments/${ids[name]}${words}`);
  await expect(on.locator(".chart-canvas").first()).toBeVisible();
  await expect(on.locator(".chart-first").first()).toBeHidden();
}

function chart(title: string): Locator {
  return page.locator("figure", { has: page.locator(".chart-title", { hasText: new RegExp(`^${title}$`) }) });
}

function word(key: string): string | null {
  return new URL(page.url()).searchParams.get(key);
}

async function box(of: Locator): Promise<{ x: number; y: number; width: number; height: number }> {
  const found = await of.boundingBox();
  if (!found) throw new Error("not in the page");
  return found;
}

test("every series stands in its section, and a search finds by words and by pattern", async () => {
  await open("a run with a restart");
  await expect(page.locator(".chart-section-head")).toHaveText([/Training\s*2/, /Other series\s*1/, /signed\s*4/, /GPUs and machines\s*1/]);
  const search = page.getByRole("searchbox", { name: "Search series" });
  await search.fill("SIGNED value");
  await expect(page.locator(".chart-title")).toHaveText(["signed/value"]);
  await page.getByRole("button", { name: "Regular expression" }).click();
  await search.fill("^(loss|signed/v.*)$");
  await expect(page.locator(".chart-title")).toHaveText(["loss", "signed/value"]);
  await search.fill("loss(");
  await expect(page.locator("#chart-search-finding")).toHaveText("Not a regular expression: unclosed group.");
  await expect(search).toHaveValue("loss(");
  // One that would run for ever in a browser is answered at once.
  await search.fill("^(a+)+$");
  await expect(page.getByText("No series has this in its name.")).toBeVisible();
  await search.fill("");
  await expect(page.locator(".chart-title").first()).toHaveText("loss");
});

test("axis, smoothing, logarithm and attempts stand in the address, and a link shows the same", async () => {
  await open("a run with a restart");
  await page.getByRole("combobox", { name: "x", exact: true }).selectOption("epoch");
  await page.getByRole("combobox", { name: "Smoothing" }).selectOption("Gaussian");
  await page.getByRole("button", { name: "log y" }).click();
  await expect(chart("signed/value").locator(".chart-note")).toContainText("no place on a logarithmic axis");
  await page.getByRole("button", { name: "min–max band" }).click();
  await page.getByRole("combobox", { name: "Attempt" }).selectOption("newest");
  expect([word("x"), word("smooth"), word("log"), word("band"), word("attempt")]).toEqual(["by:epoch", "gauss:5", "y", "1", "newest"]);
  await page.reload();
  await expect(page.getByRole("combobox", { name: "x", exact: true })).toHaveValue("by:epoch");
  await expect(page.getByRole("combobox", { name: "Smoothing" })).toHaveValue("gauss");
  await expect(page.getByRole("button", { name: "log y" })).toHaveAttribute("aria-pressed", "true");
  await expect(chart("loss").locator(".chart-value")).toContainText("4.7");
  // Offered is only what the run has: its batch size is not known.
  await expect(page.getByRole("combobox", { name: "x", exact: true }).locator("option")).toHaveText(["step", "relative time", "wall time (UTC)", "epoch"]);
});

test("earlier attempts lie behind the newest, are merged on demand, or shown one alone", async () => {
  await open("a run with a restart");
  const lines = chart("loss").locator(".chart-line");
  await expect(lines).toHaveText([/Attempt 2/, /Attempt 1/]);
  await page.getByRole("combobox", { name: "Attempt" }).selectOption("merged");
  await expect(lines).toHaveCount(0);
  await page.getByRole("combobox", { name: "Attempt" }).selectOption("1");
  await expect(chart("loss").locator(".chart-value")).toContainText("2 600");
  await page.getByRole("combobox", { name: "Attempt" }).selectOption("each");
  await expect(lines).toHaveCount(2);
});

test("a drag zooms all charts to it, keys and double click lead back, and the cursor is one", async () => {
  await open("a run with a restart");
  const canvas = chart("loss").locator("canvas");
  const at = await box(canvas);
  await page.mouse.move(at.x + at.width * 0.6, at.y + 60);
  await expect(chart("gradient norm").locator(".chart-cursor")).toBeVisible();
  await page.mouse.down();
  await page.mouse.move(at.x + at.width * 0.8, at.y + 60, { steps: 4 });
  await expect(chart("loss").locator(".chart-selection")).toBeVisible();
  await page.mouse.up();
  await expect.poll(() => word("range")).toMatch(/^\d+(\.\d+)?\.\.\d+/);
  const [from, to] = (word("range") ?? "").split("..").map(Number);
  expect(to - from).toBeGreaterThan(700);
  expect(to - from).toBeLessThan(1400);
  // Shift and drag move what is shown, the wheel brings it nearer.
  await page.keyboard.down("Shift");
  await page.mouse.down();
  await page.mouse.move(at.x + at.width * 0.7, at.y + 60, { steps: 4 });
  await page.mouse.up();
  await page.keyboard.up("Shift");
  const panned = (word("range") ?? "").split("..").map(Number);
  expect(panned[0]).toBeGreaterThan(from);
  expect(panned[1] - panned[0]).toBeCloseTo(to - from, 0);
  await page.mouse.wheel(0, -100);
  await expect.poll(() => (word("range") ?? "").split("..").map(Number).reduce((a, b) => b - a)).toBeLessThan((to - from) * 0.85);
  await canvas.dblclick();
  await expect.poll(() => word("range")).toBeNull();
  await canvas.focus();
  await page.keyboard.press("+");
  await expect.poll(() => word("range")).not.toBeNull();
  await page.keyboard.press("0");
  await expect.poll(() => word("range")).toBeNull();
  await page.mouse.move(5, 5);
  await page.keyboard.press("End");
  await expect(chart("loss").locator(".chart-value")).toContainText("4 700");
  await page.keyboard.press("ArrowLeft");
  await expect(chart("loss").locator(".chart-value")).not.toContainText("4 700");
  await page.keyboard.press("t");
  await expect(chart("loss").getByRole("table")).toBeVisible();
});

test("charts of their own do not move the others", async () => {
  await open("a run with a restart", "?apart=1");
  const canvas = chart("loss").locator("canvas");
  await canvas.focus();
  await page.keyboard.press("+");
  await expect(page.getByRole("button", { name: "Reset zoom" })).toBeVisible();
  expect(word("range")).toBeNull();
  const at = await box(canvas);
  await page.mouse.move(at.x + 200, at.y + 60);
  await expect(chart("loss").locator(".chart-cursor")).toBeVisible();
  await expect(chart("gradient norm").locator(".chart-cursor")).toBeHidden();
});

test("what is no number is told at its step", async () => {
  await open("a run with a restart", "?range=2990..3010&attempt=newest");
  const canvas = chart("loss").locator("canvas");
  const at = await box(canvas);
  const value = chart("loss").locator(".chart-value");
  // Step 3000 lies in the middle of the plot, which begins 52 pixels from the left and ends 10 before the right.
  await page.mouse.move(at.x + 52 + (at.width - 62) / 2, at.y + 60);
  await expect(value).toContainText("3 000 · NaN");
  await open("a run with a restart", "?range=3390..3410&attempt=newest");
  await page.mouse.move(at.x + 52 + (at.width - 62) / 2, at.y + 61);
  await expect(value).toContainText("+∞");
  await open("a run with a restart");
  await expect(chart("signed/nan only").locator(".chart-value")).toContainText("100 points, each NaN or infinite");
});

async function choose(title: string, entry: string | RegExp): Promise<void> {
  await chart(title).locator(".chart-more").click();
  await chart(title).getByRole("button", { name: entry, exact: typeof entry === "string" }).click();
}

test("what is pinned, hidden, moved and resized holds on another machine", async ({ browser }) => {
  await open("a run with a restart");
  await choose("signed/value", "Pin");
  await expect(page.locator(".chart-title").first()).toHaveText("signed/value");
  await choose("epoch", "Hide");
  await expect(chart("epoch")).toHaveCount(0);
  await choose("gradient norm", "Wider");
  await chart("gradient norm").locator("canvas").focus();
  const kept = page.waitForResponse((answer) => answer.url().endsWith("/fn/metrics/arrange"));
  await page.keyboard.press("[");
  expect((await kept).ok()).toBe(true);
  const second = await browser.newPage();
  await api.logIn(second);
  await open("a run with a restart", "", second);
  await expect(second.locator(".chart-section-head")).toHaveText([/Pinned\s*1/, /Training\s*2/, /signed\s*3/, /GPUs/, /Hidden\s*1/]);
  await expect(second.locator(".chart-title").nth(1)).toHaveText("gradient norm");
  await expect(second.locator("figure", { hasText: "gradient norm" })).toHaveAttribute("data-wide", "2");
  await second.close();
});

test("series of one name are lines of one chart, and one chart is opened large until Back", async () => {
  await open("a run with a restart");
  const power = chart("GPU power \\(W\\)");
  await power.scrollIntoViewIfNeeded();
  await expect(power.locator(".chart-line")).toHaveCount(4);
  await power.locator(".chart-title").click();
  await expect.poll(() => word("chart")).toBe("gpu_power_w");
  await expect(page.locator("figure")).toHaveCount(1);
  await page.goBack();
  await expect(chart("loss")).toBeVisible();
  expect(word("chart")).toBeNull();
});

test("a chart is taken along as PNG, SVG and CSV", async () => {
  await open("a run with a restart", "?range=2990..3010&attempt=newest");
  const saved = async (entry: string): Promise<Buffer> => {
    const coming = page.waitForEvent("download");
    await choose("loss", entry);
    return readFileSync(await (await coming).path());
  };
  expect((await saved("Download PNG")).subarray(1, 4).toString()).toBe("PNG");
  const svg = (await saved("Download SVG")).toString();
  expect(svg).toMatch(/^<svg width="\d+" height="\d+".*<polyline/s);
  expect(svg).not.toContain("var(");
  const csv = (await saved("Download CSV")).toString().trim().split("\n");
  expect(csv).toHaveLength(1 + 21);
  expect(csv[11]).toBe("loss,,2,3000,3000,,NaN");
});

/** How many separate strokes cross a row of a canvas, at a share of its height from above. */
function strokes(of: Locator, share: number): Promise<number> {
  return of.evaluate((canvas: HTMLCanvasElement, share) => {
    const row = canvas.getContext("2d")?.getImageData(54, Math.round(canvas.height * share), canvas.width - 66, 1).data ?? [];
    let count = 0;
    for (let at = 3, was = 0; at < row.length; at += 4) {
      if (row[at] > 40 && was <= 40) count += 1;
      was = row[at];
    }
    return count;
  }, share);
}

test("of a hundred spikes among a million points none is lost at any zoom, down to the raw point", async () => {
  await open("a million points", "?smooth=none&chart=loss");
  const canvas = chart("loss").locator("canvas");
  // Half way up there is no grid line in reach: marks stand at 0, 10, 20 …, the row lies at about 27.
  await expect.poll(() => strokes(canvas, 0.45)).toBe(100);
  for (const [from, to, count] of [[0, 500_000, 50], [100_000, 200_000, 10], [121_000, 122_000, 1]]) {
    await open("a million points", `?smooth=none&chart=loss&range=${from}..${to}`);
    await expect.poll(() => strokes(canvas, 0.45)).toBe(count);
  }
  await open("a million points", "?smooth=none&chart=loss&range=121230..121240");
  await canvas.focus();
  await page.keyboard.press("t");
  const row = page.getByRole("row", { name: "121 234" });
  await expect(row).toContainText("50.0000");
  await expect(page.locator("tbody tr")).toHaveCount(11);
});

test("scrolling past hundreds of charts freezes nothing", async () => {
  await open("many series");
  const closed = page.locator('.chart-section-button[aria-expanded="false"]');
  while ((await closed.count()) > 0) await closed.first().click();
  await expect.poll(() => page.locator("figure").count()).toBeGreaterThanOrEqual(192);
  const long = await page.evaluate(async () => {
    const tasks: number[] = [];
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: "longtask" });
    for (let y = 0; y < document.body.scrollHeight; y += 250) {
      window.scrollTo(0, y);
      await new Promise((done) => requestAnimationFrame(done));
    }
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return tasks;
  });
  console.log(`tasks above 50 ms while scrolling: ${long.length}, longest ${Math.max(0, ...long)} ms`);
  // A machine that does other things at the same time stretches a task; a page that freezes shows far more than this.
  expect(Math.max(0, ...long)).toBeLessThan(250);
});

for (const [scheme, width] of [["light", 1440], ["dark", 1440], ["light", 390], ["dark", 390]] as const) {
  test(`axe finds nothing to complain about, ${scheme}, ${width} pixels`, async ({ browser }) => {
    const context = await browser.newContext({ viewport: { width, height: 850 }, colorScheme: scheme });
    const other = await context.newPage();
    await api.logIn(other);
    for (const [name, words] of [["a run with a restart", ""], ["a run with a restart", "?chart=gpu_power_w"], ["nothing yet", ""]]) {
      await other.goto(`${trainyard.url}/experiments/${ids[name]}${words}`);
      if (name !== "nothing yet") await expect(other.locator(".chart-first").first()).toBeHidden();
      // While the page is taken over, its title is gone for a moment.
      await other.waitForLoadState("networkidle");
      await expect(other).toHaveTitle(/Trainyard/);
      const found = await new AxeBuilder({ page: other }).analyze();
      expect(found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(" | ")}`)).toEqual([]);
      expect(await other.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    }
    await context.close();
  });
}
