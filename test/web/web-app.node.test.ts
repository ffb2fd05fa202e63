/** How the web demo is served: what a page may do, and who may use the way to the server. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import WebSocket from "ws";
import { serveWebApp, type WebServer } from "../../scripts/lib/web-app.mjs";

let dir: string;
let xmpp: Server;
let reached = 0;
let web: WebServer;

beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), "sotto-served-"));
  writeFileSync(path.join(dir, "index.html"), "<!doctype html>");
  xmpp = createServer((socket) => {
    reached++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => { xmpp.listen(0, "127.0.0.1", resolve); });
  web = await serveWebApp({ dir, domain: "verona.example", webSocketPort: (xmpp.address() as { port: number }).port });
});
afterAll(async () => {
  await web.close();
  await new Promise((resolve) => { xmpp.close(resolve); });
  rmSync(dir, { recursive: true, force: true });
});

/** Resolves when the attempt has failed, as all of them do: behind the way there is no XMPP server. */
const attempt = (origin: string): Promise<void> => new Promise((resolve) => {
  new WebSocket(web.service, ["xmpp"], { origin }).on("error", () => undefined).on("close", () => { resolve(); });
});

test("every answer forbids inline script and style, eval, frames, and all origins but its own", async () => {
  for (const name of ["", "settings.json"]) {
    const { headers } = await fetch(web.url + name);
    const policy = headers.get("content-security-policy") ?? "";
    for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "worker-src 'self'", "trusted-types chat-service-worker"]) {
      expect(policy.split("; ")).toContain(part);
    }
    expect(policy).not.toMatch(/unsafe|https:|\*/);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  }
});

test("files outside of the app are not served", async () => {
  writeFileSync(path.join(dir, "..", "sotto-secret.txt"), "secret");
  for (const name of ["../sotto-secret.txt", "%2e%2e/sotto-secret.txt", "..%2fsotto-secret.txt", "nothing.js"]) {
    expect((await fetch(web.url + name)).status).toBe(404);
  }
  rmSync(path.join(dir, "..", "sotto-secret.txt"));
});

test("only the page itself gets through to the server: another site that the visitor has open does not", async () => {
  await attempt("https://evil.example");
  await attempt("http://localhost:1");
  expect(reached).toBe(0);
  await attempt(new URL(web.url).origin);
  expect(reached).toBe(1);
});
