/** Signing in, staying, coming back, leaving. */
import { expect, test } from "vitest";
import { ClientError, TransportError, UsageError } from "../../src/index.js";
import { account, arrive, open, password, soon, until, way } from "./support/stage.js";

test("signing in leads from connecting to online, with an address of its own", async () => {
  const address = await account("romeo");
  const romeo = await open(address, { autoConnect: false });
  expect(romeo.status.getSnapshot()).toEqual({ kind: "offline" });
  const seen = new Set<string>();
  romeo.status.subscribe(() => { seen.add(romeo.status.getSnapshot().kind); });
  romeo.connect();
  await romeo.ready({ signal: soon() });
  expect([...seen]).toEqual(["connecting", "synchronizing", "online"]);
  const status = romeo.status.getSnapshot();
  expect(status.kind === "online" && status.jid.startsWith(`${address}/`)).toBe(true);
  expect(romeo.device).toMatchObject({ jid: address, fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
});

test("a wrong password stops with one status, and the right one goes on", async () => {
  const romeo = await open(await account("romeo"), { password: "wrong" });
  await expect(romeo.ready({ signal: soon() })).rejects.toMatchObject({ code: "ERR_AUTH_REJECTED" });
  expect(romeo.status.getSnapshot()).toMatchObject({ kind: "stopped", error: { code: "ERR_AUTH_REJECTED" } });
  romeo.setCredentials({ password });
  await romeo.ready({ signal: soon() });
});

test("an account that does not exist is refused like a wrong password", async () => {
  const address = await account("romeo");
  const nobody = await open(address.replace("romeo", "nobody"));
  const error: unknown = await nobody.ready({ signal: soon() }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(TransportError);
  expect(error).toMatchObject({ code: "ERR_AUTH_REJECTED" });
});

test("a password function is asked when it is needed", async () => {
  let asked = 0;
  const romeo = await open(await account("romeo"), {
    autoConnect: false,
    password: async ({ signal }) => {
      expect(signal.aborted).toBe(false);
      asked++;
      return password;
    },
  });
  expect(asked).toBe(0);
  romeo.connect();
  await romeo.ready({ signal: soon() });
  expect(asked).toBe(1);
});

test("disconnecting is offline, and connecting comes back under the same address", async () => {
  const romeo = await arrive("romeo");
  const before = romeo.status.getSnapshot();
  await romeo.disconnect();
  expect(romeo.status.getSnapshot()).toEqual({ kind: "offline" });
  romeo.connect();
  await romeo.ready({ signal: soon() });
  expect(romeo.status.getSnapshot()).toEqual(before);
});

test("a lost connection waits with its reason and comes back by itself", async () => {
  const road = await way();
  const romeo = await arrive("romeo", { service: road.service });
  await road.cut();
  const lost = await until(romeo.status, ({ kind }) => kind === "waiting");
  expect(lost).toMatchObject({ kind: "waiting", error: { retryable: true } });
  expect(lost.kind === "waiting" && lost.retryInMs > 0).toBe(true);
  await road.mend();
  await romeo.ready({ signal: soon() });
});

test("of several services the one that answers is taken", async () => {
  const [dead, road] = await Promise.all([way(), way()]);
  await dead.cut();
  const romeo = await open(await account("romeo"), { service: [dead.service, road.service] });
  await romeo.ready({ signal: soon() });
});

test("whoever waits can stop waiting, and learns what the connection waits for", async () => {
  const road = await way();
  await road.cut();
  const romeo = await open(await account("romeo"), { service: road.service });
  await until(romeo.status, ({ kind }) => kind === "waiting");
  const stop = new AbortController();
  const waiting = romeo.ready({ signal: stop.signal });
  stop.abort();
  const error: unknown = await waiting.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UsageError);
  expect(error).toMatchObject({ code: "ERR_ABORTED", cause: { code: "ERR_CONNECT_FAILED", retryable: true } });
});

test("clear text is refused unless it was asked for", async () => {
  const romeo = await open(await account("romeo"), { unsafeAllowInsecureLoopback: false });
  await expect(romeo.ready({ signal: soon() })).rejects.toMatchObject({ code: "ERR_TLS_REQUIRED" });
});

test("a closed client is closed for everything, and closing again is no harm", async () => {
  const romeo = await arrive("romeo");
  const reading = romeo.messages().next();
  await Promise.all([romeo.close(), romeo.close()]);
  expect(romeo.status.getSnapshot()).toEqual({ kind: "closed" });
  expect(await reading).toEqual({ done: true, value: undefined });
  await expect(romeo.ready()).rejects.toMatchObject({ code: "ERR_CLOSED" });
  for (const use of [() => { romeo.connect(); }, () => romeo.conversation("juliet@verona.example"), () => romeo.messages()]) {
    expect(use).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }) as Error);
  }
});

test.each<[string, Readonly<Record<string, unknown>>, string]>([
  ["an account without a user", { account: "verona.example" }, "ERR_INVALID_JID"],
  ["an empty password", { password: "" }, "ERR_INVALID_ARGUMENT"],
  ["a service without a scheme", { service: "verona.example" }, "ERR_INVALID_ARGUMENT"],
  ["no store", { store: undefined }, "ERR_INVALID_ARGUMENT"],
])("%s is refused before anything happens", async (_, wrong, code) => {
  const error: unknown = await open("romeo@verona.example", { autoConnect: false, ...wrong }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UsageError);
  expect(error).not.toBeInstanceOf(ClientError);
  expect(error).toMatchObject({ code });
});

test("H07 what a listener throws is told as an error event, wherever it listens, and harms nobody else", async () => {
  const romeo = await open(await account("romeo"), { autoConnect: false });
  const told = new Set<unknown>();
  const thrower = (where: string) => (): void => { throw new RangeError(where); };
  const all = new Promise<void>((resolve) => {
    romeo.onEvent((event) => {
      if (event.kind === "error" && event.error.cause instanceof RangeError) told.add(event.error.cause.message);
      if (told.size === 4) resolve();
      if (event.kind === "error") throw new RangeError("told of itself without end");
    });
  });
  romeo.status.subscribe(thrower("status"));
  romeo.roster.subscribe(thrower("roster"));
  const conversation = romeo.conversation(await account("juliet"));
  conversation.timeline().subscribe(thrower("timeline"));
  romeo.connect();
  await romeo.ready({ signal: soon() });
  await romeo.roster.set(conversation.jid, { name: "Juliet" });
  const handle = conversation.sendUnencrypted({ text: "to be heard" });
  handle.subscribe(thrower("handle"));
  await handle.reached("sent", { signal: soon() });
  await all;
  expect([...told].sort()).toEqual(["handle", "roster", "status", "timeline"]);
});
