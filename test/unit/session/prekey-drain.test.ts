/** Strangers who use up what we have: threats R24, V03, L02, H06, T08. @module */
import { beforeEach, expect, test } from "vitest";
import { bareJid, type BareJid } from "../../../src/base/jid.js";
import { exchangesPerPreKeyMax, exchangesPerPreKeyOfAccountMax, oneTimePreKeysCount, strangersListsMax } from "../../../src/base/limits.js";
import type { FollowUp, OpenOutcome, SendPlan } from "../../../src/session/outcome.js";
import type { DeviceId, ListedDevice } from "../../../src/session/ports.js";
import { juliet, mercutio, romeo, textOfOutcome, World, type TestDevice } from "../../support/omemo-world.js";

const republications = (outcome: OpenOutcome): readonly FollowUp[] =>
  ("followUps" in outcome ? outcome.followUps : []).filter(({ kind }) => kind === "republish-bundle");
const unhurried = [{ kind: "republish-bundle", unhurried: true }];
const hurried = [{ kind: "republish-bundle" }];

let world: World;
let b: TestDevice;

/** A key exchange of `from` on the prekey of that number in the bundle as it was first. */
async function onPreKey(from: TestDevice, plan: SendPlan, number: number): Promise<OpenOutcome> {
  const entry = plan.recipients[0]?.devices[0]?.bundle;
  if (entry?.kind !== "bundle") throw new RangeError("no bundle");
  const { bundle } = entry;
  const one = { kind: "bundle", bundle: { ...bundle, preKeys: bundle.preKeys.slice(number, number + 1) } } as const;
  const message = await from.ledger.run(async (tx) => {
    await from.omemo.resetSession(tx, b.address);
    return from.omemo.sealEmpty(tx, b.address, { recipients: [{ jid: juliet, list: "known", devices: [{ id: b.id, bundle: one }] }] });
  });
  if (message === undefined) throw new RangeError("no way");
  return b.open(from.jid, message);
}

beforeEach(async () => {
  world = new World();
  b = await world.device(juliet, { isContact: (jid) => jid === romeo });
});

test("R24 V03 once a stranger has used more than half of the prekeys that the server shows, the bundle is published again at once: n, n+1, and anew after it", async () => {
  const m = await world.device(mercutio, { announce: false });
  const plan = await m.omemo.prepareDevice(b.address);
  const half = oneTimePreKeysCount / 2;
  for (let n = 0; n < half; n++) expect(republications(await onPreKey(m, plan, n))).toEqual(unhurried);
  expect(republications(await onPreKey(m, plan, half))).toEqual(hurried);
  await b.omemo.announce();
  expect(republications(await onPreKey(m, plan, half + 1))).toEqual(unhurried);
});

test("R24 one account uses a prekey four times, others find room on it; whoever finds none asks for a fresh bundle, and is answered if he may be", async () => {
  const [a, plans] = [await world.device(romeo), new Map<TestDevice, SendPlan>()];
  const strangers: TestDevice[] = [];
  for (let n = 0; n < exchangesPerPreKeyMax / exchangesPerPreKeyOfAccountMax; n++) strangers.push(await world.device(bareJid(`m${n}@example.org`), { announce: false }));
  for (const each of [a, ...strangers]) plans.set(each, await each.omemo.prepareDevice(b.address));
  const exchange = (from: TestDevice): Promise<OpenOutcome> => onPreKey(from, plans.get(from) as SendPlan, 0);
  const [first] = strangers as [TestDevice];
  for (let n = 0; n < exchangesPerPreKeyOfAccountMax; n++) expect((await exchange(first)).kind).toBe("empty");
  expect(textOfOutcome(await exchange(first))).toBe("failed ERR_SESSION_UNKNOWN_PREKEY");
  for (const each of strangers.slice(1)) for (let n = 0; n < exchangesPerPreKeyOfAccountMax; n++) expect((await exchange(each)).kind).toBe("empty");
  const refused = await exchange(first);
  expect([textOfOutcome(refused), republications(refused)]).toEqual(["failed ERR_SESSION_UNKNOWN_PREKEY", unhurried]);
  expect(await exchange(a)).toMatchObject({ code: "ERR_SESSION_UNKNOWN_PREKEY", followUps: [...hurried, { kind: "send-empty", reason: "no-session" }] });
  await b.omemo.announce();
  expect(republications(await exchange(a))).toEqual([]); // the bundle is fresh: nothing to publish
});

test("H06 L02 device lists of strangers are bounded also when each has begun a session; whom we know as a contact, or have decided about, keeps his", async () => {
  const list: ListedDevice[] = [{ id: 1 as DeviceId }];
  const lists = (): number => [...b.disk.rows.keys()].filter((key) => key.startsWith("omemo/2/list/") && key.includes("evil")).length;
  const speak = async (jid: BareJid): Promise<TestDevice> => {
    const device = await world.device(jid, { announce: false });
    expect((await b.open(jid, await device.sendEmpty(b.address))).kind).toBe("empty");
    await b.omemo.onDeviceList(jid, list);
    return device;
  };
  await speak(romeo);
  const { omemo } = await speak(mercutio);
  await b.omemo.setTrust(mercutio, omemo.self.identityKey, "distrusted");
  for (let n = 0; n < strangersListsMax + 2; n++) await speak(bareJid(`evil${n}@example.org`));
  expect(lists()).toBe(strangersListsMax);
  const kept = (name: string): boolean => [...b.disk.rows.keys()].some((key) => key.startsWith(`omemo/2/list/${name}`));
  expect(["romeo", "mercutio"].map(kept)).toEqual([true, true]);
});

test("H06 a remembered list that has made room for others is fetched again, though it was told a moment ago", async () => {
  await world.device(mercutio);
  await b.omemo.prepare([mercutio]);
  for (let n = 0; n < strangersListsMax; n++) await b.omemo.onDeviceList(bareJid(`evil${n}@example.org`), []);
  expect((await b.trySend(mercutio, "hello")).kind).toBe("sealed");
});

test("T08 each key that devices() shows can be decided about, also one that only an empty key exchange has shown", async () => {
  const m = await world.device(mercutio, { announce: false });
  await b.open(mercutio, await m.sendEmpty(b.address));
  const [shown] = await b.omemo.devices(mercutio);
  expect(shown).toMatchObject({ trust: "undecided", fingerprint: m.omemo.self.fingerprint });
  await b.omemo.setTrust(mercutio, shown?.identityKey as Uint8Array, "distrusted");
  expect(await b.omemo.devices(mercutio)).toMatchObject([{ trust: "distrusted" }]);
  await expect(b.omemo.setTrust(romeo, shown?.identityKey as Uint8Array, "distrusted")).rejects.toMatchObject({ code: "ERR_DEVICE_UNKNOWN" });
});
