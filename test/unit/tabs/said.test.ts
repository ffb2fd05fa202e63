/** What was said through a leader holds under the next one, also where nobody hands it over: beside a frozen leader, by a tab that was frozen itself. Threats V01. */
import { expect, onTestFinished, test, vi } from "vitest";
import { utf8, utf8Decode } from "../../../src/base/bytes.js";
import { SottoClient } from "../../../src/client/client.js";
import { AccountPrivacyLists } from "../../../src/client/privacy/privacy-lists.js";
import { storeKey } from "../../../src/session/ports.js";
import { StorageError } from "../../../src/storage/errors.js";
import { protocolVersion } from "../../../src/tabs/frames.js";
import type { ClientHost } from "../../../src/tabs/host.js";
import { calm, type FacadeWorld, juliet, LoopbackLink, romeo, testWorld, when } from "../../support/facade-world.js";

const key = storeKey("client/tabs");
const row = (there: FacadeWorld): string | undefined => {
  const bytes = there.disk.rows.get(key);
  return bytes === undefined ? undefined : utf8Decode(bytes);
};

/** The tabs that are open freeze with their leader, and another one is opened, which leads. Those behind it in the order of hellos come back later. */
async function laterTab(there: FacadeWorld): ReturnType<FacadeWorld["tab"]> {
  const frozen = [...there.links];
  there.links.clear();
  there.crash();
  const opening = there.tab();
  for (const each of frozen.slice(1)) there.links.add(each);
  await there.lead();
  return opening;
}

/** Presence that was broadcast by romeo since, but for goodbyes. */
const shown = (there: FacadeWorld, since: number): unknown[] =>
  there.server.presence.slice(since).filter(({ from, stanza }) => from === romeo && stanza.attrs["type"] !== "unavailable");

/** The server has heard that romeo is gone, and everything before that. */
async function gone(there: FacadeWorld): Promise<void> {
  await expect.poll(() => there.server.presence.findLast(({ from }) => from === romeo)?.stanza.attrs["type"]).toBe("unavailable");
}

test.each([{ followers: 0 }, { followers: 1 }])("V01 own presence holds under a tab that is opened beside $followers frozen followers and their frozen leader", async ({ followers }) => {
  const there = testWorld({ autoConnect: true });
  const { client } = await there.open();
  await client.ready();
  for (let i = 0; i < followers; i++) await there.tab();
  await client.presence.set("unavailable");
  await gone(there);
  const before = there.server.presence.length;
  const { client: later } = await laterTab(there);
  await later.ready();
  await calm();
  expect(later.presence.own.getSnapshot()).toEqual({ kind: "unavailable" });
  expect(shown(there, before)).toEqual([]);
  await later.presence.set({ show: "dnd", statuses: { en: "busy" }, priority: 3 });
  const { client: last } = await laterTab(there);
  await last.ready();
  expect(last.presence.own.getSnapshot()).toEqual({ kind: "available", show: "dnd", statuses: { en: "busy" }, priority: 3 });
});

test("V01 disconnect() and connect() hold under a tab that is opened beside the frozen leader, whatever its options say", async () => {
  const there = testWorld({ autoConnect: true });
  const { client } = await there.open();
  await client.ready();
  await client.presence.set("unavailable");
  await client.disconnect();
  const before = there.server.presence.length;
  const { client: later } = await laterTab(there);
  await calm();
  expect(later.status.getSnapshot()).toEqual({ kind: "offline" });
  expect(later.presence.own.getSnapshot()).toEqual({ kind: "unavailable" });
  later.connect(); // what was said of the user holds for this stream too
  await later.ready();
  await calm();
  expect(shown(there, before)).toEqual([]);
  const { client: last } = await laterTab(there);
  await last.ready();
});

test("V01 a policy's context holds as a whole, though it was told bit by bit", async () => {
  const there = testWorld({ autoConnect: true });
  const { client } = await there.open();
  await client.ready();
  await client.presence.policy({ others: [{ level: "busy", when: { inCall: true } }, { level: "available" }] }, { withoutPrivacyLists: "degrade" });
  await client.presence.setContext({ inCall: true });
  await client.presence.setContext({ idleSince: 5 });
  await client.presence.setContext({ inCall: undefined }); // stays as it is
  for (const wrong of [{ inCall: false, idleSince: Number.POSITIVE_INFINITY }, { inCall: false, isIdle: true }]) {
    await expect(client.presence.setContext(wrong)).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" }); // nothing of it holds, now or under the next leader
  }
  const { client: later } = await laterTab(there);
  await later.ready();
  await when(later.presence, () => later.presence.effective(juliet)?.level !== undefined);
  expect(later.presence.effective(juliet)?.level).toBe("busy");
});

test("V01 the privacy list that is wanted is the one that took another's place", async () => {
  const there = testWorld({ autoConnect: true });
  const { client, host } = await there.open();
  await client.ready();
  const lists = await host.client.privacyLists();
  const calls: string[] = [];
  lists.activate = (name) => {
    calls.push(`${name ?? "none"}: ${row(there) ?? ""}`);
    return name === "unknown" ? Promise.reject(new StorageError("ERR_STORE_FAILED", "as a server that knows no such list")) : Promise.resolve();
  };
  lists.replace = () => Promise.resolve({ name: "home-2", kept: false } as never);
  const remote = await client.privacyLists();
  await remote.activate("home");
  expect(calls[0]).toContain('"list":"home"'); // stored before it is asked for
  await expect(remote.activate("unknown")).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
  expect(row(there)).toContain('"list":"home"');
  await remote.replace("home", [{ action: "deny", order: 1 } as never]);
  expect(row(there)).toContain('"list":"home-2"');
  const want = vi.spyOn(AccountPrivacyLists.prototype, "want");
  onTestFinished(() => { want.mockRestore(); });
  await there.lead();
  expect(want.mock.calls).toEqual([["home-2"]]);
});

test("V01 a leader that has no code for the privacy list that is wanted shows nobody anything, and the next one shows what was said", async () => {
  const there = testWorld({ autoConnect: true });
  const { client, host } = await there.open();
  await client.ready();
  (await host.client.privacyLists()).activate = () => Promise.resolve();
  await (await client.privacyLists()).activate("home");
  await client.presence.set({ show: "away" });
  await expect.poll(() => JSON.stringify(there.server.presence.findLast(({ from }) => from === romeo))).toContain("away");
  vi.spyOn(SottoClient.prototype, "privacyLists").mockRejectedValueOnce(new TypeError("the server of the page is away"));
  onTestFinished(() => { vi.restoreAllMocks(); });
  const before = there.server.presence.length;
  await there.lead();
  await client.ready();
  await calm();
  expect(client.presence.own.getSnapshot()).toEqual({ kind: "unavailable" });
  expect(shown(there, before)).toEqual([]);
  vi.spyOn(AccountPrivacyLists.prototype, "isKept").mockResolvedValue(true);
  await there.lead();
  await expect.poll(() => client.presence.own.getSnapshot()).toMatchObject({ kind: "available", show: "away" });
});

test("V01 nothing of it is done before it is stored", async () => {
  const there = testWorld({ autoConnect: true });
  const { client, host } = await there.open();
  await client.ready();
  const { ledger } = host.client.core;
  const run = ledger.run.bind(ledger);
  let store: () => void = () => undefined;
  const stored = new Promise<void>((resolve) => { store = resolve; });
  ledger.run = (work) => stored.then(() => run(work));
  const done = Promise.all([client.presence.set("unavailable"), client.disconnect()]);
  await calm();
  expect(host.client.presence.own.getSnapshot().kind).toBe("available");
  expect(host.client.status.getSnapshot().kind).toBe("online");
  store();
  await done;
  expect(host.client.presence.own.getSnapshot().kind).toBe("unavailable");
  expect(host.client.status.getSnapshot().kind).toBe("offline");
  expect(row(there)).toContain('"connected":false');
});

/** Refuses to store what tabs say, and nothing else. */
function refuseRow({ client }: ClientHost): void {
  const { ledger } = client.core;
  const run = ledger.run.bind(ledger);
  ledger.run = (work) => run(async (tx) => {
    const put = tx.put.bind(tx);
    tx.put = (at, value) => {
      if (at === key) throw new StorageError("ERR_STORE_FULL", "no room", { retryable: true });
      put(at, value);
    };
    return work(tx);
  });
}

test("V01 a store without room keeps nobody visible: it is done and told, and the tabs hand it over", async () => {
  const there = testWorld({ autoConnect: true });
  const { client, host } = await there.open();
  await client.ready();
  await client.presence.set({ show: "xa" });
  refuseRow(host);
  const errors: string[] = [];
  client.onEvent((event) => { if (event.kind === "error") errors.push(event.error.code); });
  await client.presence.set("unavailable");
  await calm();
  expect(host.client.presence.own.getSnapshot()).toEqual({ kind: "unavailable" });
  expect(errors).toEqual(["ERR_STORE_FULL"]);
  expect(row(there)).toContain('"show":"xa"');
  const next = await there.lead();
  await when(next.client.status, () => next.client.status.getSnapshot().kind === "online");
  expect(next.client.presence.own.getSnapshot()).toEqual({ kind: "unavailable" });
  expect(row(there)).toContain('"kind":"unavailable"');
});

test("V01 a tab that was frozen meanwhile does not bring back what was true before", async () => {
  const there = testWorld({ autoConnect: true });
  const { client, link } = await there.open();
  await client.ready();
  const { client: second, link: frozen } = await there.tab();
  await client.presence.set({ show: "dnd" });
  await calm();
  there.links.delete(frozen);
  await client.presence.set("unavailable");
  await gone(there);
  const before = there.server.presence.length;
  there.links.delete(link); // closed
  there.alive.delete(link.id);
  there.links.add(frozen);
  await there.lead();
  await second.ready();
  await calm();
  expect(second.presence.own.getSnapshot()).toEqual({ kind: "unavailable" });
  expect(shown(there, before)).toEqual([]);
});

test("once no tab lives that was there, the next one begins as its options say, and what was said is gone from the store", async () => {
  const there = testWorld({ autoConnect: true });
  const { client } = await there.open();
  await client.ready();
  await client.presence.set("unavailable");
  await client.disconnect();
  expect(row(there)).toBeDefined();
  there.alive.clear(); // the browser was closed
  const { client: today } = await laterTab(there);
  await today.ready();
  expect(today.presence.own.getSnapshot()).toMatchObject({ kind: "available" });
  expect(row(there)).toBeUndefined();
});

test("V01 it holds as long as any tab lives that was served, also one that came later or lives since a former leader", async () => {
  const there = testWorld({ autoConnect: true });
  const { client, link: first } = await there.open();
  await client.ready();
  await client.presence.set("unavailable");
  const { link: second } = await there.tab();
  await calm();
  there.alive.delete(first.id);
  const { link: third, client: later } = await laterTab(there);
  expect(later.presence.own.getSnapshot()).toEqual({ kind: "unavailable" });
  there.alive.delete(third.id); // the second one is frozen since before, and was never seen by this leader
  there.links.clear();
  there.alive.add(second.id);
  const { client: last } = await laterTab(there);
  expect(last.presence.own.getSnapshot()).toEqual({ kind: "unavailable" });
  await last.close();
  expect(row(there)).not.toContain(first.id);
});

test("V01 own presence of another build that cannot be understood is not taken for available", async () => {
  const there = testWorld({ autoConnect: true });
  const host = await there.lead();
  const link = new LoopbackLink(there, "raw");
  there.links.add(link);
  link.send({ kind: "hello", protocol: protocolVersion, carry: { own: { kind: "available", show: "elsewhere" } as never } });
  await when(host.client.status, () => host.client.status.getSnapshot().kind === "online");
  expect(host.client.presence.own.getSnapshot()).toEqual({ kind: "unavailable" });
});

test.each(["{}", '{"v":1}', '{"v":1,"tabs":[],"turn":0,"connected":1}', '{"v":1,"tabs":[],"turn":0,"own":{"kind":"here"}}', '{"v":2}'])(
  "D13 a row that cannot be read opens no leader: %s",
  async (text) => {
    const there = testWorld();
    there.disk.rows.set(key, utf8(text));
    await expect(there.lead()).rejects.toMatchObject({ code: "ERR_RECORD_INVALID" });
  },
);

test("no password is in the row", async () => {
  const there = testWorld();
  const { client } = await there.open();
  client.setCredentials({ password: "open sesame" });
  await client.presence.set({ show: "away" });
  expect(row(there)).toMatch(/^{"v":1,"tabs":\["tab-1"\],"turn":1,"own":{"kind":"available","show":"away"}}$/);
});
