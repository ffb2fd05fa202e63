/**
 * Telling the world of this device: the bundle first, then our id in the device list.
 * Spec: docs/protocol.md 4.2 (order), 4.3 (union, bounded repairs, id taken); threats R23, R24, T03, T16.
 * Not here: what a bundle is made of (own-bundle.ts), PEP (transport/).
 * @module
 */
import { equalBytes, toHex } from "../base/bytes.js";
import { deviceListEntriesMax, oneTimePreKeysCount } from "../base/limits.js";
import type { SessionContext } from "./context.js";
import { loadDeviceList, rememberDeviceList } from "./device-list.js";
import { SessionError } from "./errors.js";
import type { Ledger } from "./ledger.js";
import type { OmemoEvent } from "./outcome.js";
import { maintainBundle, markPublished, wasPublished, wireBundle } from "./own-bundle.js";
import { markAnnounced, redrawDeviceId, retiredDeviceIds, type DeviceIdentity } from "./own-device.js";
import type { DeviceDirectory, DeviceId, DirectoryAnswer, ListedDevice, WireBundle } from "./ports.js";
import type { Transaction } from "./transaction.js";

/** List publications within {@link repairWindowMs} after which we stop: somebody else removes our id again and again. */
const repairsMax = 3;
/** Milliseconds. */
const repairWindowMs = 60_000;

/** One-time prekeys that are used up within {@link drainWindowMs}, or between two publications, before it is told (threats R24): a bundle full. */
const drainedMax = oneTimePreKeysCount;
/** Milliseconds. */
const drainWindowMs = 60 * 60 * 1000;

/** What an announcer is made of. `own` and `setOwn` because the id may be drawn anew before the first announcement. */
export interface AnnouncerDeps {
  readonly context: SessionContext;
  readonly ledger: Ledger;
  readonly directory: DeviceDirectory;
  readonly own: () => DeviceIdentity;
  /** Within the transaction: work that follows in the same commit sees the new device. */
  readonly setOwn: (tx: Transaction, own: DeviceIdentity) => void;
  readonly tell: (event: OmemoEvent) => void;
}

/** `contested`: published too often within the window. `full`: others would not read a longer list, and we take nobody off it (threats T14). */
export type ListOutcome = "listed" | "contested" | "full";

/** Publishes what is missing, and nothing else. Calls must not overlap. */
export class Announcer {
  readonly #deps: AnnouncerDeps;
  #repairs: readonly number[] = [];
  /** The id under which the server is known to show our bundle as it is. */
  #verified: DeviceId | undefined;
  /** The id that the next one-time prekey gets, as it was last and when the window began: the difference has been used up. */
  #nextPreKeyId: number | undefined;
  #drain: { readonly device?: DeviceId; readonly since: number; readonly firstId: number; readonly told: boolean } = { since: -Infinity, firstId: 0, told: false };

  constructor(deps: AnnouncerDeps) {
    this.#deps = deps;
  }

  /** What the server shows of us may be another thing by now: it is looked at again with the next announcement. */
  expire(): void {
    this.#verified = undefined;
  }

  /**
   * Rotates and refills what is due, publishes the bundle if the server's differs, then adds our id to the list.
   * @throws SessionError `ERR_DIRECTORY_UNAVAILABLE`, `ERR_DEVICE_LIST_CONTESTED`, `ERR_DEVICE_LIST_FULL`; what the directory throws
   */
  async announce(signal?: AbortSignal): Promise<void> {
    const { context, directory } = this.#deps;
    const answer = await directory.fetchDeviceList(context.account, context.profile.namespace, signal);
    if (answer.kind === "unavailable") {
      throw new SessionError("ERR_DIRECTORY_UNAVAILABLE", "our own device list could not be fetched", { retryable: answer.retryable });
    }
    // A list that we cannot read still names devices of ours: what we knew before is kept (threats T03).
    const listed = answer.kind === "found" ? answer.value : answer.kind === "none" ? [] : await this.#known();
    await this.#ensureUniqueId(listed, signal);
    await this.#publishBundle(signal);
    const outcome = await this.#publishList(listed, signal);
    if (outcome === "contested") {
      throw new SessionError("ERR_DEVICE_LIST_CONTESTED", "our own device list loses this device again and again", { retryable: true });
    }
    if (outcome === "full") throw new SessionError("ERR_DEVICE_LIST_FULL", "our own device list is full");
  }

  /** Our own list as the server has it now: our id is put back if it is missing. `undefined` before the first announcement. */
  async onOwnList(listed: readonly ListedDevice[], signal?: AbortSignal): Promise<ListOutcome | undefined> {
    return this.#deps.own().record.announced ? this.#publishList(listed, signal) : undefined;
  }

  #known(): Promise<readonly ListedDevice[]> {
    const { ledger, context } = this.#deps;
    return ledger.read(async (tx) => (await loadDeviceList(tx, context, context.account)) ?? []);
  }

  async #ensureUniqueId(listed: readonly ListedDevice[], signal: AbortSignal | undefined): Promise<void> {
    const own = this.#deps.own();
    if (own.record.announced || !listed.some((device) => device.id === own.address.deviceId)) return;
    const published = await this.#fetchOwnBundle(own, signal);
    // No answer is not somebody else's bundle: with another id a ghost of ours would stay on the list for good.
    if (published.kind === "unavailable") throw new SessionError("ERR_DIRECTORY_UNAVAILABLE", "our own bundle could not be fetched", { retryable: true });
    // Ours after all, if we were cut off between publishing and noting it.
    if (published.kind === "found" && equalBytes(published.value.identityKey, this.#deps.context.profile.writeIdentity(own.identity.publicKey))) return;
    if (published.kind === "none" && await this.#deps.ledger.read((tx) => wasPublished(tx, this.#deps.context))) {
      this.expire(); // the server has lost it: with another id this one would stay on the list, a device that does not exist
      return;
    }
    const taken = new Set<number>(listed.map((device) => device.id));
    await this.#deps.ledger.run((tx) => {
      const present = this.#deps.own(); // perhaps another one by now (renewal.ts)
      if (present.address.deviceId === own.address.deviceId) this.#deps.setOwn(tx, redrawDeviceId(tx, this.#deps.context, present, taken));
    });
  }

  async #fetchOwnBundle(own: DeviceIdentity, signal: AbortSignal | undefined): Promise<DirectoryAnswer<WireBundle>> {
    const { directory, context } = this.#deps;
    const [answer] = await directory.fetchBundles(context.account, [own.address.deviceId], context.profile.namespace, signal);
    return answer ?? { kind: "unavailable", retryable: true };
  }

  async #publishBundle(signal: AbortSignal | undefined): Promise<void> {
    const { context, directory, ledger } = this.#deps;
    const { own, record, bundle } = await ledger.run(async (tx) => {
      const present = this.#deps.own(); // here and not before: id and bundle are of one device
      const maintained = await maintainBundle(tx, context, present);
      return { own: present, record: maintained, bundle: await wireBundle(tx, context, present, maintained) };
    });
    this.#watchDrain(own.address.deviceId, record.nextPreKeyId);
    if (record.publishedRevision === record.revision && (this.#verified === own.address.deviceId || await this.#serverHas(own, bundle, signal))) return;
    await directory.publishBundle(own.address.deviceId, bundle, context.profile.namespace, signal);
    await ledger.run((tx) => markPublished(tx, context, record, bundle));
    this.#verified = own.address.deviceId;
  }

  #watchDrain(device: DeviceId, nextId: number): void {
    const now = this.#deps.context.clock.monotonic();
    const isRenewed = device !== this.#drain.device; // its bundle is full of new ones, and nobody has used any (renewal.ts)
    if (isRenewed) this.#nextPreKeyId = undefined;
    if (isRenewed || now - this.#drain.since >= drainWindowMs) this.#drain = { device, since: now, firstId: this.#nextPreKeyId ?? nextId, told: false };
    this.#nextPreKeyId = nextId;
    if (this.#drain.told || nextId - this.#drain.firstId < drainedMax) return; // less than nothing once the ids have begun again
    this.#drain = { ...this.#drain, told: true };
    this.#deps.tell({ kind: "prekeys-drained" });
  }

  /** What is stored for us may not be what we published, or be lost since (threats T16). */
  async #serverHas(own: DeviceIdentity, bundle: WireBundle, signal: AbortSignal | undefined): Promise<boolean> {
    const answer = await this.#fetchOwnBundle(own, signal);
    if (answer.kind === "unavailable") return true; // not known to be wrong; looked at again next time
    const same = answer.kind === "found" && sameBundle(answer.value, bundle);
    if (answer.kind === "found" && !equalBytes(answer.value.identityKey, bundle.identityKey)) this.#deps.tell({ kind: "bundle-replaced" });
    this.#verified = same ? own.address.deviceId : undefined;
    return same;
  }

  async #publishList(listed: readonly ListedDevice[], signal: AbortSignal | undefined): Promise<ListOutcome> {
    const { context, directory, ledger } = this.#deps;
    const { id, retired } = await ledger.run(async (tx) => ({
      retired: new Set(await retiredDeviceIds(tx, context)), id: this.#deps.own().address.deviceId,
    }));
    const kept = listed.filter((device) => !retired.has(device.id));
    const missing = !kept.some((device) => device.id === id);
    if (missing && kept.length >= deviceListEntriesMax) {
      this.#deps.tell({ kind: "device-list-full" });
      return "full";
    }
    const due = missing || kept.length !== listed.length;
    if (due && !this.#mayRepair()) {
      this.#deps.tell({ kind: "device-list-contested" });
      return "contested";
    }
    const union = missing ? [...kept, { id }] : kept;
    if (due) await directory.publishDeviceList(union, context.profile.namespace, signal);
    await ledger.run(async (tx) => {
      await rememberDeviceList(tx, context, context.account, union);
      const own = this.#deps.own();
      if (own.address.deviceId === id && !own.record.announced) this.#deps.setOwn(tx, markAnnounced(tx, context, own));
    });
    return "listed";
  }

  #mayRepair(): boolean {
    const now = this.#deps.context.clock.monotonic();
    this.#repairs = this.#repairs.filter((time) => now - time < repairWindowMs);
    if (this.#repairs.length >= repairsMax) return false;
    this.#repairs = [...this.#repairs, now];
    return true;
  }
}

function sameBundle(a: WireBundle, b: WireBundle): boolean {
  const text = ({ identityKey, preKeys, signedPreKey, signedPreKeyId, signedPreKeySignature }: WireBundle): string =>
    [signedPreKeyId, ...[identityKey, signedPreKey, signedPreKeySignature].map(toHex), ...preKeys.map(({ id, key }) => `${id}:${toHex(key)}`).sort()].join();
  return text(a) === text(b);
}
