import { expect, type Page, test } from "@playwright/test";
import { Api } from "./api.ts";
import { Console } from "./console.ts";
import { note, picture as save } from "./pictures.ts";

/** The table of experiments and the compare page, over runs that a script pushed. */
const trainyard = new Console();
test.describe.configure({ mode: "serial" });

let page: Page;
const problems: string[] = [];
/** A name of 4 KB that would run if it were ever taken as HTML. */
const LONG = `<script>document.title = "broken"</script>${"long ".repeat(800)}`.slice(0, 4096).trim();

/** A run with its configuration, and losses that fall towards `floor`. */
async function push(api: Api, name: string, lr: number, seed: number, floor: number): Promise<void> {
  const steps = Array.from({ length: 200 }, (_, step) => step);
  await api.call("POST", "/push", {
    run: `walk-${seed}`,
    name,
    config: { learning_rate: lr, seed, model: { name: "yard-base", layers: 4 } },
    state: "finished",
    points: [
      {
        steps,
        times_millis: steps.map((step) => 1_790_000_000_000 + step * 1000),
        values: { loss: steps.map((step) => floor + 3 * Math.exp(-step / (10 + 1e5 * lr))) },
      },
    ],
  });
}

test.beforeAll(async ({ browser }) => {
  await trainyard.start();
  const api = await Api.setUp(trainyard);
  for (const [at, lr] of [1e-4, 1e-4, 5e-4, 5e-4].entries()) await push(api, `run-${at}`, lr, at, 1 + at / 10);
  await push(api, LONG, 2e-4, 9, 0.5);
  page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  note(page, problems);
  await api.logIn(page);
});
test.afterAll(async () => trainyard.stop());

const picture = (name: string) => save(page, "pages", name);

const names = () => page.locator(".runs tbody .run-name > a");

test("every pushed run is in the table, and a name stays text", async () => {
  await page.goto(`${trainyard.url}/experiments`);
  await expect(names()).toHaveCount(5);
  await expect(names().filter({ hasText: "<script>" })).toHaveCount(1);
  await expect(page).toHaveTitle(/Experiments/);
  await picture("table");
});

test("a column sorts, and the address says so", async () => {
  await page.locator("th", { hasText: "loss" }).first().getByRole("link").click();
  await expect(page).toHaveURL(/sort=last:loss/);
  await expect(names().nth(1)).toHaveText("run-0");
  await page.locator("th", { hasText: "loss" }).first().getByRole("link").click();
  await expect(page).toHaveURL(/sort=-last:loss/);
  await expect(names().first()).toHaveText("run-3");
});

test("a filter is read, and one that cannot be read is said beside the field", async () => {
  const field = page.locator('input[name="filter"]');
  await field.fill("lr >");
  await field.press("Enter");
  await expect(page.getByText("there is no value")).toBeVisible();
  await expect(field).toHaveValue("lr >");
  await field.fill("lr > 1e-4 run");
  await field.press("Enter");
  await expect(names()).toHaveCount(2);
  await expect(page.getByText("there is no value")).toBeHidden();
  await page.getByRole("button", { name: "Clear" }).click();
  await expect(names()).toHaveCount(5);
});

test("columns are shown and stay after a reload", async () => {
  await page.locator("details.columns > summary").click();
  await page.getByPlaceholder("Find a column").fill("seed");
  await page.locator('.columns [data-do="show"][data-of="config:seed"]').click();
  await expect(page.locator("th", { hasText: "seed" })).toBeVisible();
  await page.reload();
  await expect(page.locator("th", { hasText: "seed" })).toBeVisible();
});

test("groups have counts and means, and lead to their runs", async () => {
  await page.locator('select[data-do="group"]').selectOption("config:learning_rate");
  await expect(page).toHaveURL(/group=config:learning_rate/);
  const row = page.locator(".runs tbody tr", { hasText: "5e-4" }).filter({ hasText: "2 experiments" });
  await expect(row).toHaveCount(1);
  await picture("table-groups");
  await row.locator(".run-name a").click();
  await expect(row.locator(".run-name a")).toHaveAttribute("aria-expanded", "true");
  await expect(page.locator(".runs .in-group .run-name a")).toHaveCount(2);
  await picture("table-unfolded");
  await row.locator(".run-name a").click();
  await expect(page.locator(".runs .in-group")).toHaveCount(0);
  await row.getByRole("link", { name: "2 experiments" }).click();
  await expect(page).not.toHaveURL(/group=/);
  await expect(names()).toHaveCount(2);
});

test("chosen runs are compared: curves, groups, differences", async () => {
  await page.goto(`${trainyard.url}/experiments?filter=run`);
  for (const at of [0, 1, 2, 3]) await page.locator('input[data-do="pick"]').nth(at).check();
  await page.getByRole("link", { name: "Compare 4" }).click();
  const lines = page.locator(".overlay-plot path.line");
  await expect(lines).toHaveCount(4);
  const colours = await lines.evaluateAll((all) => all.map((line) => line.getAttribute("data-colour")));
  expect(new Set(colours).size).toBe(4);
  const diff = page.locator("table.diff");
  await expect(diff.locator("tbody tr")).toHaveCount(2);
  await expect(diff).toContainText("learning_rate");
  await expect(diff, "what is the same is left out").not.toContainText("yard-base");
  // The cursor's values take the place of the last ones.
  const field = page.locator(".overlay-legend td[data-last]").first();
  const last = await field.textContent();
  await page.locator(".overlay-plot").first().hover({ position: { x: 90, y: 60 } });
  await expect(field).not.toHaveText(last ?? "");
  await picture("compare");
  await page.locator('select[name="group"]').selectOption("config:learning_rate");
  await expect(page.locator(".overlay-plot path.band")).toHaveCount(2);
  await expect(page.locator(".overlay-legend").first()).toContainText("5e-4 (2)");
});

test("a drag zooms, and 0 shows all again", async () => {
  const plot = page.locator(".overlay-plot").first();
  const place = await plot.boundingBox();
  if (!place) throw new Error("no plot");
  await page.mouse.move(place.x + 150, place.y + 60);
  await page.mouse.down();
  await page.mouse.move(place.x + 300, place.y + 60, { steps: 4 });
  await page.mouse.up();
  await expect(page).toHaveURL(/range=/);
  await plot.focus();
  await page.keyboard.press("0");
  await expect(page).not.toHaveURL(/range=/);
});

test("steps to a value, with how much sooner", async () => {
  const value = page.locator('input[data-do="reach-value"]');
  await value.fill("1.25");
  await value.press("Enter");
  await expect(page).toHaveURL(/reach=1.25:loss/);
  const rows = page.locator("#reach tbody tr");
  await expect(rows).toHaveCount(4);
  await expect(rows.first()).toContainText("run-0");
  await expect(page.locator("#reach")).toContainText("not reached");
});

test("parallel coordinates are brushed with the keys", async () => {
  await page.locator('[data-axis="0"]').focus();
  await page.keyboard.press("ArrowUp");
  await expect(page).toHaveURL(/brush=0:/);
  await expect(page.locator(".parallel path.line.dimmed").first()).toBeAttached();
  await expect(page.locator('[data-axis="0"]'), "the focus stays").toBeFocused();
  await picture("compare-brushed");
  await page.keyboard.press("Delete");
  await expect(page).not.toHaveURL(/brush=/);
});

test("notes and tags are kept, and nothing in them runs", async () => {
  await page.goto(`${trainyard.url}/experiments?filter=run-0`);
  await names().first().click();
  await page.getByPlaceholder("Add a tag").fill("baseline");
  await page.getByPlaceholder("Add a tag").press("Enter");
  await expect(page.locator(".tag-line .tag")).toContainText("baseline");
  await page.getByRole("link", { name: "Notes", exact: true }).click();
  const field = page.locator('textarea[name="notes"]');
  await field.fill("# A try\n\n- **lower** rate\n\n<script>document.title = 'broken'</script>");
  await page.getByRole("button", { name: "Save the notes" }).click();
  await expect(page.getByText("Saved.")).toBeVisible();
  await page.reload();
  await expect(page.locator(".markdown strong")).toHaveText("lower");
  await expect(page).not.toHaveTitle(/broken/);
  await picture("notes");
  await page.getByRole("link", { name: "Overview" }).click();
  await expect(page.locator(".about")).toContainText("yard-base");
  await picture("overview");
  await page.goto(`${trainyard.url}/experiments?filter=%23baseline`);
  await expect(names()).toHaveCount(1);
  await expect(page.locator(".run-notes").first()).toHaveText("A try");
});

test("a run is deleted only by its name, and is gone from the table", async () => {
  await page.goto(`${trainyard.url}/experiments?filter=run-3`);
  await names().first().click();
  await page.locator("details.more > summary").click();
  const name = page.locator('input[name="typed_name"]');
  await name.fill("another");
  await page.getByRole("button", { name: "Delete for good" }).click();
  await expect(page.getByText("This is not its name")).toBeVisible();
  await name.fill("run-3");
  await page.getByRole("button", { name: "Delete for good" }).click();
  await expect(page).toHaveURL(/\/experiments$/);
  await expect(names()).toHaveCount(4);
});

test("in Chinese too", async () => {
  await page.context().addCookies([{ name: "language", value: "zh", url: trainyard.url }]);
  await page.goto(`${trainyard.url}/experiments`);
  await expect(page.getByRole("button", { name: "筛选" })).toBeVisible();
  await picture("table-zh");
});

test("nothing panicked on the way", () => {
  expect(problems).toEqual([]);
});
