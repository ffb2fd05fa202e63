/** Sending and receiving: states on their evidence, offline, refusals, trust. */
import { expect, test } from "vitest";
import { ClientError, type SendState, UsageError, verifiedOnly } from "../../src/index.js";
import { account, arrive, befriend, couple, disks, nextEvent, open, serverLog, soon, until } from "./support/stage.js";
import { take } from "../support/take.js";

test("a message goes through all its states, each on its evidence, and the other side answers", async () => {
  const { romeo, juliet } = await couple();
  await befriend(romeo, juliet); // strangers are told nothing
  const [atRomeo, atJuliet] = [romeo.messages({ signal: soon() }), juliet.messages({ signal: soon() })];
  const text = "Art thou not Romeo, and a Montague?";
  const handle = juliet.conversation(romeo.device.jid).send({ text });
  const states: SendState[] = [handle.getSnapshot().state];
  handle.subscribe(() => { states.push(handle.getSnapshot().state); });
  await handle.reached("delivered", { signal: soon() });
  const [message] = await take(atRomeo, 1);
  expect(message).toMatchObject({
    text, from: juliet.device.jid, conversation: juliet.device.jid, direction: "received",
    security: { level: "trusted", fingerprint: juliet.device.fingerprint },
  });
  await romeo.conversation(juliet.device.jid).markDisplayed(message!);
  const displayed = await handle.reached("displayed", { signal: soon() });
  expect(displayed).toMatchObject({ authenticated: true, archived: expect.any(Boolean) as boolean });
  // The receipt may overtake the server's acknowledgement, where that was asked for a moment earlier: then "sent" is never shown.
  expect([...new Set(states)].filter((state) => state !== "sent")).toEqual(["accepted", "stored", "sealed", "delivered", "displayed"]);
  expect([-1, 3]).toContain([...new Set(states)].indexOf("sent"));
  expect(displayed.report.map(({ result }) => result)).toEqual(["encrypted"]);

  await romeo.conversation(juliet.device.jid).send({ text: "Neither, fair saint" }).reached("sent", { signal: soon() });
  expect((await take(atJuliet, 1))[0]).toMatchObject({ text: "Neither, fair saint", from: romeo.device.jid });
  expect(await serverLog()).not.toContain(text);
});

test("messages of one conversation come in their order, also when both write at once", async () => {
  const { romeo, juliet } = await couple();
  const [atRomeo, atJuliet] = [romeo.messages({ signal: soon() }), juliet.messages({ signal: soon() })];
  const texts = ["one", "two", "three", "four", "five"];
  for (const text of texts) {
    romeo.conversation(juliet.device.jid).send({ text });
    juliet.conversation(romeo.device.jid).send({ text });
  }
  for (const messages of [atRomeo, atJuliet]) expect((await take(messages, 5)).map(({ text }) => text)).toEqual(texts);
});

test("both devices of the contact and the sender's other device get a message", async () => {
  const { romeo, juliet } = await couple();
  const [romeo2, juliet2] = await Promise.all([arrive(romeo.device.jid), arrive(juliet.device.jid)]);
  const heard = [juliet, juliet2, romeo2].map((client) => take(client.messages({ signal: soon() }), 1));
  await romeo.conversation(juliet.device.jid).send({ text: "to all of them" }).reached("sent", { signal: soon() });
  const [first, second, own] = (await Promise.all(heard)).map(([message]) => message);
  expect([first, second].map((message) => [message?.text, message?.direction])).toEqual([["to all of them", "received"], ["to all of them", "received"]]);
  expect(own).toMatchObject({ conversation: juliet.device.jid, from: romeo.device.jid, text: "to all of them", direction: "sent" });
  expect(own).not.toHaveProperty("delivery");
});

test("what is written offline waits, and leaves when there is a connection", async () => {
  const juliet = await arrive("juliet");
  const heard = take(juliet.messages({ signal: soon() }), 2);
  const romeo = await open(await account("romeo"), { autoConnect: false });
  const conversation = romeo.conversation(juliet.device.jid);
  const handles = ["from the orchard", "and once more"].map((text) => conversation.send({ text }));
  await Promise.all(handles.map((handle) => handle.reached("stored")));
  expect(romeo.waiting).toBe(2);
  expect((await conversation.history()).map(({ delivery }) => delivery?.state)).toEqual(["stored", "stored"]);
  romeo.connect();
  expect((await heard).map(({ text }) => text)).toEqual(["from the orchard", "and once more"]);
  await Promise.all(handles.map((handle) => handle.reached("sent", { signal: soon() })));
  await expect.poll(() => romeo.waiting).toBe(0);
});

test("a message can be taken back until it is encrypted", async () => {
  const juliet = await arrive("juliet");
  const romeo = await open(await account("romeo"), { autoConnect: false });
  const handle = romeo.conversation(juliet.device.jid).send({ text: "I should not have" });
  await handle.reached("stored");
  expect(await handle.cancel()).toBe(true);
  const failed: unknown = await handle.reached("sent").catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(ClientError);
  expect(failed).toMatchObject({ code: "ERR_MESSAGE_CANCELLED" });
  romeo.connect();
  const late = romeo.conversation(juliet.device.jid).send({ text: "this one stands" });
  await late.reached("sent", { signal: soon() });
  expect(await late.cancel()).toBe(false);
});

test("a contact without OMEMO gets nothing from send(), and clear text only from the explicit call", async () => {
  const romeo = await arrive("romeo");
  const nurse = await account("nurse"); // never signs in, so she publishes nothing
  const secret = `secret ${romeo.device.fingerprint}`;
  const told = nextEvent(romeo, "send-failed");
  await expect(romeo.conversation(nurse).send({ text: secret }).reached("sent", { signal: soon() })).rejects.toMatchObject({ code: "ERR_NO_OMEMO" });
  expect((await told).message).toMatchObject({ text: secret, delivery: { state: "failed", error: { code: "ERR_NO_OMEMO" } } });
  const clear = `in the open ${romeo.device.fingerprint}`;
  await romeo.conversation(nurse).sendUnencrypted({ text: clear }).reached("sent", { signal: soon() });
  const log = await serverLog();
  expect([log.includes(secret), log.includes(clear)]).toEqual([false, true]);
});

test.each(disks)("a message that has waited over a restart is followed again, and can still be taken back, with $kind", async ({ disk }) => {
  const { open: store } = await disk();
  const juliet = await arrive("juliet");
  const address = await account("romeo");
  const before = await open(address, { store: store(), autoConnect: false });
  const [kept, regretted] = ["kept", "regretted"].map((text) => before.conversation(juliet.device.jid).send({ text }));
  await regretted!.reached("stored");
  await before.close();
  const romeo = await open(address, { store: store(), autoConnect: false });
  const conversation = romeo.conversation(juliet.device.jid);
  const handles = await Promise.all([kept!.id, regretted!.id].map((id) => conversation.sendHandle(id)));
  expect(handles.map((handle) => handle?.getSnapshot().state)).toEqual(["stored", "stored"]);
  const [, second] = await conversation.history();
  expect(await conversation.deleteMessage(second!)).toBe(false); // it would leave nevertheless
  expect(await handles[1]!.cancel()).toBe(true);
  expect(await conversation.deleteMessage(second!)).toBe(true);
  romeo.connect();
  await handles[0]!.reached("sent", { signal: soon() });
  expect((await conversation.history()).map(({ text }) => text)).toEqual(["kept"]);
  for (const id of [regretted!.id, "nobody's"]) expect(await conversation.sendHandle(id)).toBeUndefined();
  expect(await romeo.conversation(romeo.device.jid).sendHandle(kept!.id)).toBeUndefined(); // another conversation's
});

test("with verified keys only, nothing leaves before a key was compared, and then only for that key", async () => {
  const juliet = await arrive("juliet");
  const romeo = await arrive("romeo", { trust: verifiedOnly });
  const conversation = romeo.conversation(juliet.device.jid);
  await expect(conversation.send({ text: "too early" }).reached("sent", { signal: soon() })).rejects.toMatchObject({ code: "ERR_NO_TRUSTED_DEVICE" });
  const [device] = await romeo.devices(juliet.device.jid);
  expect(device).toMatchObject({ fingerprint: juliet.device.fingerprint, trust: "undecided" });
  await romeo.setTrust(juliet.device.jid, device?.identityKey ?? new Uint8Array(), "authenticated");
  const heard = take(juliet.messages({ signal: soon() }), 1);
  await conversation.send({ text: "compared" }).reached("sent", { signal: soon() });
  expect((await heard)[0]?.text).toBe("compared");
});

test("a device that the user distrusts gets nothing any more", async () => {
  const { romeo, juliet } = await couple();
  await romeo.conversation(juliet.device.jid).send({ text: "first" }).reached("sent", { signal: soon() });
  const [device] = await romeo.devices(juliet.device.jid);
  await romeo.setTrust(juliet.device.jid, device?.identityKey ?? new Uint8Array(), "distrusted");
  await expect(romeo.conversation(juliet.device.jid).send({ text: "second" }).reached("sent", { signal: soon() })).rejects.toMatchObject({ code: "ERR_NO_TRUSTED_DEVICE" });
  await expect(romeo.setTrust(juliet.device.jid, new Uint8Array(32), "authenticated")).rejects.toMatchObject({ code: "ERR_DEVICE_UNKNOWN" });
});

test("R22 after a reset the next message begins a new session, and both sides go on", async () => {
  const { romeo, juliet } = await couple();
  const [atRomeo, atJuliet] = [romeo.messages({ signal: soon() }), juliet.messages({ signal: soon() })];
  const exchange = async (round: string): Promise<void> => {
    const [there, back] = [`${round}, there`, `${round}, back`];
    romeo.conversation(juliet.device.jid).send({ text: there });
    expect((await take(atJuliet, 1))[0]).toMatchObject({ text: there, security: { level: "trusted" } });
    juliet.conversation(romeo.device.jid).send({ text: back });
    expect((await take(atRomeo, 1))[0]).toMatchObject({ text: back, security: { level: "trusted" } });
  };
  const keyExchanges = async (): Promise<number> => (await serverLog()).split(`from='${romeo.device.jid}/`).filter((each) => /^[^<]*<encrypted.*?\bkex='(?:true|1)'/s.test(each)).length;
  await exchange("first");
  await exchange("second");
  const before = await keyExchanges();
  await romeo.resetSession(juliet.device.jid, juliet.device.deviceId);
  await exchange("third");
  expect(before).toBeGreaterThan(0);
  expect(await keyExchanges()).toBeGreaterThan(before);
});

test("what cannot be sent is refused before anything is stored", async () => {
  const romeo = await open(await account("romeo"), { autoConnect: false });
  const conversation = romeo.conversation("juliet@verona.example");
  for (const text of ["", "\u0000", "\ud800", "a\u0008b"]) {
    expect(() => conversation.send({ text }), JSON.stringify(text)).toThrow(expect.objectContaining({ code: "ERR_INVALID_TEXT" }) as Error);
  }
  expect(() => conversation.send({ text: "x".repeat(1_000_000) })).toThrow(expect.objectContaining({ code: "ERR_MESSAGE_TOO_LARGE" }) as Error);
  expect(() => romeo.conversation("not an address")).toThrow(UsageError);
  expect([romeo.waiting, await romeo.history()]).toEqual([0, []]);
});

test("prepare() fetches ahead, and writing in any script arrives as it was written", async () => {
  const { romeo, juliet } = await couple();
  await romeo.conversation(juliet.device.jid).prepare({ signal: soon() });
  expect((await romeo.devices(juliet.device.jid)).map(({ fingerprint }) => fingerprint)).toEqual([juliet.device.fingerprint]);
  const heard = take(juliet.messages({ signal: soon() }), 1);
  const text = "Ἀγάπη <&> 愛 🌹\u200d🗡 שלום\n\ttab";
  romeo.conversation(juliet.device.jid).send({ text });
  expect((await heard)[0]?.text).toBe(text);
});

test("a device that others see says who it is", async () => {
  const { romeo, juliet } = await couple();
  const seen = nextEvent(juliet, "new-identity", ({ jid }) => jid === romeo.device.jid);
  await romeo.conversation(juliet.device.jid).send({ text: "it is I" }).reached("sent", { signal: soon() });
  expect(await seen).toMatchObject({ deviceId: romeo.device.deviceId, fingerprint: romeo.device.fingerprint, changed: false });
  await until(juliet.status, ({ kind }) => kind === "online");
});
