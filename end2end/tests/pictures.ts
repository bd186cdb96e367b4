import { type Page, expect } from "@playwright/test";
import { mkdirSync } from "node:fs";

/** Saves a page as a desktop and a phone, light and dark, below `test-results`; nothing may stick out sideways. */
export async function picture(page: Page, folder: string, name: string): Promise<void> {
  const place = `test-results/${folder}`;
  mkdirSync(place, { recursive: true });
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    for (const [size, width, height] of [["desktop", 1280, 800], ["phone", 390, 844]] as const) {
      await page.setViewportSize({ width, height });
      await page.screenshot({ path: `${place}/${name}-${size}-${colorScheme}.png`, fullPage: true });
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1280, height: 800 });
}

/** Notes what a page says went wrong in it. A trap in wasm says only "unreachable"; the panic hook has told the console why, a moment before. */
export function note(page: Page, problems: string[]): void {
  page.on("pageerror", (error) => problems.push(`${page.url()}: ${error.message}`));
  page.on("console", (message) => {
    if (message.text().includes("panicked")) problems.push(`${page.url()}: ${message.text()}`);
  });
}
