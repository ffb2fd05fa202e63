/**
 * Loads the page when its host cannot be reached. It is a script of its own and uses nothing of the SDK, which works in the page.
 *
 * - The build writes into it which files the page is made of. They are fetched together, or the installation fails and the former set stays:
 *   what is loaded offline is never half of one version and half of another.
 * - The html comes from the network first, so that whoever is online always runs the newest version: a stale one would use a store that a newer
 *   one may have written, and would go on with a mistake that is mended. The names of all other files have a hash of their content: what the
 *   cache has of them is right for ever.
 * - Only these files are ever answered from, or written to, a cache. Everything else goes by untouched: `settings.json`, `host-meta.json`, and
 *   whatever the XMPP server answers. Its WebSocket does not come past here at all.
 * - Answers are kept with their headers, so that the Content-Security-Policy holds offline as well.
 * @module
 */
export {}; // a module, so that its names are its own

interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}

interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}

/** `ServiceWorkerGlobalScope`, as far as it is used: TypeScript knows either pages or workers. */
interface Worker {
  skipWaiting(): Promise<void>;
  addEventListener(type: "install" | "activate", listener: (event: ExtendableEvent) => void): void;
  addEventListener(type: "fetch", listener: (event: FetchEvent) => void): void;
}

const worker = globalThis as unknown as Worker;

/** What the build has put here: see vite.config.ts. */
const { version, files } = JSON.parse("__SHELL__") as { readonly version: string; readonly files: readonly string[] };

const prefix = "chat-shell-";
const cacheName = prefix + version;
/** The html. */
const page = new URL("./", location.href).href;
/** Where the build puts what has a hash in its name. */
const hashed = new URL("assets/", page).href;
const kept = new Set(files.map((file) => new URL(file, location.href).href));

/** How long the network may think about the html before the kept one is shown, in milliseconds. */
const patienceMs = 3_000;

worker.addEventListener("install", (event) => {
  event.waitUntil(install());
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(tidy());
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const { origin, pathname } = new URL(request.url);
  if (request.mode === "navigate") {
    if (origin + pathname === page) event.respondWith(fresh(request));
  } else if (kept.has(request.url) || request.url.startsWith(hashed)) {
    event.respondWith(known(request));
  }
});

async function install(): Promise<void> {
  const cache = await caches.open(cacheName);
  await cache.addAll([page, ...kept].map((address) => new Request(address, { cache: "no-cache" })));
  // At once: a page that is loaded offline must not be older than the one that wrote the store last.
  await worker.skipWaiting();
}

/** Former versions go, but the last one: open tabs may still load parts of it, which its host may not have any more. Other caches are not ours. */
async function tidy(): Promise<void> {
  const names = await caches.keys();
  const former = names.filter((name) => name.startsWith(prefix) && name !== cacheName); // in the order in which they were made
  await Promise.all(former.slice(0, -1).map((name) => caches.delete(name)));
}

/** From the network, unless it fails, takes too long, or all that comes is that something is broken there. */
async function fresh(request: Request): Promise<Response> {
  const network = fetch(request);
  const timer = new Promise<undefined>((resolve) => { setTimeout(resolve, patienceMs); });
  const answer = await Promise.race([network, timer]).catch(() => undefined);
  if (answer !== undefined && answer.status < 500) return answer;
  return await (await caches.open(cacheName)).match(page) ?? await network;
}

/** From this version, from the former one, or from the network if it is a newer page's, or somebody has emptied the cache. */
async function known(request: Request): Promise<Response> {
  return await (await caches.open(cacheName)).match(request) ?? await caches.match(request) ?? await fetch(request);
}
