// Drawing alone: ours, uPlot and ECharts on arrays of the same shape, each as its own page would. Prints milliseconds of script as JSON.
// Arguments: the folder that drawing.sh made, the folder in which uPlot and ECharts are installed.
import { readFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { chromium } from "@playwright/test";

const [own, peers] = process.argv.slice(2);
const files = {
  "/": ["text/html", () => "<!doctype html><html><body style='margin:0'><div id='c' style='width:1200px;height:500px'></div></body></html>"],
  "/bench.js": ["text/javascript", () => readFileSync(join(own, "bench.js"))],
  "/bench_bg.wasm": ["application/wasm", () => readFileSync(join(own, "bench_bg.wasm"))],
  "/__wasm_split.js": ["text/javascript", () => readFileSync(join(own, "__wasm_split.js"), "utf8").replaceAll("./trainyard.js", "./bench.js")],
  "/uplot.js": ["text/javascript", () => readFileSync(join(peers, "node_modules/uplot/dist/uPlot.iife.min.js"))],
  "/echarts.js": ["text/javascript", () => readFileSync(join(peers, "node_modules/echarts/dist/echarts.min.js"))],
};
const server = http.createServer((request, answer) => {
  const found = files[request.url];
  answer.writeHead(found ? 200 : 404, { "content-type": found?.[0] ?? "text/plain" });
  answer.end(found?.[1]());
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const address = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"] });

async function measured(kind, points, lines) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  await page.goto(address);
  if (kind !== "ours") await page.addScriptTag({ url: `/${kind}.js` });
  const told = await page.evaluate(
    async ([kind, points, lines]) => {
      const width = 1200;
      const height = 500;
      const place = document.querySelector("#c");
      const frame = () => new Promise((done) => requestAnimationFrame(done));
      let draw;
      if (kind === "ours") {
        const bench = await import("/bench.js");
        await bench.default();
        bench.bench_fill(points, lines);
        draw = () => {
          place.innerHTML = `<canvas id="own" width="${width}" height="${height}"></canvas>`;
          return [() => bench.bench_draw("own", width, height), () => {}];
        };
      } else {
        const x = Float64Array.from({ length: points }, (_, n) => n);
        const ys = Array.from({ length: lines }, (_, line) => Float64Array.from(x, (n) => 2 + line * 0.1 + 8 / (1 + (n * 50) / points) + 0.3 * Math.random()));
        const colour = (n) => `hsl(${(n * 37) % 360} 70% 45%)`;
        draw = () => {
          let made;
          if (kind === "uplot") {
            const series = [{}, ...ys.map((_, n) => ({ stroke: colour(n), width: 1 }))];
            return [() => (made = new uPlot({ width, height, scales: { x: { time: false } }, series }, [x, ...ys], place)), () => made.destroy()];
          }
          const series = ys.map((y) => {
            const data = new Float64Array(2 * points);
            for (let n = 0; n < points; n++) [data[2 * n], data[2 * n + 1]] = [x[n], y[n]];
            return { type: "line", showSymbol: false, lineStyle: { width: 1 }, sampling: "minmax", dimensions: ["x", "y"], data };
          });
          return [
            () => {
              made = echarts.init(place, null, { renderer: "canvas" });
              made.setOption({ animation: false, xAxis: { type: "value" }, yAxis: { type: "value" }, series });
            },
            () => made.dispose(),
          ];
        };
      }
      const times = [];
      for (let round = 0; round < 9; round++) {
        const [run, end] = draw();
        await new Promise((done) => setTimeout(done, 60));
        await frame();
        const begun = performance.now();
        run();
        // uPlot draws in a microtask.
        await new Promise((done) => queueMicrotask(done));
        times.push(performance.now() - begun);
        await frame();
        await frame();
        end();
      }
      return times.slice(2).sort((a, b) => a - b)[3];
    },
    [kind, points, lines],
  );
  await page.close();
  return told;
}

const answer = {};
for (const [name, points, lines] of [["1m_x1", 1_000_000, 1], ["50k_x20", 50_000, 20], ["10m_x1", 10_000_000, 1]]) {
  answer[name] = {};
  // ECharts runs out of memory on ten million points.
  for (const kind of points > 1_000_000 ? ["ours", "uplot"] : ["ours", "uplot", "echarts"]) answer[name][kind] = await measured(kind, points, lines);
}
await browser.close();
server.close();
console.log(JSON.stringify(answer));
process.exit(0);
