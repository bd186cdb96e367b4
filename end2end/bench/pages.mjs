// What a browser waits for: the first page, a click until the canvas is painted, and script per frame of a zoom and a pan. Prints JSON.
// Arguments: address, cookie, the experiments' ids by name as JSON, the folder in which uPlot is installed.
import { chromium } from "@playwright/test";

const [address, cookie, words, peers] = process.argv.slice(2);
const ids = JSON.parse(words);
const [cookieName, cookieValue] = cookie.split("=");
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"] });

async function newPage() {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  await context.addCookies([{ name: cookieName, value: cookieValue, url: address }]);
  const page = await context.newPage();
  // When a canvas was drawn on last, and when a person clicked: both by the page's own clock.
  await page.addInitScript(() => {
    window.painted = 0;
    window.points = 0;
    const stroke = CanvasRenderingContext2D.prototype.stroke;
    CanvasRenderingContext2D.prototype.stroke = function (...rest) {
      stroke.apply(this, rest);
      window.painted = performance.now();
    };
    addEventListener("click", (event) => (window.clicked = event.timeStamp), true);
  });
  return page;
}

/** When the page has drawn nothing for half a second: when it drew last. */
const settled = (page) =>
  page.evaluate(async () => {
    for (;;) {
      const before = window.painted;
      await new Promise((done) => setTimeout(done, 500));
      if (before && before === window.painted) return before;
    }
  });

async function firstPage(path) {
  const seen = [];
  for (let round = 0; round < 9; round++) {
    const page = await newPage();
    await page.goto(`${address}${path}`, { waitUntil: "load" });
    const paint = await page.evaluate(
      () => new Promise((done) => new PerformanceObserver((list) => done(list.getEntriesByName("first-contentful-paint")[0].startTime)).observe({ type: "paint", buffered: true })),
    );
    seen.push(paint);
    await page.context().close();
  }
  return seen.slice(2);
}

/** From an empty cache until the chart's canvas is there: the wasm has been read and has taken the page over. */
async function firstCanvas(path) {
  const seen = [];
  for (let round = 0; round < 7; round++) {
    const page = await newPage();
    await page.goto(`${address}${path}`);
    seen.push(await page.evaluate(async () => {
      while (!window.painted) await new Promise((done) => requestAnimationFrame(done));
      return window.painted;
    }));
    await page.context().close();
  }
  return seen.slice(2);
}

/** From the click on a tab until the canvas shows the series, the finest points included. */
async function click(id) {
  const page = await newPage();
  await page.goto(`${address}/experiments/${id}`);
  await settled(page);
  const waits = [];
  for (let round = 0; round < 8; round++) {
    await page.click('a.tab[href="?tab=overview"]');
    await page.waitForSelector(".about");
    await page.waitForTimeout(300);
    await page.evaluate(() => (window.painted = 0));
    await page.click('a.tab[href="?tab=charts"]');
    waits.push((await settled(page)) - (await page.evaluate(() => window.clicked)));
  }
  await page.context().close();
  return waits.slice(1);
}

/** Milliseconds of script per frame while the chart is zoomed with the wheel and moved. */
async function moving(id, shift) {
  const page = await newPage();
  await page.goto(`${address}/experiments/${id}`);
  await settled(page);
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const spent = async () => Object.fromEntries((await session.send("Performance.getMetrics")).metrics.map((one) => [one.name, one.value])).ScriptDuration * 1000;
  const canvas = await page.locator(".chart-canvas").first().boundingBox();
  await page.mouse.move(canvas.x + canvas.width / 2, canvas.y + canvas.height / 2);
  await page.evaluate(() => {
    window.frames = 0;
    const count = () => {
      window.frames++;
      requestAnimationFrame(count);
    };
    count();
  });
  const begun = [await spent(), await page.evaluate(() => window.frames)];
  if (shift) {
    await page.keyboard.down("Control");
    for (let n = 0; n < 8; n++) await page.mouse.wheel(0, -120);
    await page.keyboard.up("Control");
    await page.keyboard.down("Shift");
    await page.mouse.down();
    for (let n = 0; n < 90; n++) {
      await page.mouse.move(canvas.x + canvas.width / 2 + 60 * Math.sin(n / 10), canvas.y + canvas.height / 2);
      await page.waitForTimeout(12);
    }
    await page.mouse.up();
    await page.keyboard.up("Shift");
  } else {
    await page.keyboard.down("Control");
    for (let n = 0; n < 90; n++) {
      await page.mouse.wheel(0, n % 30 < 15 ? -60 : 60);
      await page.waitForTimeout(12);
    }
    await page.keyboard.up("Control");
  }
  const ended = [await spent(), await page.evaluate(() => window.frames)];
  await page.context().close();
  return (ended[0] - begun[0]) / (ended[1] - begun[1]);
}

/** The same of uPlot, whose page has all points: the axis is set anew each frame, as its zoom does. */
async function movingPeer(isPan) {
  const page = await newPage();
  await page.goto(`${address}/health`);
  await page.setContent('<div id="chart"></div>');
  await page.addScriptTag({ path: `${peers}/node_modules/uplot/dist/uPlot.iife.min.js` });
  await page.evaluate(() => {
    const points = 1_000_000;
    const x = Float64Array.from({ length: points }, (_, n) => n);
    const y = Float64Array.from(x, (n) => 2 + 8 / (1 + (n * 50) / points) + 0.3 * Math.random());
    window.plot = new uPlot({ width: 1200, height: 500, scales: { x: { time: false } }, series: [{}, { stroke: "teal", width: 1 }] }, [x, y], document.querySelector("#chart"));
  });
  await page.waitForTimeout(500);
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const spent = async () => Object.fromEntries((await session.send("Performance.getMetrics")).metrics.map((one) => [one.name, one.value])).ScriptDuration * 1000;
  const before = await spent();
  await page.evaluate(async (isPan) => {
    for (let n = 0; n < 90; n++) {
      const half = isPan ? 150_000 : 500_000 * 0.9 ** (n % 30 < 15 ? n % 30 : 30 - (n % 30));
      const middle = 500_000 + (isPan ? 60_000 * Math.sin(n / 10) : 0);
      window.plot.setScale("x", { min: middle - half, max: middle + half });
      await new Promise((done) => requestAnimationFrame(done));
    }
  }, isPan);
  const after = await spent();
  await page.context().close();
  return (after - before) / 90;
}

const answer = { first: await firstPage("/"), canvas: await firstCanvas(`/experiments/${ids["1 M × 1"]}`), click: {}, zoom: [], pan: [], zoomPeer: [], panPeer: [] };
for (const [name, id] of Object.entries(ids)) answer.click[name] = await click(id);
for (let round = 0; round < 3; round++) {
  answer.zoom.push(await moving(ids["1 M × 1"], false));
  answer.pan.push(await moving(ids["1 M × 1"], true));
  answer.zoomPeer.push(await movingPeer(false));
  answer.panPeer.push(await movingPeer(true));
}
await browser.close();
console.log(JSON.stringify(answer));
