/** `<encrypted/>` elements made by another implementation, opened by devices with the private keys of the vectors. @module */
import { expect, test } from "vitest";
import { fromHex, type Bytes } from "../../../src/base/bytes.js";
import { bareJid } from "../../../src/base/jid.js";
import { systemRng } from "../../../src/base/rng.js";
import { textOf } from "../../../src/base/xml.js";
import { identityKey } from "../../../src/crypto/identity-key.js";
import { publicKey } from "../../../src/crypto/keys.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import type { SessionContext } from "../../../src/session/context.js";
import { FollowUpLimits } from "../../../src/session/follow-ups.js";
import { Ledger } from "../../../src/session/ledger.js";
import { omemo2Profile } from "../../../src/session/omemo2/profile.js";
import { openMessage } from "../../../src/session/open.js";
import type { OpenOutcome } from "../../../src/session/outcome.js";
import type { OwnDevice } from "../../../src/session/own-device.js";
import { parseDeviceId, type DeviceId } from "../../../src/session/ports.js";
import { encodeOwnBundle, encodePreKey } from "../../../src/session/records/own-records.js";
import { StoreKeys } from "../../../src/session/records/store-keys.js";
import { blindTrustBeforeVerification } from "../../../src/session/trust/blind-trust.js";
import { TrustStore } from "../../../src/session/trust/trust-store.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { decodeEncrypted } from "../../../src/transport/xep/xep0384.js";
import { sceEnvelopeCodec } from "../../../src/transport/xep/xep0420.js";
import { parseXmlDocument } from "../../../src/transport/xml/parser.js";
import { FakeClock } from "../../support/omemo-world.js";
import vectors from "../../vectors/stanzas.json" with { type: "json" };

const suite = vectors.encrypted.find((entry) => entry.version === "omemo:2");
if (suite === undefined) throw new RangeError("vectors missing");

function hex(text: string): Bytes {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new RangeError("not hex");
  return bytes;
}

function idOf(value: number): DeviceId {
  const id = parseDeviceId(value);
  if (id === undefined) throw new RangeError("not a device id");
  return id;
}

type VectorDevice = (typeof suite)["devices"]["bob1"];

interface VectorMessage {
  readonly xml: string;
  readonly senderJid: string;
  readonly plaintext: string | null;
  readonly expect: Readonly<Record<string, string>>;
}

const clock = new FakeClock();
const now = clock.now();
const messages: readonly VectorMessage[] = suite.messages;

/** Opens with the vector's keys; one of its devices has a private key that no seed leads to, so own-device.ts is left out. */
async function openAs(device: VectorDevice, message: VectorMessage): Promise<OpenOutcome | undefined> {
  const element = parseXmlDocument(message.xml);
  const encrypted = element === undefined ? undefined : decodeEncrypted(element);
  if (encrypted === undefined) return undefined;
  const account = bareJid(device.jid);
  const deviceId = idOf(device.deviceId);
  const keys = new StoreKeys(nobleProvider.symmetric, "urn:xmpp:omemo:2");
  const context: SessionContext = { account, provider: nobleProvider, rng: systemRng(), clock, profile: omemo2Profile, keys, emit: () => undefined };
  const { identity, preKeys, signedPreKeys: [signed] } = device;
  if (signed === undefined) throw new RangeError("no signed prekey");
  const own: OwnDevice = {
    record: { account, deviceId, seed: new Uint8Array(32), createdAt: now, announced: true },
    address: { jid: account, deviceId },
    identity: {
      seed: new Uint8Array(32), publicKey: identityKey(hex(identity.edPub)),
      curvePrivateKey: hex(identity.priv), curvePublicKey: publicKey(hex(identity.curvePub)),
    },
  };
  const store = memoryStore();
  const ledger = new Ledger(store, await store.acquire());
  return ledger.run((tx) => {
    tx.put(keys.ownBundle(), encodeOwnBundle({
      current: { id: signed.id, privateKey: hex(signed.priv), publicKey: publicKey(hex(signed.pub)), signature: hex(signed.signature), createdAt: now },
      previous: undefined, nextSignedPreKeyId: 2, nextPreKeyId: 101, revision: 1, publishedRevision: 0,
    }));
    for (const { id, priv, pub } of preKeys) tx.put(keys.preKey(id), encodePreKey({ id, privateKey: hex(priv), publicKey: publicKey(hex(pub)), used: false }));
    const trust = new TrustStore(context, blindTrustBeforeVerification);
    const deps = { context, own, trust, codec: sceEnvelopeCodec, limits: new FollowUpLimits(clock), isContact: () => false };
    return openMessage(tx, deps, { sender: bareJid(message.senderJid), message: encrypted, context: { kind: "chat", live: true } });
  });
}

function expectOutcome(outcome: OpenOutcome | undefined, message: VectorMessage, expected: string): void {
  if (outcome === undefined) {
    expect(["reject", "not-for-this-device"]).toContain(expected); // refused before it reached a session
  } else if (expected === "ok" && message.plaintext === null) {
    expect(outcome.kind).toBe("empty");
  } else if (expected === "ok") {
    const envelope = sceEnvelopeCodec.decode(hex(message.plaintext ?? ""));
    expect(outcome.kind === "content" ? outcome.content.map(textOf) : outcome).toEqual(envelope?.content.map(textOf));
  } else if (expected === "reject-payload") {
    expect(outcome).toMatchObject({ kind: "failed", stepKept: true });
  } else if (expected === "not-for-this-device") {
    expect(outcome.kind).toBe("not-for-this-device");
  } else {
    expect(["failed", "not-for-this-device"]).toContain(outcome.kind); // an entry that is not base64 is no entry
  }
}

for (const [name, device] of Object.entries(suite.devices)) {
  test(`encrypted stanzas of another implementation, opened by ${name}`, async () => {
    for (const message of messages) {
      const expected = message.expect[name];
      if (expected === undefined) throw new RangeError("no expectation");
      expectOutcome(await openAs(device, message), message, expected);
    }
  });
}
