import { type Page, expect, test } from "@playwright/test";
import { Api, type Prepared } from "./api.ts";
import { Console } from "./console.ts";
import { note, picture } from "./pictures.ts";

// A team's own train.sh: pasted, it fills the form; the form's changes go into it; it is launched with its comments in it.
const trainyard = new Console();
let api: Api;
let page: Page;
let prepared: Prepared;
const problems: string[] = [];

test.beforeAll(async ({ browser }) => {
  test.setTimeout(120_000);
  await trainyard.start();
  api = await Api.setUp(trainyard);
  prepared = await api.prepared();
  page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  note(page, problems);
  await api.logIn(page);
});
test.afterAll(async () => trainyard.stop());
test.describe.configure({ mode: "serial" });

const PASTED = `#!/bin/bash
# our own: keep this line
export NNODES=2
NODE_RANK=\${NODE_RANK:-0}
LR=5e-3   # found by trying
rm -rf /tmp/trainyard-nothing-here
COMMON=(
    --tuner_type lora --lora_rank 16 --lora_alpha 32
    # shapes
    --micro_batch_size 4 --global_batch_size 16 --max_length 256
)
nohup megatron sft \\
    --model /somewhere/else \\
    --dataset '/data/own rows.jsonl' \\
    "\${COMMON[@]}" \\
    --num_train_epochs 2 \\
    --lr $LR --min_lr 5e-4 \\
    --clip_grad 0.5 \\
    --save_steps 50 --eval_steps 50 --logging_steps 1 \\
    > train.log 2>&1 &
`;

async function paste(text: string): Promise<void> {
  await page.goto(`${trainyard.url}/experiments/new`);
  await expect(page.locator(".setup-result pre").first()).toContainText("megatron sft", { timeout: 30_000 });
  await page.locator("#script").fill(text);
}

test("a pasted script fills the form and a change of the form goes to its place in the script", async () => {
  await paste(PASTED);
  await expect(page.locator("#lora_rank")).toHaveValue("16");
  await expect(page.locator("#learning_rate")).toHaveValue("5e-3");
  await expect(page.locator("#length")).toHaveValue("2");
  await expect(page.locator("#extra")).toHaveValue(/--clip_grad 0\.5/);
  await expect(page.locator(".script-seen").first()).toContainText("6:1");
  await page.locator("#learning_rate").fill("4e-3");
  await expect(page.locator("#script")).toHaveValue(/LR=4e-3 {3}# found by trying/);
  await page.locator("#extra").fill((await page.locator("#extra").inputValue()).replace("--clip_grad 0.5", "--clip_grad 0.7"));
  await expect(page.locator("#script")).toHaveValue(/--clip_grad 0\.7 \\\n/);
  const script = await page.locator("#script").inputValue();
  for (const kept of ["# our own: keep this line", "# shapes", "rm -rf /tmp/trainyard-nothing-here", "'/data/own rows.jsonl'"]) expect(script).toContain(kept);
  await picture(page, "scripts", "pasted");
});

test("what is wrong with a script is said by line, and comments that cut it off are moved", async () => {
  await page.locator("#script").fill(PASTED.replace("--clip_grad 0.5", "--clip_grad much --swanlab_token x"));
  const seen = page.locator(".script-findings");
  await expect(seen).toContainText("18:17");
  await expect(seen).toContainText("a number");
  await expect(seen).toContainText("SWANLAB_API_KEY");
  await page.locator("#script").fill("megatron sft \\\n  --model /m --dataset d \\\n  # why\n  --lr 1e-4\n");
  await page.getByRole("button", { name: "Move the comments above the command" }).click();
  await expect(page.locator("#script")).toHaveValue(/^# why\nmegatron sft \\\n {2}--model \/m --dataset d \\\n {2}--lr 1e-4/);
  await page.locator("#script").fill("megatron sft --model 'm\n");
  await expect(seen).toContainText("1:22");
});

test("every argument is found by search, set, and set back; typing stays quick with all of them shown", async () => {
  await paste("");
  await page.locator("#argument-search").fill("recompute gran");
  await page.getByLabel("--recompute_granularity").selectOption("full");
  await expect(page.locator("#extra")).toHaveValue(/--recompute_granularity full/);
  await page.locator("#argument-search").fill("");
  await expect(page.getByText(/4\d\d arguments of ms-swift/)).toBeVisible();
  expect(await page.locator(".argument").count()).toBeGreaterThan(400);
  await picture(page, "scripts", "arguments");
  // From the key to the next frame that shows it.
  const times = await page.evaluate(async () => {
    const field = document.querySelector<HTMLInputElement>("#learning_rate")!;
    const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
    const all: number[] = [];
    for (let turn = 0; turn < 30; turn++) {
      await new Promise((done) => setTimeout(done, 40));
      const begun = performance.now();
      field.value = `${turn + 1}e-5`;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      await frame();
      all.push(performance.now() - begun);
    }
    return all.sort((a, b) => a - b);
  });
  console.log(`form interaction with all arguments shown: median ${times[15].toFixed(1)} ms, slowest ${times[29].toFixed(1)} ms`);
  expect(times[27]).toBeLessThan(50);
  const row = page.locator(".argument", { hasText: "--recompute_granularity" }).first();
  await row.getByRole("button", { name: "Back to the default" }).click();
  await expect(page.locator("#extra")).not.toHaveValue(/recompute_granularity/);
});

test("what differs from the preset is listed", async () => {
  // The turns above ended below the lowest rate, which is a finding of its own.
  await page.locator("#learning_rate").fill("5e-3");
  await page.locator("#seed").fill("7");
  await expect(page.locator("#changes")).toContainText("Seed");
  await expect(page.locator("#changes ins").filter({ hasText: "7" }).first()).toBeVisible();
});

test("the script is launched with its comments and the launch's own values in it", async () => {
  test.setTimeout(180_000);
  await paste(PASTED);
  await expect(page.locator("#lora_rank")).toHaveValue("16");
  await page.locator('input[name="name"]').fill("our-own");
  const shown = page.locator(".setup-result pre").first();
  await expect(shown).toContainText("# our own: keep this line", { timeout: 20_000 });
  await expect(shown).toContainText("export NODE_RANK=0");
  await expect(shown).not.toContainText("nohup");
  await expect(shown).not.toContainText("/somewhere/else");
  await page.getByRole("button", { name: /^Launch on 2 nodes/ }).click();
  await expect(page).toHaveURL(/\/experiments\/[0-9a-f-]{36}/, { timeout: 30_000 });
  await expect(page.locator(".page-head").getByText("done")).toBeVisible({ timeout: 120_000 });
  await page.getByRole("link", { name: /Set up again/ }).first().click();
  await expect(page.locator("#script")).toHaveValue(/# our own: keep this line/);
  expect(problems).toEqual([]);
});
