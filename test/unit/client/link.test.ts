/** What the application says to the link while it is at something else, and what ends it: threats N17, N19, Q21. */
import { expect, test } from "vitest";
import { parseJid, type FullJid } from "../../../src/base/jid.js";
import { Link, type RunStream } from "../../../src/client/link.js";
import type { ClientStatus } from "../../../src/client/status.js";
import { StorageError } from "../../../src/storage/errors.js";
import { TransportError } from "../../../src/transport/errors.js";
import { ManualClock, quiet } from "../../support/outbox-world.js";

const jid = parseJid("romeo@example.org/sotto") as FullJid;
const down = new TransportError("ERR_CONNECT_FAILED", "down", { retryable: true });

function linkOver(clock: ManualClock, run: RunStream, loaded: Promise<unknown> = Promise.resolve()): { readonly link: Link; readonly told: ClientStatus["kind"][] } {
  const link = new Link({
    options: { clock, password: "secret", rng: (length) => new Uint8Array(length).fill(0x7f), services: ["wss://example.org/ws"] },
    loadRun: () => loaded.then(() => run),
    onError: (error) => { throw error; },
  });
  const told: ClientStatus["kind"][] = [];
  link.status.subscribe(() => { told.push(link.status.getSnapshot().kind); });
  return { link, told };
}

/** Streams that are online at once, and end when the test says goodbye for the server. */
function streams(): { readonly run: RunStream; readonly goodbyes: (() => void)[]; readonly count: () => number } {
  const goodbyes: (() => void)[] = [];
  let count = 0;
  const run: RunStream = ({ signal, tell }) => new Promise((resolve) => {
    count++;
    tell({ kind: "online", jid });
    signal.addEventListener("abort", () => { goodbyes.push(() => { resolve({ error: down, livedMs: 5, blamed: false }); }); });
  });
  return { run, goodbyes, count: () => count };
}

test.each(["start", "offline", "closed"] as const)("Q21 who answers the news of a wait with %s does not wait", async (what) => {
  const clock = new ManualClock();
  let runs = 0;
  const { link } = linkOver(clock, () => { runs++; return Promise.resolve({ error: down, livedMs: 0, blamed: false }); });
  let stopped = false;
  let answered = false;
  link.status.subscribe(() => {
    if (answered || link.status.getSnapshot().kind !== "waiting") return;
    answered = true;
    if (what === "start") link.start();
    else void link.stop(what).then(() => { stopped = true; });
  });
  link.start();
  await quiet(40);
  // The clock has not moved: of the wait nothing is left but that of the next attempt.
  expect([link.status.getSnapshot().kind, runs, stopped, clock.timers]).toEqual(what === "start" ? ["waiting", 2, false, 1] : [what, 1, true, 0]);
});

test("Q21 a start behind a stop that still says goodbye counts: the next stream follows the last, and the stop does not tell that it is offline", async () => {
  const { run, goodbyes, count } = streams();
  const { link, told } = linkOver(new ManualClock(), run);
  link.start();
  await quiet();
  const stopping = link.stop("offline");
  link.start();
  link.start();
  await quiet();
  expect([link.status.getSnapshot().kind, count()]).toEqual(["connecting", 1]); // one stream at a time
  goodbyes[0]?.();
  await stopping;
  await quiet();
  expect([told.filter((kind, i) => kind !== told[i - 1]), count()]).toEqual([["connecting", "online", "connecting", "online"], 2]);
});

test("Q21 the last word counts: stop, start and stop is offline, and start, stop and close is closed", async () => {
  for (const last of ["offline", "closed"] as const) {
    const { run, goodbyes, count } = streams();
    const { link } = linkOver(new ManualClock(), run);
    link.start();
    await quiet();
    const first = link.stop("offline");
    link.start();
    const second = link.stop(last);
    goodbyes[0]?.();
    await Promise.all([first, second]);
    await quiet();
    expect([link.status.getSnapshot().kind, count()]).toEqual([last, 1]);
    if (last === "offline") continue;
    link.start(); // nothing follows the end
    await quiet();
    expect([link.status.getSnapshot().kind, count()]).toEqual(["closed", 1]);
  }
});

test("Q08 what runs a stream and does not come in 15 s is told, and used by a later attempt once it is there", async () => {
  const clock = new ManualClock();
  let come: () => void = () => undefined;
  const { link, told } = linkOver(clock, streams().run, new Promise<void>((resolve) => { come = resolve; }));
  link.start();
  await quiet();
  await clock.pass(14_999);
  expect(link.status.getSnapshot()).toEqual({ kind: "connecting", attempt: 1 });
  await clock.pass(1);
  expect(link.status.getSnapshot()).toMatchObject({ kind: "waiting", error: { code: "ERR_CONNECT_FAILED", retryable: true } });
  come();
  await clock.pass(60_000);
  expect([told.slice(-3), clock.timers]).toEqual([["waiting", "connecting", "online"], 0]);
});

test("N17 a service that has let us in is not given up because the application asks for another attempt in a café", async () => {
  const noTls = new TransportError("ERR_TLS_FAILED", "another certificate");
  const endings = [{ error: down, livedMs: 5, blamed: false }, { error: noTls, livedMs: 0, blamed: false }];
  const { link } = linkOver(new ManualClock(), () => Promise.resolve(endings.shift() ?? { error: noTls, livedMs: 0, blamed: false }));
  for (let asked = 0; asked < 3; asked++) {
    link.start();
    await quiet(40);
    expect(link.status.getSnapshot().kind).toBe("waiting");
  }
});

test.each([new TransportError("ERR_AUTH_REJECTED", "wrong"), new TransportError("ERR_STREAM_CONFLICT", "taken over"), new StorageError("ERR_STORE_FAILED", "no more", { retryable: true })])("N17 N21 $code stops the link and is told once; nothing is tried again before another password is there", async (error) => {
  const clock = new ManualClock();
  const errors: unknown[] = [];
  const passwords: unknown[] = [];
  const link = new Link({
    options: { clock, password: "wrong", rng: (length) => new Uint8Array(length).fill(0x7f), services: ["wss://example.org/ws", "wss://example.org/other"] },
    loadRun: () => Promise.resolve(({ password, signal }) => {
      passwords.push(password({ signal }));
      return Promise.resolve({ error, livedMs: 0, blamed: false });
    }),
    onError: (told) => { errors.push(told); },
  });
  link.start();
  await quiet(40);
  await clock.pass(3_600_000);
  expect([link.status.getSnapshot(), passwords, errors, clock.timers]).toEqual([{ kind: "stopped", error }, ["wrong"], [error], 0]);
  link.setPassword("other");
  await quiet(40);
  expect([passwords, errors]).toEqual([["wrong", "other"], [error, error]]);
});
