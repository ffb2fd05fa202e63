/** `<encrypted/>` elements made by another implementation, opened by devices with the private keys of the vectors. @module */
import { expect, test } from "vitest";
import { fromHex, toHex, type Bytes } from "../../../src/base/bytes.js";
import { bareJid } from "../../../src/base/jid.js";
import { systemRng } from "../../../src/base/rng.js";
import { textOf } from "../../../src/base/xml.js";
import { identityKey } from "../../../src/crypto/identity-key.js";
import { publicKey } from "../../../src/crypto/keys.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import type { SessionContext } from "../../../src/session/context.js";
import type { EncryptedMessage } from "../../../src/session/encrypted-message.js";
import { FollowUpLimits } from "../../../src/session/follow-ups.js";
import { Ledger } from "../../../src/session/ledger.js";
import { omemo2Profile } from "../../../src/session/omemo2/profile.js";
import { openMessage, type OpenDeps } from "../../../src/session/open.js";
import type { OpenOutcome } from "../../../src/session/outcome.js";
import type { DeviceIdentity } from "../../../src/session/own-device.js";
import { parseDeviceId, type DeviceId } from "../../../src/session/ports.js";
import type { OmemoProfile } from "../../../src/session/profile.js";
import { receiveKeyMaterial } from "../../../src/session/receive.js";
import { Effort } from "../../../src/session/session-step.js";
import { encodeOwnBundle, encodePreKey } from "../../../src/session/records/own-records.js";
import { StoreKeys } from "../../../src/session/records/store-keys.js";
import type { Transaction } from "../../../src/session/transaction.js";
import { blindTrustBeforeVerification } from "../../../src/session/trust/blind-trust.js";
import { TrustStore } from "../../../src/session/trust/trust-store.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { decodeEncrypted } from "../../../src/transport/xep/xep0384.js";
import { sceEnvelopeCodec } from "../../../src/transport/xep/xep0420.js";
import { parseXmlDocument } from "../../../src/transport/xml/document.js";
import { legacyProfile } from "../../support/legacy-profile.js";
import { FakeClock } from "../../support/omemo-world.js";
import vectors from "../../vectors/stanzas.json" with { type: "json" };

function suiteOf(version: string): (typeof vectors.encrypted)[number] {
  const found = vectors.encrypted.find((entry) => entry.version === version);
  if (found === undefined) throw new RangeError("vectors missing");
  return found;
}

const suite = suiteOf("omemo:2");
const legacy = suiteOf("legacy");

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

type VectorDevice = (typeof vectors.encrypted)[number]["devices"]["bob1"];

interface VectorMessage {
  readonly what: string;
  readonly xml: string;
  readonly senderJid: string;
  readonly plaintext: string | null;
  readonly expect: Readonly<Record<string, string>>;
}

const clock = new FakeClock();
const now = clock.now();

function encryptedOf(message: VectorMessage): EncryptedMessage | undefined {
  const element = parseXmlDocument(message.xml);
  return element === undefined ? undefined : decodeEncrypted(element);
}

/** Runs `work` as a fresh device with the vector's keys; one has a private key that no seed leads to, so own-device.ts is left out. */
async function actAs<T>(device: VectorDevice, profile: OmemoProfile, work: (tx: Transaction, deps: OpenDeps) => Promise<T>): Promise<T> {
  const account = bareJid(device.jid);
  const deviceId = idOf(device.deviceId);
  const keys = new StoreKeys(nobleProvider.symmetric, profile.namespace);
  const context: SessionContext = { account, provider: nobleProvider, rng: systemRng(), clock, profile, keys, emit: () => undefined };
  const { identity, preKeys, signedPreKeys: [signed] } = device;
  if (signed === undefined) throw new RangeError("no signed prekey");
  const own: DeviceIdentity = {
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
    for (const { id, priv, pub } of preKeys) tx.put(keys.preKey(id), encodePreKey({ id, privateKey: hex(priv), publicKey: publicKey(hex(pub)), used: false, uses: [] }));
    const trust = new TrustStore(context, blindTrustBeforeVerification);
    return work(tx, { context, own, trust, codec: sceEnvelopeCodec, limits: new FollowUpLimits(clock), isContact: () => false, noticeSender: async () => undefined });
  });
}

async function openAs(device: VectorDevice, message: VectorMessage): Promise<OpenOutcome | undefined> {
  const encrypted = encryptedOf(message);
  if (encrypted === undefined) return undefined;
  const input = { sender: bareJid(message.senderJid), message: encrypted, context: { kind: "chat" } } as const;
  return actAs(device, omemo2Profile, (tx, deps) => openMessage(tx, deps, input));
}

/**
 * The older version as far as sessions know it: element, key, ratchet, payload. It has no envelope, so nothing above decides here.
 * The answer is written as the vectors write their expectation, with the text where there is one.
 */
async function openLegacyAs(device: VectorDevice, message: VectorMessage): Promise<{ readonly expect: string; readonly plaintext?: string | null }> {
  const encrypted = encryptedOf(message);
  if (encrypted === undefined) return { expect: "reject" };
  const entries = encrypted.keys.filter((key) => key.rid === device.deviceId);
  if (entries.length === 0) return { expect: "not-for-this-device" };
  const sender = { jid: bareJid(message.senderJid), deviceId: encrypted.sid };
  return actAs(device, legacyProfile, async (tx, deps) => {
    for (const entry of entries) {
      const received = await receiveKeyMaterial(tx, deps, sender, entry.data, new Effort());
      if (received.kind !== "opened") continue;
      await received.keep();
      if (encrypted.payload === undefined) return { expect: "ok", plaintext: null };
      const plaintext = legacyProfile.openPayload(nobleProvider.symmetric, received.plaintext, encrypted.payload, encrypted.iv);
      return plaintext === undefined ? { expect: "reject-payload" } : { expect: "ok", plaintext: toHex(plaintext) };
    }
    return { expect: "reject" };
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
    for (const message of suite.messages as readonly VectorMessage[]) {
      const expected = message.expect[name];
      if (expected === undefined) throw new RangeError("no expectation");
      expectOutcome(await openAs(device, message), message, expected);
    }
  });
}

for (const [name, device] of Object.entries(legacy.devices)) {
  test(`R17 R18 T18 encrypted stanzas of another implementation in the older version, opened by ${name}`, async () => {
    for (const message of legacy.messages as readonly VectorMessage[]) {
      const expected = message.expect[name];
      const answer = await openLegacyAs(device, message);
      expect(answer, message.what).toEqual(expected === "ok" ? { expect: expected, plaintext: message.plaintext } : { expect: expected });
    }
  });
}

test("T18 a stanza of one version is never opened with the sessions and prekeys of the other", async () => {
  const [message] = legacy.messages as readonly VectorMessage[];
  if (message === undefined) throw new RangeError("no message");
  for (const [name, device] of Object.entries(suite.devices)) {
    const outcome = await openAs(device, message);
    expect(outcome, name).toMatchObject(outcome?.kind === "failed" ? { code: "ERR_SESSION_MALFORMED", stepKept: false } : { kind: "not-for-this-device" });
  }
});
