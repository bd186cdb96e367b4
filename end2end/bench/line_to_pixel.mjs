// How long a line of logging.jsonl takes to the chart: launches the last experiment again, watches the file and the page side by side,
// and prints the delays in milliseconds as JSON. Arguments: address, password of "demo", home of the node that writes the file.
import { chromium } from "@playwright/test";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const [address, password, home] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"] });
const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
await page.goto(`${address}/login`);
await page.fill('input[name="name"]', "demo");
await page.fill('input[name="password"]', password);
await page.click('form[action="/session/login"] button');
await page.waitForURL(`${address}/`);
const call = async (method, path, data) => (await page.request.fetch(`${address}/console/v1${path}`, { method, data, headers: { origin: address } })).json();
// The demo's engines hold the main node's GPUs.
for (const view of await call("GET", "/deployments")) await call("POST", `/deployments/${view.deployment.id}/stop`, {});
const experiment = (await call("GET", "/experiments"))[0].experiment;
const folder = join(home, "experiments", experiment.name);
const before = readdirSync(folder);
for (let tries = 0; ; tries++) {
  const answer = await call("POST", `/experiments/${experiment.id}/relaunch`, { launch_key: `bench ${tries}` });
  if (answer.id) break;
  if (tries > 60) throw new Error(JSON.stringify(answer));
  await page.waitForTimeout(500);
}
await page.goto(`${address}/experiments/${experiment.id}`);
// The chart's own text changes with the data that its canvas is drawn from; the next frame has drawn it.
await page.evaluate(() => {
  window.seen = {};
  const look = () => {
    const chart = [...document.querySelectorAll("figure")].find((one) => one.querySelector(".chart-title")?.textContent === "loss");
    const step = chart?.querySelector(".chart-value")?.textContent?.split(" ")[0];
    if (step && !(step in window.seen)) window.seen[step] = Date.now();
    requestAnimationFrame(look);
  };
  look();
});
const written = {};
const deadline = Date.now() + 120_000;
let file, known = 0;
while (Date.now() < deadline) {
  if (!file) {
    const made = readdirSync(folder).find((name) => !before.includes(name));
    const path = made && join(folder, made, "logging.jsonl");
    if (path && existsSync(path)) file = path;
  } else {
    const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
    for (const line of lines.slice(known)) written[JSON.parse(line).iteration?.split("/")[0]] = Date.now();
    known = lines.length;
    if ("200" in written) break;
  }
  await new Promise((done) => setTimeout(done, 2));
}
await page.waitForTimeout(1000);
const seen = await page.evaluate(() => window.seen);
await call("POST", `/experiments/${experiment.id}/stop`, {});
await browser.close();
// The first lines come while the page itself is still loading.
const delays = Object.keys(written).filter((step) => step in seen && Number(step) >= 20).map((step) => seen[step] - written[step]);
if (delays.length < 20) throw new Error(`only ${delays.length} lines were seen: ${JSON.stringify({ written, seen })}`);
console.log(JSON.stringify(delays));
