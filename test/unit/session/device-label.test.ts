/** Labels of devices: threats T11, F20. @module */
import { expect, test } from "vitest";
import { fromHex, utf8, type Bytes } from "../../../src/base/bytes.js";
import { identityKey } from "../../../src/crypto/identity-key.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import type { SessionContext } from "../../../src/session/context.js";
import { verifiedLabel } from "../../../src/session/device-label.js";
import { decodeOwnDevice } from "../../../src/session/records/own-records.js";
import { decodeDeviceList } from "../../../src/transport/xep/xep0384-directory.js";
import { parseXmlDocument } from "../../../src/transport/xml/document.js";
import { juliet, romeo, World, type TestDevice } from "../../support/omemo-world.js";
import vectors from "../../vectors/stanzas.json" with { type: "json" };

const context = { provider: nobleProvider } as SessionContext; // no other part of it is asked for

/** A signature by the identity key of `device`. */
async function signedBy(device: TestDevice, label: string): Promise<Bytes> {
  const row = [...device.disk.rows].find(([key]) => key === "omemo/own")?.[1];
  if (row === undefined) throw new RangeError("no own device");
  return nobleProvider.curve.ed25519Sign(decodeOwnDevice(row).seed, utf8(label));
}

for (const vector of vectors.deviceLists) {
  if (vector.identityKey === undefined || vector.version !== "omemo:2") continue;
  const published = vector.identityKey;
  test(`T11 a list made by another implementation: ${vector.what}`, async () => {
    const element = parseXmlDocument(vector.xml);
    const list = element === undefined ? undefined : decodeDeviceList(element, "urn:xmpp:omemo:2");
    const key = identityKey(fromHex(published) ?? new Uint8Array(0));
    const labels = await Promise.all((list ?? []).map((device) => verifiedLabel(context, key, device)));
    expect(labels.map((label) => label ?? null)).toEqual(vector.devices.map((device) => device.label));
  });
}

test("T11 a label is shown only with a signature by the key of that very device", async () => {
  const world = new World();
  const [a, j1, j2] = [await world.device(romeo), await world.device(juliet), await world.device(juliet)];
  await a.send(juliet, "hello");
  const labels = async (): Promise<readonly (string | undefined)[]> => (await a.omemo.devices(juliet)).map((device) => device.label);
  const lists = [
    { signature: undefined, shown: undefined }, { signature: new Uint8Array(64), shown: undefined },
    { signature: await signedBy(j2, "Balcony"), shown: undefined }, { signature: await signedBy(j1, "balcony"), shown: undefined },
    { signature: await signedBy(j1, "Balcony"), shown: "Balcony" }, { signature: await signedBy(j2, "Balcony"), shown: undefined },
  ];
  for (const { signature, shown } of lists) {
    await a.omemo.onDeviceList(juliet, [{ id: j1.id, label: "Balcony", ...(signature === undefined ? {} : { labelSignature: signature }) }, { id: j2.id }]);
    expect((await labels()).filter((label) => label !== undefined)).toEqual(shown === undefined ? [] : [shown]);
  }
});

test("T11 F20 control characters and direction marks are not shown, and what is left of nothing is no label", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  await a.send(juliet, "hello");
  for (const [label, shown] of [["\u202eBal\u0007co\u200bny\n", "Balcony"], [" \u2028Bal\u2029cony ", "Balcony"], ["\u200b \u202e", undefined]] as const) {
    await a.omemo.onDeviceList(juliet, [{ id: b.id, label, labelSignature: await signedBy(b, label) }]);
    expect((await a.omemo.devices(juliet))[0]?.label).toBe(shown);
  }
});
