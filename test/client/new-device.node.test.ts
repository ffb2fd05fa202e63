/**
 * New devices of a contact on a real Prosody, whose rosters are empty: without a subscription no notification tells of a device list. The
 * threats are Q19 and that of answers which do not reach who wrote.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Stage, stage } from "../support/prosody.js";
import { take } from "../support/take.js";

let verona: Stage;
beforeAll(async () => { verona = await stage(); });
afterAll(async () => { await verona.end(); });

const soon = (): AbortSignal => AbortSignal.timeout(30_000);
const encryptedFor = (report: readonly { readonly device: { readonly jid: string; readonly deviceId: number }; readonly result: string }[], jid: string): readonly number[] =>
  report.filter(({ device, result }) => device.jid === jid && result === "encrypted").map(({ device }) => device.deviceId).sort((a, b) => a - b);

test("a contact's new device that writes gets the answer, three times out of three", async () => {
  const romeo = await verona.client(await verona.account("romeo"));
  const juliet = await verona.client(await verona.account("juliet"));
  await Promise.all([romeo.ready({ signal: soon() }), juliet.ready({ signal: soon() })]);
  const conversation = romeo.conversation(juliet.device.jid);
  const before = await conversation.send({ text: "before" }).reached("sent", { signal: soon() });
  expect(encryptedFor(before.report, juliet.device.jid)).toEqual([juliet.device.deviceId]);

  const phone = await verona.client(juliet.device.jid, { service: verona.websocket });
  await phone.ready({ signal: soon() });
  const both = [juliet.device.deviceId, phone.device.deviceId].sort((a, b) => a - b);
  const atRomeo = romeo.messages({ signal: soon() });
  const [atPhone, atJuliet] = [phone.messages({ signal: soon() }), juliet.messages({ signal: soon() })];
  expect((await take(atJuliet, 1))[0]?.text).toBe("before");
  for (let round = 1; round <= 3; round++) {
    const text = `call ${String(round)}`;
    phone.conversation(romeo.device.jid).send({ text });
    expect((await take(atRomeo, 1))[0]?.text).toBe(text);
    const echo = await conversation.send({ text: `echo of ${text}` }).reached("sent", { signal: soon() });
    expect(encryptedFor(echo.report, juliet.device.jid)).toEqual(both);
    const heard = await Promise.all([take(atPhone, 1), take(atJuliet, 2)]); // the old device has a copy of the call, too
    expect(heard.map((messages) => messages.map((message) => message.text))).toEqual([[`echo of ${text}`], [text, `echo of ${text}`]]);
  }
});

test("Q19 a device that a contact gained while we were offline is written to after the reconnect", async () => {
  const romeo = await verona.client(await verona.account("romeo"));
  const juliet = await verona.client(await verona.account("juliet"));
  await Promise.all([romeo.ready({ signal: soon() }), juliet.ready({ signal: soon() })]);
  const conversation = romeo.conversation(juliet.device.jid);
  await conversation.send({ text: "before" }).reached("sent", { signal: soon() });
  await romeo.disconnect();
  const phone = await verona.client(juliet.device.jid);
  await phone.ready({ signal: soon() });
  romeo.connect();
  await romeo.ready({ signal: soon() });
  const heard = take(phone.messages({ signal: soon() }), 1);
  await conversation.send({ text: "after" }).reached("sent", { signal: soon() });
  expect((await heard).map(({ text }) => text)).toEqual(["after"]);
});
