/** Contacts, who sees whose presence, who may write at all. */
import { expect, test } from "vitest";
import { account, arrive, befriend, couple, nextEvent, open, soon, until } from "./support/stage.js";
import { take } from "../support/take.js";

test("a contact is added, named, grouped and taken out again, and the account's other device follows", async () => {
  const romeo = await arrive("romeo");
  const other = await arrive(romeo.device.jid);
  const friend = await account("benvolio");
  await romeo.roster.set(friend, { name: "Benvolio", groups: ["Montague"] });
  expect(romeo.roster.get(friend)).toMatchObject({ name: "Benvolio", groups: ["Montague"], subscription: "none", unconfirmed: false });
  await until(other.roster, ({ contacts }) => [...contacts.values()].some(({ jid, name }) => jid === friend && name === "Benvolio"));
  await romeo.roster.rename(friend, "Cousin");
  await romeo.roster.setGroups(friend, ["Family", "Friends"]);
  await until(other.roster, () => other.roster.get(friend)?.name === "Cousin" && other.roster.get(friend)?.groups.join() === "Family,Friends");
  expect(romeo.roster.export()).toEqual({ version: 1, contacts: [{ jid: friend, name: "Cousin", groups: ["Family", "Friends"] }] });
  await romeo.roster.remove(friend);
  await until(other.roster, ({ contacts }) => contacts.size === 0);
  await expect(romeo.roster.rename(friend, "Nobody")).rejects.toMatchObject({ code: "ERR_NOT_A_CONTACT" });
});

test("nobody sees anybody before a request was granted; a denied one shows nothing", async () => {
  const { romeo, juliet } = await couple();
  const asked = nextEvent(juliet, "subscription-request");
  await romeo.roster.subscribeTo(juliet.device.jid, { text: "a rose" });
  expect(await asked).toMatchObject({ jid: romeo.device.jid });
  expect(juliet.roster.getSnapshot().requests.map(({ jid }) => jid)).toEqual([romeo.device.jid]);
  expect(romeo.roster.get(juliet.device.jid)).toMatchObject({ pendingOut: true, subscription: "none" });
  expect(romeo.presence.contact(juliet.device.jid)).toBeUndefined();
  await juliet.roster.deny(romeo.device.jid);
  await until(romeo.roster, () => romeo.roster.get(juliet.device.jid)?.pendingOut === false);
  expect(juliet.roster.getSnapshot().requests).toEqual([]);
  await expect(juliet.roster.approve(romeo.device.jid)).rejects.toMatchObject({ code: "ERR_NO_REQUEST" });
  expect(romeo.presence.contact(juliet.device.jid)).toBeUndefined();
});

test("friends see each other come, change and go", async () => {
  const { romeo, juliet } = await couple();
  await befriend(romeo, juliet);
  await until(romeo.presence, () => romeo.presence.contact(juliet.device.jid)?.available === true);
  await juliet.presence.set({ show: "dnd", statuses: { "": "on the balcony" } });
  await until(romeo.presence, () => romeo.presence.contact(juliet.device.jid)?.best?.show === "dnd");
  expect(romeo.presence.contact(juliet.device.jid)?.best?.statuses?.[""]).toBe("on the balcony");
  await juliet.presence.set("unavailable");
  await until(romeo.presence, () => romeo.presence.contact(juliet.device.jid)?.available !== true);
  await juliet.presence.set({ show: "available" });
  await until(romeo.presence, () => romeo.presence.contact(juliet.device.jid)?.available === true);
  await juliet.disconnect();
  await until(romeo.presence, () => romeo.presence.contact(juliet.device.jid)?.available !== true);
});

test("a revoked subscription shows nothing any more", async () => {
  const { romeo, juliet } = await couple();
  await befriend(romeo, juliet);
  await until(romeo.presence, () => romeo.presence.contact(juliet.device.jid)?.available === true);
  await juliet.roster.revoke(romeo.device.jid);
  await until(romeo.roster, () => romeo.roster.get(juliet.device.jid)?.subscription === "from");
  await until(romeo.presence, () => romeo.presence.contact(juliet.device.jid)?.available !== true);
});

test("a presence policy shows each group what it says, and an override hides from all", async () => {
  const { romeo, juliet } = await couple();
  const sister = await arrive("sister");
  await befriend(romeo, juliet);
  await befriend(romeo, sister);
  await romeo.roster.setGroups(juliet.device.jid, ["Team"]);
  await romeo.roster.setGroups(sister.device.jid, ["Family"]);
  const seenBy = (watcher: typeof juliet) => watcher.presence.contact(romeo.device.jid);
  expect((await romeo.presence.policy({ groups: { Family: "busy", Team: "offline" }, others: "offline" })).reached).toBe("in-force");
  await until(sister.presence, () => seenBy(sister)?.best?.show === "dnd");
  await until(juliet.presence, () => seenBy(juliet)?.available !== true);
  expect(romeo.presence.effective(sister.device.jid)).toMatchObject({ level: "busy" });
  await romeo.presence.override({ level: "offline", until: Date.now() + 600_000 });
  await until(sister.presence, () => seenBy(sister)?.available !== true);
  await romeo.presence.override(undefined);
  await romeo.presence.policy(undefined);
  for (const watcher of [juliet, sister]) await until(watcher.presence, () => seenBy(watcher)?.best?.show === "available");
});

test("who is blocked sees nothing and reaches nobody, until he is not", async () => {
  const { romeo, juliet } = await couple();
  await befriend(romeo, juliet);
  await until(juliet.presence, () => juliet.presence.contact(romeo.device.jid)?.available === true);
  await juliet.conversation(romeo.device.jid).send({ text: "before" }).reached("delivered", { signal: soon() });
  const blocking = await romeo.blocking();
  await blocking.block([juliet.device.jid]);
  expect([blocking.isBlocked(juliet.device.jid), [...blocking.getSnapshot()]]).toEqual([true, [juliet.device.jid]]);
  await until(juliet.presence, () => juliet.presence.contact(romeo.device.jid)?.available !== true);
  await expect(juliet.conversation(romeo.device.jid).send({ text: "do you hear me?" }).reached("delivered", { signal: soon() })).rejects.toMatchObject({ code: "ERR_MESSAGE_REFUSED" });
  const heard = take(romeo.messages({ signal: soon() }), 2);
  await blocking.unblock([juliet.device.jid]);
  expect([...blocking.getSnapshot()]).toEqual([]);
  await juliet.conversation(romeo.device.jid).send({ text: "and now?" }).reached("sent", { signal: soon() });
  expect((await heard).map(({ text }) => text)).toEqual(["before", "and now?"]);
});

test("strangers go to a box of their own where the policy says so, and into a conversation when they are accepted", async () => {
  const { romeo, juliet } = await couple();
  await (await romeo.contactPolicy()).set({ strangers: { message: "separate" } });
  const boxed = nextEvent(romeo, "stranger-message");
  juliet.conversation(romeo.device.jid).send({ text: "you do not know me" });
  expect((await boxed).message).toMatchObject({ from: juliet.device.jid, text: "you do not know me" });
  expect(await romeo.history()).toEqual([]);
  const strangers = await romeo.strangers();
  expect(strangers.getSnapshot()).toMatchObject([{ jid: juliet.device.jid }]);
  await strangers.accept(juliet.device.jid);
  expect((await romeo.conversation(juliet.device.jid).history()).map(({ text }) => text)).toEqual(["you do not know me"]);
  expect(strangers.getSnapshot()).toEqual([]);
});

test("without a stream, changes that need the server are refused as retryable and show nothing", async () => {
  const romeo = await open(await account("romeo"), { autoConnect: false });
  const blocking = await romeo.blocking();
  for (const call of [romeo.roster.set("juliet@verona.example", { name: "Juliet" }), romeo.roster.subscribeTo("juliet@verona.example"), blocking.block(["tybalt@verona.example"])]) {
    await expect(call).rejects.toMatchObject({ code: "ERR_OFFLINE", retryable: true });
  }
  expect([romeo.roster.getSnapshot().contacts.size, blocking.getSnapshot().size]).toEqual([0, 0]);
  await expect(romeo.roster.set("not an address", {})).rejects.toMatchObject({ code: "ERR_INVALID_JID" });
});

test("a mood is seen by a contact who asked for it", async () => {
  const { romeo, juliet } = await couple();
  await befriend(romeo, juliet);
  const [atJuliet, own] = [await juliet.personalEvents(), await romeo.personalEvents()];
  const seen = new Promise((resolve) => { atJuliet.onEvent((event) => { if (event.from === romeo.device.jid) resolve(event); }); });
  await own.publish("mood", { mood: "in_love", text: "O, it is my love!" });
  expect(await seen).toMatchObject({ kind: "mood", value: { mood: "in_love", text: "O, it is my love!" } });
});
