/**
 * Our bundle: signed prekeys and their weekly rotation, one-time prekeys and their life.
 * Spec: XEP-0384 v0.9 #protocol-key_exchange; docs/protocol.md 1.5, 5.4; threats R03, R23, R24, Q18.
 * A one-time prekey is: in the bundle; used (out of the bundle, private half kept); deleted, once catch-up is complete and the server's bundle
 * lacks it too. What the server may still show is never thrown away, for whoever fetches it writes to us with it.
 * Not here: publishing (announcer.ts). Bundles are stored before they are published.
 * @module
 */
import { oneTimePreKeysCount, signedPreKeyRotationMs } from "../base/limits.js";
import { generateKeyPair } from "../crypto/keys.js";
import type { SessionContext } from "./context.js";
import type { DeviceIdentity } from "./own-device.js";
import type { WireBundle } from "./ports.js";
import {
  decodeOwnBundle, decodePreKey, encodeOwnBundle, encodePreKey,
  type OwnBundleRecord, type PreKeyRecord, type PreKeyUse, type SignedPreKeyRecord,
} from "./records/own-records.js";
import type { Transaction } from "./transaction.js";

/** In place of the time from which the week of a signed prekey counts: the server is not known to show it yet. */
const unshown = 0;

/** Used prekeys that are kept while nobody settles them; more are the work of somebody who drains us, and the oldest go (threats R24, H06). */
const usedPreKeysMax = 500;

/** Ids grow, never 0, and begin again after the largest one (docs/protocol.md 1.5). */
function idAfter(context: SessionContext, id: number): number {
  return id >= context.profile.keyIdMax ? 1 : id + 1;
}

async function makeSignedPreKey(context: SessionContext, own: DeviceIdentity, id: number): Promise<SignedPreKeyRecord> {
  const { curve } = context.provider;
  const pair = await generateKeyPair(curve, context.rng);
  const signature = await curve.ed25519Sign(own.identity.seed, context.profile.writePublicKey(pair.publicKey));
  return { id, ...pair, signature, createdAt: unshown };
}

async function loadBundle(tx: Transaction, context: SessionContext): Promise<OwnBundleRecord | undefined> {
  const row = await tx.get(context.keys.ownBundle());
  return row === undefined ? undefined : decodeOwnBundle(row);
}

async function loadPreKeys(tx: Transaction, context: SessionContext): Promise<readonly PreKeyRecord[]> {
  return (await tx.list({ prefix: context.keys.preKeyPrefix() })).map((row) => decodePreKey(row.value));
}

/**
 * Makes what is missing: the first bundle, a new signed prekey after a week, one-time prekeys up to the full number.
 * Writes nothing if nothing is due.
 */
export async function maintainBundle(tx: Transaction, context: SessionContext, own: DeviceIdentity): Promise<OwnBundleRecord> {
  const stored = await loadBundle(tx, context);
  const current = stored === undefined ? await firstBundle(context, own) : await rotate(context, own, stored);
  const filled = await refill(tx, context, current);
  if (filled !== stored) tx.put(context.keys.ownBundle(), encodeOwnBundle(filled));
  return filled;
}

async function firstBundle(context: SessionContext, own: DeviceIdentity): Promise<OwnBundleRecord> {
  const current = await makeSignedPreKey(context, own, 1);
  return { current, previous: undefined, nextSignedPreKeyId: 2, nextPreKeyId: 1, revision: 1, publishedRevision: 0 };
}

/**
 * A bundle without any key of the one before, which is forgotten (threats R21). Ids and revisions go on: an id never names two keys, and
 * a publication of the old bundle that is under way cannot be taken for one of the new.
 */
export async function renewBundle(tx: Transaction, context: SessionContext, own: DeviceIdentity): Promise<void> {
  const former = await loadBundle(tx, context);
  for (const { key } of await tx.list({ prefix: context.keys.preKeyPrefix() })) tx.delete(key);
  const fresh = former === undefined ? await firstBundle(context, own) : {
    ...(await rotated(context, own, former)), previous: undefined, publishedRevision: 0,
  };
  tx.put(context.keys.ownBundle(), encodeOwnBundle(await refill(tx, context, fresh)));
}

async function rotate(context: SessionContext, own: DeviceIdentity, bundle: OwnBundleRecord): Promise<OwnBundleRecord> {
  // The server may show the previous one still: a second rotation would throw it away (threats R03). Starts without a connection make no progress.
  if (bundle.current.createdAt === unshown) return bundle;
  const now = context.clock.now();
  const age = now - bundle.current.createdAt;
  // The clock was set back. Rotating as well, after the rotation that its jump ahead may have caused, would throw away the key that others still
  // hold in bundles they fetched: a key counts from now instead (threats Q18). Nothing to publish.
  if (age < 0) return { ...bundle, current: { ...bundle.current, createdAt: now } };
  return age < signedPreKeyRotationMs ? bundle : rotated(context, own, bundle);
}

async function rotated(context: SessionContext, own: DeviceIdentity, bundle: OwnBundleRecord): Promise<OwnBundleRecord> {
  return {
    ...bundle,
    current: await makeSignedPreKey(context, own, bundle.nextSignedPreKeyId),
    previous: bundle.current,
    nextSignedPreKeyId: idAfter(context, bundle.nextSignedPreKeyId),
    revision: bundle.revision + 1,
  };
}

async function refill(tx: Transaction, context: SessionContext, bundle: OwnBundleRecord): Promise<OwnBundleRecord> {
  const present = await loadPreKeys(tx, context);
  const taken = new Set(present.map((key) => key.id));
  let missing = oneTimePreKeysCount - present.filter((key) => !key.used).length;
  if (missing <= 0) return bundle;
  let id = bundle.nextPreKeyId;
  const made: Promise<void>[] = [];
  for (; missing > 0; id = idAfter(context, id)) {
    if (taken.has(id)) continue; // only after the ids have begun again
    const free = id;
    made.push(generateKeyPair(context.provider.curve, context.rng).then((pair) => {
      tx.put(context.keys.preKey(free), encodePreKey({ id: free, ...pair, used: false, uses: [] }));
    }));
    missing -= 1;
  }
  await Promise.all(made);
  return { ...bundle, nextPreKeyId: id, revision: bundle.revision + 1 };
}

/** The bundle as it is to be published. */
export async function wireBundle(tx: Transaction, context: SessionContext, own: DeviceIdentity, bundle: OwnBundleRecord): Promise<WireBundle> {
  const { profile } = context;
  const unused = (await loadPreKeys(tx, context)).filter((key) => !key.used);
  return {
    identityKey: profile.writeIdentity(own.identity.publicKey),
    signedPreKeyId: bundle.current.id,
    signedPreKey: profile.writePublicKey(bundle.current.publicKey),
    signedPreKeySignature: bundle.current.signature,
    preKeys: unused.map((key) => ({ id: key.id, key: profile.writePublicKey(key.publicKey) })),
  };
}

/** Whether the server once had a bundle of this device. */
export async function wasPublished(tx: Transaction, context: SessionContext): Promise<boolean> {
  return ((await loadBundle(tx, context))?.publishedRevision ?? 0) > 0;
}

/** Notes that the server has `published`, as `shown`: the week of its signed prekey begins. A change made meanwhile stays unpublished. */
export async function markPublished(tx: Transaction, context: SessionContext, published: OwnBundleRecord, shown: WireBundle): Promise<void> {
  const bundle = await loadBundle(tx, context);
  if (bundle === undefined || bundle.publishedRevision >= published.revision) return;
  const { current } = bundle;
  const begins = current.createdAt === unshown && current.id === published.current.id;
  tx.put(context.keys.ownBundle(), encodeOwnBundle({
    ...bundle, current: begins ? { ...current, createdAt: context.clock.now() } : current, publishedRevision: published.revision,
  }));
  const ids = new Set(shown.preKeys.map((key) => key.id));
  const used = (await loadPreKeys(tx, context)).filter((key) => key.used && !ids.has(key.id));
  for (const { id } of used.slice(0, -usedPreKeysMax)) tx.delete(context.keys.preKey(id));
}

/** The private keys that a key exchange names, or `undefined` if we have one of them no more (threats R03). */
export async function findPreKeys(
  tx: Transaction, context: SessionContext, signedPreKeyId: number, preKeyId: number,
): Promise<{ readonly signedPreKey: SignedPreKeyRecord; readonly preKey: PreKeyRecord } | undefined> {
  const bundle = await loadBundle(tx, context);
  const signedPreKey = [bundle?.current, bundle?.previous].find((key) => key?.id === signedPreKeyId);
  const row = await tx.get(context.keys.preKey(preKeyId));
  return signedPreKey === undefined || row === undefined ? undefined : { signedPreKey, preKey: decodePreKey(row) };
}

/** Takes the prekey out of the bundle and remembers who used it; its private half stays, another message may have used it too (docs/protocol.md 5.4). */
export async function markPreKeyUsed(tx: Transaction, context: SessionContext, preKey: PreKeyRecord, use: PreKeyUse): Promise<void> {
  tx.put(context.keys.preKey(preKey.id), encodePreKey({ ...preKey, used: true, uses: [...preKey.uses, use] }));
  if (preKey.used) return; // the bundle does not show it any more
  const bundle = await loadBundle(tx, context);
  if (bundle !== undefined) tx.put(context.keys.ownBundle(), encodeOwnBundle({ ...bundle, revision: bundle.revision + 1 }));
}

/** About how many prekeys were used since the server last got the bundle: each changes it once. */
export async function usedSincePublication(tx: Transaction, context: SessionContext): Promise<number> {
  const bundle = await loadBundle(tx, context);
  return bundle === undefined ? 0 : bundle.revision - bundle.publishedRevision;
}

/**
 * Deletes the private halves of used prekeys, unless the server may still show one of them. To be called when the archives are caught up and
 * the bundle was published (threats R23).
 */
export async function settlePreKeys(tx: Transaction, context: SessionContext): Promise<void> {
  const bundle = await loadBundle(tx, context);
  if (bundle === undefined || bundle.publishedRevision < bundle.revision) return;
  for (const key of await loadPreKeys(tx, context)) if (key.used) tx.delete(context.keys.preKey(key.id));
}
