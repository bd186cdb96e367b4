import { type Page, expect, test } from "@playwright/test";
import { appendFileSync, closeSync, openSync, readFileSync, readdirSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { Api, type Prepared } from "./api.ts";
import { Console } from "./console.ts";
import { note, picture as save } from "./pictures.ts";

// The log view: a long log at its end, found in, gone through, coloured, copied and downloaded; and one that grows.
const trainyard = new Console();
let api: Api;
let page: Page;
let prepared: Prepared;
let job: string;
/** The log of the finished job, replaced by one made here. */
let path: string;
const problems: string[] = [];

const LINES = 400_000;

/** Lines of a training on `LINES` lines, some of them odd. */
function write(): void {
  const file = openSync(path, "w");
  let block: string[] = [];
  for (let n = 1; n <= LINES; n++) {
    const second = Math.floor(n / 10);
    const time = new Date(Date.UTC(2026, 10, 24, 0, 0, second)).toISOString().replace("T", " ").slice(0, 19);
    let line = `${time} [INFO:swift] step ${n} loss=${(4 / (1 + n / 1000)).toFixed(4)}`;
    if (n === 1234) line = `${time} needle <script>window.hacked = 1</script> & "quotes"`;
    if (n === LINES - 40) line = `${time} \x1b[1;31mERROR\x1b[0m \x1b[38;5;46mgreen\x1b[0m \x1b[48;2;255;255;0mmarked\x1b[0m 损失 \x1b]0;title\x07 end`;
    if (n === LINES - 20) line = Array.from({ length: 9 }, (_, at) => `\rTrain: ${at * 10}%`).join("") + "\rTrain: 100%";
    block.push(line);
    if (block.length === 10_000) {
      writeSync(file, `${block.join("\n")}\n`);
      block = [];
    }
  }
  closeSync(file);
}

test.beforeAll(async ({ browser }) => {
  test.setTimeout(120_000);
  await trainyard.start();
  api = await Api.setUp(trainyard);
  prepared = await api.prepared();
  job = (await api.call("GET", "/jobs")).find((one: { kind: string }) => one.kind === "convert").id;
  const found = readdirSync(trainyard.home(), { recursive: true, encoding: "utf8" }).find((name) => name.endsWith(`${job}/0/log`));
  if (!found) throw new Error("the job has no log");
  path = join(trainyard.home(), found);
  write();
  page = await (await browser.newContext({ viewport: { width: 1280, height: 800 }, permissions: ["clipboard-read", "clipboard-write"] })).newPage();
  note(page, problems);
  await api.logIn(page);
});
test.afterAll(async () => trainyard.stop());
test.describe.configure({ mode: "serial" });

const log = () => page.getByRole("log");
const field = () => page.getByRole("searchbox");

const picture = (name: string) => save(page, "logs", name);

test("a long log opens at its end, with numbers, colours and collapsed progress bars", async () => {
  await page.goto(`${trainyard.url}/jobs/${job}`);
  await expect(log().getByText(`step ${LINES} loss`)).toBeInViewport();
  await expect(page.getByRole("button", { name: "Follow the end" })).toHaveAttribute("aria-pressed", "true");
  await expect(log().locator(`p[data-n="${LINES}"]`)).toContainText(`step ${LINES} `);
  // Not the whole of it is in the page.
  expect(await log().locator("p").count()).toBeLessThan(20_000);
  const error = log().locator(".f1.b", { hasText: "ERROR" });
  await expect(error).toHaveCSS("font-weight", "700");
  await expect(log().locator(".f10", { hasText: "green" })).toBeAttached();
  await expect(log().locator("p", { hasText: "Train: " })).toHaveText("Train: 100%");
  await page.getByRole("button", { name: "All states of progress bars" }).click();
  await expect(log().locator("p", { hasText: "Train: " })).toHaveCount(10);
  await page.getByRole("button", { name: "All states of progress bars" }).click();
  await expect(log().locator("p", { hasText: "Train: " })).toHaveCount(1);
  await picture("end");
});

test("scrolling up loads earlier lines where one is, and the end is one click away", async () => {
  const first = async () => Number(await log().locator("p").first().getAttribute("data-n"));
  const before = await first();
  await log().evaluate((element) => (element.scrollTop = 100));
  await expect.poll(first).toBeLessThan(before);
  await expect(log().locator(`p[data-n="${before + 15}"]`)).toBeInViewport();
  await expect(page.getByRole("button", { name: "Follow the end" })).toHaveAttribute("aria-pressed", "false");
  await expect(page).toHaveURL(/at=\d+/);
  await page.keyboard.press("g");
  await expect(log().locator('p[data-n="1"]')).toBeInViewport();
  await page.keyboard.press("G");
  await expect(log().locator(`p[data-n="${LINES}"]`)).toBeInViewport();
});

test("a text is found anywhere in the log, and nothing of it becomes markup", async () => {
  await page.keyboard.press("/");
  await expect(field()).toBeFocused();
  await field().fill("<script>");
  await page.keyboard.press("Enter");
  await expect(page.getByText("1 / 1 hits")).toBeVisible();
  const line = log().locator('p[data-n="1234"]');
  await expect(line).toBeInViewport();
  await expect(line).toContainText('needle <script>window.hacked = 1</script> & "quotes"');
  await expect(line.locator("mark")).toHaveText("<script>");
  expect(await page.evaluate(() => "hacked" in window)).toBe(false);
  await expect(page).toHaveURL(/find=%3Cscript%3E/);
  await picture("found");
});

test("a link shows the same place to somebody else", async ({ browser }) => {
  await expect(page).toHaveURL(/at=\d+/);
  const other = await (await browser.newContext()).newPage();
  await api.logIn(other);
  await other.goto(page.url());
  await expect(other.getByRole("log").locator('p[data-n="1234"]')).toBeInViewport();
  await expect(other.getByRole("log").locator("mark")).toHaveText("<script>");
  await expect(other.getByText("1 hits")).toBeVisible();
  await other.close();
});

test("a regex counts all hits and goes through them; a wrong one is said and kept", async () => {
  await page.getByRole("button", { name: "Regular expression" }).click();
  await field().fill("step (1|3)\\d{4}9 loss");
  await page.getByRole("button", { name: "Find", exact: true }).click();
  await expect(page.getByText(/\/ 20.000 hits/)).toBeVisible();
  await log().click();
  await page.keyboard.press("g");
  await page.keyboard.press("/");
  await page.keyboard.press("Enter");
  await expect(page.getByText(/^1 \/ 20.000 hits/)).toBeVisible();
  await expect(log().locator('p[data-n="100009"]')).toBeInViewport();
  await field().blur();
  await page.keyboard.press("n");
  await expect(page.getByText(/^2 \/ 20.000 hits/)).toBeVisible();
  await expect(log().locator('p[data-n="100019"]')).toBeInViewport();
  await page.keyboard.press("N");
  await page.keyboard.press("N");
  await expect(page.getByText(/^20.000 \/ 20.000 hits/)).toBeVisible();
  await expect(log().locator('p[data-n="399999"]')).toBeInViewport();
  await page.getByText("List of hits").click();
  await expect(page.getByRole("button", { name: /line 399.989 .*step 399989 loss/ })).toBeVisible();
  await picture("regex");
  await field().fill("step (");
  await page.keyboard.press("Enter");
  await expect(page.getByText("This cannot be looked for: unclosed group.")).toBeVisible();
  await expect(field()).toHaveValue("step (");
});

test("a time leads to its line, and what is no time is said", async () => {
  const time = page.getByRole("textbox", { name: "Time" });
  await time.fill("2026-11-24 03:00");
  await page.getByRole("button", { name: "Go", exact: true }).click();
  await expect(page.getByText(/first line from then on:\s+2026-11-24 03:00:00/)).toBeVisible();
  await expect(log().locator('p[data-n="108000"]')).toBeInViewport();
  await time.fill("soon");
  await page.getByRole("button", { name: "Go", exact: true }).click();
  await expect(page.getByText('"soon" is no time')).toBeVisible();
});

test("what is shown can be copied, and the whole log downloaded", async () => {
  await page.getByRole("button", { name: "Follow the end" }).click();
  await expect(log().locator(`p[data-n="${LINES}"]`)).toBeInViewport();
  await page.getByRole("button", { name: "Copy what is shown" }).click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toContain(`step ${LINES} loss`);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download" }).click()]);
  expect(download.suggestedFilename()).toMatch(/^yard-base.*rank-0\.log$/);
  expect(readFileSync(await download.path()).equals(readFileSync(path))).toBe(true);
});

test("a log that was replaced, odd bytes and a log that is gone are told apart", async () => {
  writeFileSync(path, Buffer.concat([Buffer.from("new beginning\r\nbad \xff byte\n", "latin1"), Buffer.from(`${"long ".repeat(200_000)}\nlast without end`)]));
  await page.reload();
  await expect(log().getByText("last without end")).toBeInViewport();
  await page.keyboard.press("g");
  await expect(log().getByText("new beginning")).toBeInViewport();
  await expect(log().getByText("bad � byte")).toBeVisible();
  appendFileSync(path, "\n");
  writeFileSync(path, "");
  await page.reload();
  await expect(page.getByText("Nothing was written yet.")).toBeVisible();
});

test("the log of a training is followed while it grows, until one scrolls up", async () => {
  test.setTimeout(120_000);
  const { cluster, model, dataset } = prepared;
  const recipe = { length_unit: "iterations", length: "100", logging_interval: "1", save_interval: "1000" };
  const form = { name: "followed", cluster_id: cluster, model_id: model, dataset_id: dataset, preset: "rehearsal", recipe };
  const experiment = (await api.call("POST", "/experiments", { launch_key: "one", form })).id;
  // The records are in the last rank's log. It stands below the processes.
  await page.setViewportSize({ width: 1280, height: 1000 });
  await page.goto(`${trainyard.url}/experiments/${experiment}?tab=logs&rank=1`);
  const newest = async () => Number((await log().getByText(/'iteration': '\d+\/100'/).last().textContent())?.match(/'iteration': '(\d+)\//)?.[1]);
  await expect(log().getByText(/'iteration': '\d+\/100'/).last()).toBeInViewport({ timeout: 60_000 });
  const seen = await newest();
  await expect.poll(newest, { timeout: 20_000 }).toBeGreaterThan(seen + 5);
  await expect(log().getByText(/'iteration': '\d+\/100'/).last()).toBeInViewport();
  await log().evaluate((element) => (element.scrollTop = 0));
  const follow = page.getByRole("button", { name: "Follow the end" });
  await expect(follow).toHaveAttribute("aria-pressed", "false");
  const top = () => log().evaluate((element) => element.scrollTop);
  const before = await top();
  await expect(page.locator(".page-head").getByText("done")).toBeVisible({ timeout: 90_000 });
  expect(await top(), "what one reads stays where it is").toBe(before);
  await picture("training");
  await follow.click();
  await expect(log().getByText("End time of running main")).toBeInViewport();
});

test("no page had an error of its own", () => {
  expect(problems).toEqual([]);
});
