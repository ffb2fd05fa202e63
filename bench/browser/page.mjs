/** What is measured inside Chromium; bench/browser.mjs bundles it, serves it and calls it. @module */
import { createClient } from "sotto";
import { defaultProvider, nobleProvider } from "sotto/crypto";
import { indexedDbStore } from "sotto/storage/indexeddb";
import { createWorkerClient } from "sotto/tabs";

/** @typedef {import("sotto").Client} Client */
/** @typedef {import("sotto").CryptoProvider} CryptoProvider */

/** @param {readonly number[]} values */
const median = (values) => /** @type {number} */ ([...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]);

/** Microseconds per operation: medians over interleaved rounds. @returns {Promise<Record<string, number>>} */
export async function curves() {
  const random = () => globalThis.crypto.getRandomValues(new Uint8Array(32));
  const [own, seed, message] = [random(), random(), random()];
  const peer = await nobleProvider.curve.x25519PublicKey(random());
  const signer = await nobleProvider.curve.ed25519PublicKey(seed);
  const signature = await nobleProvider.curve.ed25519Sign(seed, message);
  /** @type {Record<string, (provider: CryptoProvider) => unknown>} */
  const operations = {
    agreement: ({ curve }) => curve.x25519(own, peer),
    key: ({ curve }) => curve.x25519PublicKey(random()),
    sign: ({ curve }) => curve.ed25519Sign(seed, message),
    verify: ({ curve }) => curve.ed25519Verify(signer, message, signature),
  };
  const providers = { native: defaultProvider, noble: nobleProvider };
  /** @type {Map<string, number[]>} */
  const times = new Map();
  for (let round = 0; round < 32; round++) {
    for (const [name, operation] of Object.entries(operations)) {
      for (const [which, provider] of Object.entries(providers)) {
        const begin = performance.now();
        for (let i = 0; i < 20; i++) await operation(provider);
        if (round > 0) times.set(`${name} ${which}`, [...(times.get(`${name} ${which}`) ?? []), ((performance.now() - begin) * 1000) / 20]); // the first one warms up
      }
    }
  }
  return Object.fromEntries([...times].map(([name, list]) => [name, median(list)]));
}

/** Watches the main thread until stopped: the longest time between two frames, and the browser's own list of tasks above 50 ms. */
function watchThread() {
  let last = performance.now();
  let longestFrame = 0;
  let watching = true;
  const frame = () => {
    const now = performance.now();
    longestFrame = Math.max(longestFrame, now - last);
    last = now;
    if (watching) globalThis.requestAnimationFrame(frame);
  };
  globalThis.requestAnimationFrame(frame);
  /** @type {number[]} */
  const longTasks = [];
  const observer = new globalThis.PerformanceObserver((list) => { longTasks.push(...list.getEntries().map(({ duration }) => duration)); });
  observer.observe({ type: "longtask" });
  return () => {
    watching = false;
    longTasks.push(...observer.takeRecords().map(({ duration }) => duration));
    observer.disconnect();
    return { longestFrame, longTasks };
  };
}

/** @type {Client | undefined} */
let client;

/** @param {"page" | "worker"} mode @param {{ account: string, password: string, service: string }} options */
export async function open(mode, options) {
  const all = { ...options, unsafeAllowInsecureLoopback: true, autoConnect: false };
  client = mode === "page"
    ? await createClient({ ...all, store: indexedDbStore("page") })
    : await createWorkerClient({ ...all, worker: new globalThis.Worker("/worker.js", { type: "module" }) });
}

function opened() {
  if (client === undefined) throw new Error("open() comes first");
  return client;
}

/** Online, and known to the other side as somebody who has written. @param {string} peer */
export async function greet(peer) {
  opened().connect();
  await opened().ready();
  await opened().conversation(peer).send({ text: "hello" }).reached("sent");
}

export const leave = () => opened().disconnect();
export const end = () => opened().close();

/** Goes online and shows the conversation until `count` more messages stand in it. @param {string} peer @param {number} count */
export async function receive(peer, count) {
  const timeline = opened().conversation(peer).timeline();
  const shown = () => timeline.getSnapshot().messages.filter(({ text }) => text?.startsWith("message ")).length;
  const stop = watchThread();
  const begin = performance.now();
  await new Promise((resolve) => {
    timeline.subscribe(() => { if (shown() >= count) resolve(undefined); });
    opened().connect();
  });
  const milliseconds = performance.now() - begin;
  return { milliseconds, ...stop() };
}

Object.assign(globalThis, { bench: { curves, open, greet, leave, end, receive } });
