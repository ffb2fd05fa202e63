/** Two accounts with two devices each on a real Prosody. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { ClientError, memoryStore, type SottoClient } from "../../src/index.js";
import { verifiedOnly } from "../../src/session/trust/manual.js";
import { type Stage, stage } from "../support/prosody.js";
import { take } from "../support/take.js";

let verona: Stage;
beforeAll(async () => { verona = await stage(); });
afterAll(async () => { await verona.end(); });

const soon = (): AbortSignal => AbortSignal.timeout(20_000);

async function couple(): Promise<{ romeo: SottoClient; juliet: SottoClient }> {
  const romeo = await verona.client(await verona.account("romeo"), { service: verona.tcp });
  const juliet = await verona.client(await verona.account("juliet"), { service: verona.websocket });
  await Promise.all([romeo.ready({ signal: soon() }), juliet.ready({ signal: soon() })]);
  return { romeo, juliet };
}

test("a message over TCP reaches both devices of the contact and the sender's other device, encrypted", async () => {
  const { romeo, juliet } = await couple();
  const romeo2 = await verona.client(romeo.device.jid, { service: verona.directTls });
  const juliet2 = await verona.client(juliet.device.jid, { service: verona.tcp });
  await Promise.all([romeo2.ready({ signal: soon() }), juliet2.ready({ signal: soon() })]);
  const heard = [juliet, juliet2, romeo2].map((client) => take(client.messages({ signal: soon() }), 1));

  const text = "It is the east, and Juliet is the sun.";
  const sent = await romeo.conversation(juliet.device.jid).send({ text }).reached("sent", { signal: soon() });

  const [first, second, own] = (await Promise.all(heard)).map(([message]) => message);
  for (const message of [first, second]) {
    expect(message).toMatchObject({ from: romeo.device.jid, text, direction: "received", security: { level: "trusted", fingerprint: romeo.device.fingerprint } });
  }
  expect(own).toMatchObject({ conversation: juliet.device.jid, from: romeo.device.jid, text, direction: "sent" });
  expect(sent.report.map((device) => device.result)).toEqual(["encrypted", "encrypted", "encrypted"]);
  expect(await verona.server.readLog()).not.toContain(text);
});

test("both sides answer each other in order, over TCP and WebSocket", async () => {
  const { romeo, juliet } = await couple();
  const atJuliet = juliet.messages({ signal: soon() });
  const atRomeo = romeo.messages({ signal: soon() });
  for (let round = 0; round < 5; round++) {
    const texts = [`${round.toString()}.1`, `${round.toString()}.2`];
    for (const text of texts) romeo.conversation(juliet.device.jid).send({ text });
    expect((await take(atJuliet, 2)).map((message) => message.text)).toEqual(texts);
    juliet.conversation(romeo.device.jid).send({ text: `answer ${round.toString()}` });
    expect((await take(atRomeo, 1)).map((message) => message.text)).toEqual([`answer ${round.toString()}`]);
  }
});

test("a message composed offline leaves when the connection is there", async () => {
  const { juliet } = await couple();
  const romeo = await verona.client(await verona.account("romeo"), { autoConnect: false });
  expect(romeo.status.getSnapshot()).toEqual({ kind: "offline" });
  const sent = romeo.conversation(juliet.device.jid).send({ text: "from the orchard" });
  expect((await sent.reached("stored")).state).toBe("stored");
  const heard = take(juliet.messages({ signal: soon() }), 1);
  romeo.connect();
  expect((await heard)[0]?.text).toBe("from the orchard");
  await sent.reached("sent", { signal: soon() });
});

test("what was stored before a restart is sent after it, once", async () => {
  const { juliet } = await couple();
  const store = memoryStore();
  const account = await verona.account("romeo");
  const before = await verona.client(account, { store, autoConnect: false });
  await before.conversation(juliet.device.jid).send({ text: "written before" }).reached("stored");
  await before.disconnect();
  const after = await verona.client(account, { store });
  const messages = juliet.messages({ signal: soon() });
  expect((await take(messages, 1))[0]?.text).toBe("written before");
  await after.conversation(juliet.device.jid).send({ text: "written after" }).reached("sent", { signal: soon() });
  expect((await take(messages, 1))[0]?.text).toBe("written after");
});

test("T05 a contact without OMEMO gets nothing from send(), and clear text only from the explicit call", async () => {
  const romeo = await verona.client(await verona.account("romeo"));
  await romeo.ready({ signal: soon() });
  const nobody = await verona.account("nurse"); // never logs in, so it publishes nothing
  const refused = await romeo.conversation(nobody).send({ text: "secret" }).reached("sent", { signal: soon() }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ClientError);
  expect(refused).toMatchObject({ code: "ERR_NO_OMEMO" });
  expect(await verona.server.readLog()).not.toContain("secret");
  await romeo.conversation(nobody).sendUnencrypted({ text: "in the open" }).reached("sent", { signal: soon() });
  expect(await verona.server.readLog()).toContain("in the open");
});

test("T01 verified-only sends nothing before a key was authenticated, and then only to that key", async () => {
  const juliet = await verona.client(await verona.account("juliet"));
  const romeo = await verona.client(await verona.account("romeo"), { trust: verifiedOnly });
  await Promise.all([romeo.ready({ signal: soon() }), juliet.ready({ signal: soon() })]);
  const conversation = romeo.conversation(juliet.device.jid);
  await expect(conversation.send({ text: "too early" }).reached("sent", { signal: soon() })).rejects.toMatchObject({ code: "ERR_NO_TRUSTED_DEVICE" });
  const [device] = await romeo.devices(juliet.device.jid);
  expect(device?.fingerprint).toBe(juliet.device.fingerprint);
  await romeo.setTrust(juliet.device.jid, device?.identityKey ?? new Uint8Array(), "authenticated");
  const heard = take(juliet.messages({ signal: soon() }), 1);
  await conversation.send({ text: "verified" }).reached("sent", { signal: soon() });
  expect((await heard)[0]?.text).toBe("verified");
});

test("N17 a wrong password stops with one status, and setCredentials() goes on", async () => {
  const account = await verona.account("romeo");
  const romeo = await verona.client(account, { password: "wrong" });
  await expect(romeo.ready({ signal: soon() })).rejects.toMatchObject({ code: "ERR_AUTH_REJECTED" });
  expect(romeo.status.getSnapshot().kind).toBe("stopped");
  romeo.setCredentials({ password: "a rose by any other name" });
  await romeo.ready({ signal: soon() });
});

test("N04 without the private authority the certificate is refused and no credential is sent", async () => {
  const romeo = await verona.client(await verona.account("romeo"), { tls: {} });
  await expect(romeo.ready({ signal: soon() })).rejects.toMatchObject({ code: "ERR_TLS_FAILED" });
});

test("N14 a store is never opened for another account", async () => {
  const store = memoryStore();
  await verona.client(await verona.account("romeo"), { store, autoConnect: false });
  await expect(verona.client(await verona.account("mercutio"), { store, autoConnect: false })).rejects.toMatchObject({ code: "ERR_STORE_FOREIGN_ACCOUNT" });
});

test("P17 text that XML cannot carry is refused before anything is stored", async () => {
  const romeo = await verona.client(await verona.account("romeo"), { autoConnect: false });
  const conversation = romeo.conversation(await verona.account("juliet"));
  for (const text of ["", "\u0000", "\ud800", "a\u0008b"]) expect(() => conversation.send({ text })).toThrow(expect.objectContaining({ code: "ERR_INVALID_TEXT" }));
  expect(() => romeo.conversation("not an address")).toThrow(expect.objectContaining({ code: "ERR_INVALID_JID" }));
});

test("messages that arrived before anybody read are kept for the first reader, also across a restart", async () => {
  const romeo = await verona.client(await verona.account("romeo"));
  const account = await verona.account("juliet");
  const store = memoryStore();
  const juliet = await verona.client(account, { store });
  await Promise.all([romeo.ready({ signal: soon() }), juliet.ready({ signal: soon() })]);
  await romeo.conversation(account).send({ text: "unheard" }).reached("sent", { signal: soon() });
  const again = romeo.conversation(account).send({ text: "unheard as well" });
  await again.reached("sent", { signal: soon() });
  await expect.poll(() => juliet.history().then((messages) => messages.length), { timeout: 20_000 }).toBe(2);
  await juliet.disconnect();
  const restarted = await verona.client(account, { store, autoConnect: false });
  expect((await take(restarted.messages({ signal: soon() }), 2)).map((message) => message.text)).toEqual(["unheard", "unheard as well"]);
});
