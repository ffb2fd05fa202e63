/**
 * The web example, built and served as it should be served: under a Content-Security-Policy that lets nothing in but the page's own files
 * and the server's WebSocket, which is passed on from the same origin, so that a browser needs no certificate for a server on this machine.
 * @module
 */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const webSocketPath = "/xmpp-websocket";

/** @type {Readonly<Record<string, string>>} */
const types = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
  ".json": "application/json",
};

/**
 * Builds examples/web with Vite, against the built package as an application would.
 * @param {{ outDir: string }} o
 */
export async function buildWebApp({ outDir }) {
  const { build } = await import("vite");
  const before = process.env["VITE_INSECURE_LOOPBACK"];
  process.env["VITE_INSECURE_LOOPBACK"] = "yes"; // the server is on this machine
  try {
    const example = path.join(root, "examples", "web");
    await build({ root: example, configFile: path.join(example, "vite.config.ts"), logLevel: "error", build: { outDir, emptyOutDir: true } });
  } finally {
    if (before === undefined) delete process.env["VITE_INSECURE_LOOPBACK"];
    else process.env["VITE_INSECURE_LOOPBACK"] = before;
  }
}

/** @param {number} port */
const policyFor = (port) => [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", `connect-src 'self' ws://localhost:${port}`, "worker-src 'self'",
  "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types chat-service-worker",
].join("; ");

/**
 * @typedef {object} WebServer
 * @property {string} url
 * @property {string} service The WebSocket, as the client's option wants it.
 * @property {(reachable: boolean) => void} setReachable False: ends all connections with the XMPP server and lets no new ones through.
 * @property {() => Promise<void>} close
 */

/**
 * Serves a built app on a free port of this machine.
 * @param {{ dir: string, domain: string, webSocketPort: number }} o `webSocketPort`: where the XMPP server listens without TLS, on loopback.
 * @returns {Promise<WebServer>}
 */
export async function serveWebApp({ dir, domain, webSocketPort }) {
  let port = 0;
  let reachable = true;
  /** @type {Set<import("node:stream").Duplex>} */
  const sockets = new Set();
  const service = () => `ws://localhost:${port}${webSocketPath}`;
  const server = http.createServer((request, response) => {
    const name = new URL(request.url ?? "/", "http://localhost").pathname;
    const answer = name === "/settings.json" ? Promise.resolve(Buffer.from(JSON.stringify({ domain, service: service() }))) : load(dir, name);
    answer.then((body) => {
      response.writeHead(200, {
        "content-type": types[path.extname(name === "/" ? "index.html" : name)] ?? "application/octet-stream",
        "content-security-policy": policyFor(port), "cache-control": "no-store",
        "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin", "permissions-policy": "camera=(), geolocation=(), microphone=()",
      }).end(body);
    }, () => { response.writeHead(404, { "content-type": "text/plain" }).end("There is no such file.\n"); });
  });
  server.on("upgrade", (request, socket, head) => {
    // Only pages of this very origin: other sites must not reach the server through the visitor's browser.
    if (!reachable || request.url !== webSocketPath || request.headers.origin !== `http://localhost:${port}`) {
      socket.destroy();
      return;
    }
    const upstream = net.connect(webSocketPort, "127.0.0.1", () => {
      const headers = Object.entries(request.headers).map(([key, value]) => `${key}: ${String(value)}\r\n`).join("");
      upstream.write(`GET ${webSocketPath} HTTP/1.1\r\n${headers}\r\n`);
      upstream.write(head);
      upstream.pipe(socket).pipe(upstream);
    });
    for (const end of [socket, upstream]) {
      sockets.add(end);
      end.on("error", () => undefined).on("close", () => {
        sockets.delete(end);
        socket.destroy();
        upstream.destroy();
      });
    }
  });
  const cut = () => { for (const socket of sockets) socket.destroy(); };
  server.listen(0, "localhost");
  await once(server, "listening");
  port = /** @type {net.AddressInfo} */ (server.address()).port;
  return {
    url: `http://localhost:${port}/`,
    service: service(),
    setReachable: (next) => {
      reachable = next;
      if (!next) cut();
    },
    close: async () => {
      cut();
      server.closeAllConnections();
      await new Promise((resolve) => { server.close(resolve); });
    },
  };
}

/** @param {string} dir @param {string} name @returns {Promise<Buffer>} */
async function load(dir, name) {
  const file = path.join(dir, name === "/" ? "index.html" : name);
  if (!file.startsWith(dir + path.sep)) throw new Error("outside");
  return readFile(file);
}
