import { type Page, expect, test } from "@playwright/test";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { Api, until } from "./api.ts";
import { Console, freePort } from "./console.ts";

// What goes wrong when a node is added or changes: each is said beside the field that can mend it, and nothing half-started stays.
const trainyard = new Console();
let api: Api;
let page: Page;
let bare: Bare;

/** A machine with a real OpenSSH server and without the trainer. */
interface Bare {
  port: number;
  key: string;
  process: ChildProcess;
}

async function bareMachine(): Promise<Bare> {
  const folder = join(trainyard.folder, "bare");
  mkdirSync(folder);
  for (const name of ["host_key", "user_key"]) execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]);
  const port = await freePort("127.0.0.1");
  writeFileSync(join(folder, "sshd_config"), [
    `Port ${port}`, "ListenAddress 127.0.0.1", `HostKey ${join(folder, "host_key")}`, `AuthorizedKeysFile ${join(folder, "user_key.pub")}`,
    "PidFile none", "StrictModes no", "UsePAM no", "PermitRootLogin yes", "PasswordAuthentication no", "SetEnv PATH=/usr/bin:/bin", "",
  ].join("\n"));
  mkdirSync("/run/sshd", { recursive: true });
  const process = spawn("/usr/sbin/sshd", ["-D", "-f", join(folder, "sshd_config")], { stdio: "ignore" });
  await until("sshd listens", () => new Promise<true | undefined>((done) => {
    const socket = connect(port, "127.0.0.1", () => { socket.destroy(); done(true); });
    socket.on("error", () => done(undefined));
  }));
  return { port, key: readFileSync(join(folder, "user_key"), "utf8"), process };
}

test.beforeAll(async ({ browser }) => {
  await trainyard.start();
  api = await Api.setUp(trainyard);
  bare = await bareMachine();
  page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  await api.logIn(page);
});
test.afterAll(async () => {
  bare.process.kill();
  await trainyard.stop();
});
test.describe.configure({ mode: "serial" });

/** Types an address and asks for the host key, until the page has taken over from the server and answers. */
async function ask(host: string, port: number | string, answer: RegExp): Promise<void> {
  await expect(async () => {
    await page.locator('input[name="host"]').fill(host);
    await page.locator('input[name="port"]').fill(String(port));
    await page.getByRole("button", { name: "Ask for its host key" }).click();
    await expect(page.getByText(answer).first()).toBeVisible({ timeout: 12_000 });
  }).toPass({ timeout: 40_000 });
}

test("a name that no machine has is said beside the host, a port that nobody listens on beside the port", async () => {
  await page.goto(`${trainyard.url}/nodes/add`);
  await ask("no-such-machine.invalid", 22, /There is no machine by the name "no-such-machine.invalid"/);
  await expect(page.locator('input[name="host"]')).toHaveValue("no-such-machine.invalid");
  await ask("127.0.0.1", await freePort("127.0.0.1"), /Nothing accepts connections at 127\.0\.0\.1/);
  await ask("127.0.0.1", "ssh", /Write a number from 1 to 65535/);
  await expect(page.locator('input[name="port"]')).toHaveValue("ssh");
});

test("a key that is not accepted, a text that is no key and a machine without the trainer keep what was typed", async () => {
  await ask("127.0.0.1", bare.port, /SHA256:/);
  await page.getByLabel("The fingerprint is the machine's own").check();
  await page.locator('input[name="cluster_name"]').fill("real");
  await page.locator('input[name="name"]').fill("first");
  await page.locator('input[name="work_folder"]').fill("/tmp");
  const key = page.locator('textarea[name="private_key"]');
  const add = page.getByRole("button", { name: "Connect and add" });
  await key.fill("no key at all");
  await add.click();
  await expect(page.getByText(/This is not an unencrypted OpenSSH private key/)).toBeVisible({ timeout: 15_000 });
  await expect(key).toHaveValue("no key at all");
  await key.fill(readFileSync(join(trainyard.folder, "bare/host_key"), "utf8"));
  await add.click();
  await expect(page.getByText(/does not accept this key for user "root"/)).toBeVisible({ timeout: 15_000 });
  await key.fill(bare.key);
  await add.click();
  await expect(page.getByText(/there is no `megatron` or `swift` on its PATH/)).toBeVisible({ timeout: 15_000 });
  await expect(page.locator('input[name="name"]')).toHaveValue("first");
  expect((await api.call("GET", "/clusters")).length, "no cluster without a node stays").toBe(1);
});

test("a host key that changed is compared by a person before it is trusted", async () => {
  const node = (await api.call("GET", "/clusters"))[0].nodes[1].node;
  const home = join(trainyard.folder, "rehearsal/node-2");
  spawnSync(trainyard.program("rehearsal"), ["down", "--home", home]);
  renameSync(join(home, ".node/host_key"), join(home, ".node/host_key.before"));
  trainyard.startNodes();
  await page.goto(`${trainyard.url}/nodes/${node.id}`);
  await expect(async () => {
    await page.getByRole("button", { name: "Look again" }).click();
    await expect(page.getByText("the host key has changed")).toBeVisible({ timeout: 5_000 });
  }).toPass({ timeout: 30_000 });
  await page.getByRole("button", { name: "Compare with the machine" }).click();
  await expect(page.getByText(/The machine shows another key than the one that is trusted/)).toBeVisible();
  await page.screenshot({ path: "test-results/pages/host-key-changed.png", fullPage: true });
  const trust = page.getByRole("button", { name: "Trust the new key" });
  await expect(trust).toBeDisabled();
  await page.getByLabel("The fingerprint is the machine's own").check();
  await trust.click();
  await expect(page.getByText("The new key is trusted; the node was looked at again.")).toBeVisible({ timeout: 15_000 });
  expect((await api.call("GET", `/nodes/${node.id}`)).unreachable ?? null).toBeNull();
});
