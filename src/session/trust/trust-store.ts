/**
 * Which keys were seen and what was decided about them, per (bare address, identity key).
 * Spec: docs/protocol.md 6.1; threats T01, T07, T08, T09, R05, R26.
 * A key belongs to the account that it was first seen with. Under another one it is never trusted by itself, and told as an event: bundles can
 * be copied, and prove nothing about their account. A key of the own account is not taken for anybody else's, unless the user says so.
 * Not here: what a state means for sending (policy.ts).
 * @module
 */
import { equalBytes, utf8, utf8Decode } from "../../base/bytes.js";
import type { BareJid } from "../../base/jid.js";
import { changedKeyEventsMax, keyEventsWindowMs, newKeyEventsMax } from "../../base/limits.js";
import { fingerprint } from "../../crypto/fingerprint.js";
import type { IdentityKey } from "../../crypto/identity-key.js";
import type { SessionContext } from "../context.js";
import { SessionError } from "../errors.js";
import type { OmemoEvent } from "../outcome.js";
import type { DeviceAddress } from "../ports.js";
import { RateLimit } from "../rate-limit.js";
import { decodeDevice } from "../records/device-record.js";
import { decodeOwner, decodeTrust, encodeOwner, encodeTrust, type OwnerRecord } from "../records/directory-records.js";
import type { Transaction } from "../transaction.js";
import type { TrustPolicy, TrustState } from "./policy.js";

/** Reads and records trust; the policy is asked once per new key. */
export class TrustStore {
  readonly #context: SessionContext;
  readonly #policy: TrustPolicy;
  readonly #newKeys: RateLimit;
  readonly #changedKeys: RateLimit;

  constructor(context: SessionContext, policy: TrustPolicy) {
    this.#context = context;
    this.#policy = policy;
    this.#newKeys = new RateLimit(context.clock, newKeyEventsMax, keyEventsWindowMs);
    this.#changedKeys = new RateLimit(context.clock, changedKeyEventsMax, keyEventsWindowMs);
  }

  /** `undefined` if the key was never seen with that owner. Blind trust on record is none under a policy that does not count it (threats T01, F14). */
  async stateOf(tx: Transaction, jid: BareJid, identityKey: Uint8Array): Promise<TrustState | undefined> {
    const state = await this.#recorded(tx, jid, identityKey);
    return state === "trusted" && !this.#policy.mayReceive(state) ? "undecided" : state;
  }

  async #recorded(tx: Transaction, jid: BareJid, identityKey: Uint8Array): Promise<TrustState | undefined> {
    const row = await tx.get(this.#context.keys.trust(jid, identityKey));
    return row === undefined ? undefined : decodeTrust(row).state;
  }

  /** Reads many rows at once, with those of their owners: asked for later in `tx`, they cost no read. */
  async readAhead(tx: Transaction, keys: readonly (readonly [owner: BareJid, key: Uint8Array])[]): Promise<void> {
    const names = this.#context.keys;
    await tx.getMany(keys.flatMap(([jid, key]) => [names.trust(jid, key), names.owner(jid)]));
  }

  /**
   * The state of a key; on first sight what the policy says, recorded and told as an event.
   * @param replacesKey true if the device had another key before: {@link TrustStore.tellChanged} tells of it then
   */
  async see(tx: Transaction, device: DeviceAddress, key: IdentityKey, replacesKey = false): Promise<TrustState> {
    const known = await this.stateOf(tx, device.jid, key);
    if (known !== undefined) return known;
    const own = device.jid === this.#context.account;
    const holder = await this.#claim(tx, device.jid, key);
    // Whoever it was seen with first keeps it, and the second waits, be it ourselves: else our server could take a contact's key away by copying it.
    const state = holder !== undefined ? "undecided" : this.#policy.firstSight({
      jid: device.jid, own, ownerAuthenticated: (await this.owner(tx, device.jid)).authenticated, replacesKey,
    });
    this.#put(tx, device.jid, key, state);
    const shown = fingerprint(key);
    if (!replacesKey) this.#tell(tx, this.#newKeys, device.jid, { kind: "key-seen", device, fingerprint: shown, trust: state, own });
    if (holder !== undefined) this.#tell(tx, this.#newKeys, `shared ${device.jid}`, { kind: "key-shared", device, fingerprint: shown, holder });
    return state;
  }

  /** Tells that a device shows `key` in place of `former`, whether `key` is new or another device's (threats R05, T07). */
  tellChanged(tx: Transaction, device: DeviceAddress, key: IdentityKey, former: IdentityKey): void {
    this.#tell(tx, this.#changedKeys, `${device.deviceId} ${device.jid}`, { kind: "key-changed", device, fingerprint: fingerprint(key), formerFingerprint: fingerprint(former) });
  }

  /**
   * True for a key of another device of the own account that turns up under `jid`: nobody else can hold it (threats R15, R26). That it is ours
   * may be our server's lie, and the user's decision stands above it: `distrusted` with us, or `authenticated` with them.
   */
  async isOwnElsewhere(tx: Transaction, jid: BareJid, key: Uint8Array): Promise<boolean> {
    if (jid === this.#context.account) return false;
    const ours = await this.#recorded(tx, this.#context.account, key);
    return (ours === "trusted" || ours === "authenticated") && (await this.stateOf(tx, jid, key)) !== "authenticated";
  }

  /** Another account that the key was seen with before; without one it is `jid`'s from now on. Forgotten with the key (contact-bounds.ts). */
  async #claim(tx: Transaction, jid: BareJid, key: Uint8Array): Promise<BareJid | undefined> {
    const name = this.#context.keys.holderOfTrust(this.#context.keys.trust(jid, key));
    const row = await tx.get(name);
    const holder = row === undefined ? undefined : (utf8Decode(row) as BareJid | undefined); // written from a BareJid
    if (holder !== undefined && holder !== jid) return holder;
    tx.put(name, utf8(jid));
    return undefined;
  }

  /** The record is made in any case; how often we are told of it is not up to others (threats H06, L02). */
  #tell(tx: Transaction, limit: RateLimit, subject: string, event: OmemoEvent): void {
    if (!limit.allow(subject)) return;
    tx.onUndone(() => { limit.giveBack(subject); });
    this.#context.emit(tx, event);
  }

  /** Whether content may be encrypted to a key in `state`. Undecided and distrusted keys get nothing whatever the policy says. */
  mayReceive(state: TrustState): boolean {
    return (state === "trusted" || state === "authenticated") && this.#policy.mayReceive(state);
  }

  /**
   * Records the user's decision. It names the exact key, so one swapped in meanwhile is not covered (threats T08).
   * @throws SessionError `ERR_DEVICE_UNKNOWN` if no device of that owner was ever seen with that key
   */
  async decide(tx: Transaction, jid: BareJid, key: Uint8Array, decision: "authenticated" | "distrusted"): Promise<void> {
    // Or on record with a device by an empty key exchange only: that one is shown to the user as well.
    if ((await this.stateOf(tx, jid, key)) === undefined &&
      !(await tx.list({ prefix: this.#context.keys.devicePrefix(jid) })).some(({ value }) => equalBytes(decodeDevice(value).identityKey, key))) {
      throw new SessionError("ERR_DEVICE_UNKNOWN", "no device of that account was seen with this key");
    }
    const holder = await this.#claim(tx, jid, key);
    this.#put(tx, jid, key, decision);
    if (decision !== "authenticated") return;
    this.#putOwner(tx, jid, { ...(await this.owner(tx, jid)), authenticated: true });
    // What the user says is ours is nobody else's: trust that was given blindly before is taken back.
    if (jid === this.#context.account && holder !== undefined && (await this.#recorded(tx, holder, key)) === "trusted") this.#put(tx, holder, key, "undecided");
  }

  /** What is remembered of an account. */
  async owner(tx: Transaction, jid: BareJid): Promise<OwnerRecord> {
    const row = await tx.get(this.#context.keys.owner(jid));
    return row === undefined ? { authenticated: false, writtenTo: false } : decodeOwner(row);
  }

  /** Remembers that something was sent to `jid`. */
  async markWrittenTo(tx: Transaction, jid: BareJid): Promise<void> {
    const owner = await this.owner(tx, jid);
    if (!owner.writtenTo) this.#putOwner(tx, jid, { ...owner, writtenTo: true });
  }

  #put(tx: Transaction, jid: BareJid, key: Uint8Array, state: TrustState): void {
    tx.put(this.#context.keys.trust(jid, key), encodeTrust({ state, since: this.#context.clock.now() }));
  }

  #putOwner(tx: Transaction, jid: BareJid, owner: OwnerRecord): void {
    tx.put(this.#context.keys.owner(jid), encodeOwner(owner));
  }
}
