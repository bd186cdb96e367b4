// A run that logs 1,000 points a second while fifty people look at it: how long a point takes to the canvas of one of them. The others
// do what a page does, without drawing: they hear the stream of changes and ask for the same curves. Prints milliseconds as JSON.
// Arguments: address, cookie, key.
import http from "node:http";
import { chromium } from "@playwright/test";

const [address, cookie, key] = process.argv.slice(2);
const METRICS = 20;
const VIEWERS = 50;
const BATCHES = 200; // one each 100 ms, with five steps of every metric
const [cookieName, cookieValue] = cookie.split("=");
const agent = new http.Agent({ keepAlive: true, maxSockets: 200 });

function send(method, path, headers, body) {
  return new Promise((done, failed) => {
    const request = http.request(`${address}${path}`, { method, agent, headers: { origin: address, ...headers } }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => (answer.statusCode === 200 ? done(Buffer.concat(parts)) : failed(new Error(`${path}: ${answer.statusCode} ${Buffer.concat(parts)}`))));
    });
    request.on("error", failed);
    request.end(body);
  });
}

let step = 0;
async function push() {
  const steps = Array.from({ length: 5 }, () => step++);
  const names = Array.from({ length: METRICS }, (_, n) => `metric_${n}`);
  const at = Date.now();
  const points = [{ steps, times_millis: steps.map(() => at), values: Object.fromEntries(names.map((name, n) => [name, steps.map((s) => Math.sin(s / (n + 3)))])) }];
  await send("POST", "/console/v1/push", { authorization: `Bearer ${key}`, "idempotency-key": `${at}-${step}` }, JSON.stringify({ run: "watched by fifty", points }));
  return [steps.at(-1), at];
}

await push();
const all = JSON.parse(await send("GET", "/console/v1/experiments", { cookie }));
const id = all.find((view) => view.experiment.name === "watched by fifty").experiment.id;

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"] });
const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
await context.addCookies([{ name: cookieName, value: cookieValue, url: address }]);
const page = await context.newPage();
let asked;
page.on("request", (request) => {
  if (request.url().endsWith("/fn/metrics/draw")) asked = request.postData();
});
await page.goto(`${address}/experiments/${id}`);
await page.waitForSelector(".chart-first[hidden]", { state: "attached" });
await page.waitForTimeout(2000);
await page.evaluate(() => {
  window.seen = {};
  const look = () => {
    const chart = [...document.querySelectorAll("figure")].find((one) => one.querySelector(".chart-title")?.textContent === "metric_0");
    const step = chart?.querySelector(".chart-value")?.textContent?.split(" ")[0]?.replaceAll(/[^0-9]/g, "");
    if (step && !(step in window.seen)) window.seen[step] = Date.now();
    requestAnimationFrame(look);
  };
  look();
});

// The other viewers: one question at a time, the next when something came meanwhile, as pages do.
const streams = [];
let answers = 0;
for (let n = 1; n < VIEWERS; n++) {
  let isBusy = false;
  let isStale = false;
  const ask = async () => {
    if (isBusy) return void (isStale = true);
    isBusy = true;
    await send("POST", "/fn/metrics/draw", { cookie, "content-type": "application/json" }, asked).catch(() => {});
    answers++;
    isBusy = false;
    if (isStale) {
      isStale = false;
      ask();
    }
  };
  streams.push(http.get(`${address}/events`, { headers: { cookie, accept: "text/event-stream" } }, (answer) => answer.on("data", (bytes) => bytes.includes(`"${id}"`) && ask())));
}
await new Promise((done) => setTimeout(done, 500));

const written = {};
const begun = Date.now();
for (let batch = 0; batch < BATCHES; batch++) {
  const [last, at] = await push();
  written[last] = at;
  const due = begun + (batch + 1) * 100;
  await new Promise((done) => setTimeout(done, Math.max(0, due - Date.now())));
}
const seconds = (Date.now() - begun) / 1000;
await page.waitForTimeout(1500);
const seen = await page.evaluate(() => window.seen);
for (const stream of streams) stream.destroy();
await browser.close();
// A point that the page never showed alone came with a later one: what it waited is until that one was seen.
const shown = Object.entries(seen).map(([at, when]) => [Number(at), when]).sort((a, b) => a[0] - b[0]);
const delays = Object.entries(written).map(([at, when]) => {
  const first = shown.filter(([other]) => other >= Number(at)).map(([, when]) => when);
  return first.length ? Math.min(...first) - when : null;
});
if (delays.includes(null)) throw new Error(`${delays.filter((one) => one === null).length} batches were never seen: ${JSON.stringify({ shown: shown.slice(-5) })}`);
console.log(JSON.stringify({ delays: delays.slice(10), perSecond: (BATCHES * 5 * METRICS) / seconds, answers: answers / seconds }));
process.exit(0);
