/** `npm run demo -- --web`: the web example on a private Prosody, with somebody to talk to. @module */
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

import { startProsody } from "./prosody.mjs";
import { buildWebApp, serveWebApp } from "./web-app.mjs";
import { befriend, startBots } from "./web-bots.mjs";

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));

/** The package is built already. Runs until Ctrl-C, or for `seconds`. @param {{ seconds?: number | undefined }} options @returns {Promise<number>} the exit status */
export async function webDemo({ seconds }) {
  const dir = path.join(root, ".cache", "web");
  await buildWebApp({ outDir: dir });
  /** @type {(() => Promise<void>)[]} What to end, the last one first. */
  const open = [];
  const end = endOfDemo(seconds);
  try {
    const server = await startProsody({ extraModules: ["privacy_lists"] });
    open.unshift(() => server.stop());
    const password = `rose-${randomInt(100_000, 1_000_000)}`; // it has to be typed
    await server.registerAll(["romeo", "juliet", "mercutio"], password);
    await befriend(server, [["romeo", "juliet", "Juliet", "Friends"], ["juliet", "romeo", "Romeo", "Friends"]]);
    const web = await serveWebApp({ dir, domain: server.domain, webSocketPort: server.ports.ws });
    open.unshift(() => web.close());
    const bots = await startBots({ server, password, visitor: `romeo@${server.domain}` });
    open.unshift(() => bots.stop());
    console.log(`\nThe chat is at    ${web.url}\n\n  Address         romeo@${server.domain}\n  Password        ${password}\n`);
    console.log("Juliet is your contact and answers; Mercutio asks to be one. Sign in from another browser with the same address for a second device,");
    console.log("or as juliet or mercutio, with the same password, to see the other side. Ctrl-C ends it, and all of it is gone.\n");
    if (process.stdout.isTTY && openBrowser(web.url)) console.log("Your browser should open it now.");
    return await end;
  } finally {
    for (const close of open) await close();
  }
}

/** @param {number | undefined} seconds @returns {Promise<number>} */
function endOfDemo(seconds) {
  return new Promise((resolve) => {
    if (seconds !== undefined) setTimeout(() => { resolve(0); }, seconds * 1000);
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => { resolve(130); });
  });
}

/** True if there is a display to open a browser on. @param {string} url */
function openBrowser(url) {
  const hasDisplay = process.env["DISPLAY"] !== undefined || process.env["WAYLAND_DISPLAY"] !== undefined;
  const command = process.platform === "darwin" ? "open" : hasDisplay ? "xdg-open" : undefined;
  if (command === undefined) return false;
  spawn(command, [url], { stdio: "ignore", detached: true }).on("error", () => undefined).unref(); // then it is opened by hand
  return true;
}
