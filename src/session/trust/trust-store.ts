/**
 * Which keys were seen and what was decided about them, per (bare address, identity key).
 * Spec: omemo.md 6.1; threats T01, T07, T08, T09, R05.
 * Not here: what a state means for sending (policy.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { fingerprint } from "../../crypto/fingerprint.js";
import type { IdentityKey } from "../../crypto/identity-key.js";
import type { SessionContext } from "../context.js";
import { SessionError } from "../errors.js";
import type { DeviceAddress } from "../ports.js";
import { decodeOwner, decodeTrust, encodeOwner, encodeTrust, type OwnerRecord } from "../records/directory-records.js";
import type { Transaction } from "../transaction.js";
import type { TrustPolicy, TrustState } from "./policy.js";

/** Reads and records trust; the policy is asked once per new key. */
export class TrustStore {
  readonly #context: SessionContext;
  readonly #policy: TrustPolicy;

  constructor(context: SessionContext, policy: TrustPolicy) {
    this.#context = context;
    this.#policy = policy;
  }

  /** `undefined` if the key was never seen with that owner. */
  async stateOf(tx: Transaction, jid: BareJid, identityKey: Uint8Array): Promise<TrustState | undefined> {
    const row = await tx.get(this.#context.keys.trust(jid, identityKey));
    return row === undefined ? undefined : decodeTrust(row).state;
  }

  /** Reads many rows at once, with those of their owners: asked for later in `tx`, they cost no read (design section 8). */
  async readAhead(tx: Transaction, keys: readonly (readonly [owner: BareJid, key: Uint8Array])[]): Promise<void> {
    const names = this.#context.keys;
    await tx.getMany(keys.flatMap(([jid, key]) => [names.trust(jid, key), names.owner(jid)]));
  }

  /**
   * The state of a key; on first sight what the policy says, recorded and told as an event.
   * @param formerKey the key that this device had before, if it had another one
   */
  async see(tx: Transaction, device: DeviceAddress, key: IdentityKey, formerKey?: IdentityKey): Promise<TrustState> {
    const known = await this.stateOf(tx, device.jid, key);
    const own = device.jid === this.#context.account;
    const state = known ?? this.#policy.firstSight({
      jid: device.jid, own, ownerAuthenticated: (await this.owner(tx, device.jid)).authenticated, replacesKey: formerKey !== undefined,
    });
    if (known === undefined) {
      this.#put(tx, device.jid, key, state);
      this.#context.emit(tx, formerKey === undefined
        ? { kind: "key-seen", device, fingerprint: fingerprint(key), trust: state, own }
        : { kind: "key-changed", device, fingerprint: fingerprint(key), formerFingerprint: fingerprint(formerKey) });
    }
    return state;
  }

  /** Whether content may be encrypted to a key in `state`. Undecided and distrusted keys get nothing whatever the policy says. */
  mayReceive(state: TrustState): boolean {
    return (state === "trusted" || state === "authenticated") && this.#policy.mayReceive(state);
  }

  /**
   * Records the user's decision. It names the exact key, so one swapped in meanwhile is not covered (threats T08).
   * @throws SessionError `ERR_DEVICE_UNKNOWN` if that owner was never seen with that key
   */
  async decide(tx: Transaction, jid: BareJid, key: Uint8Array, decision: "authenticated" | "distrusted"): Promise<void> {
    if ((await this.stateOf(tx, jid, key)) === undefined) {
      throw new SessionError("ERR_DEVICE_UNKNOWN", "no device of that account was seen with this key");
    }
    this.#put(tx, jid, key, decision);
    if (decision === "authenticated") this.#putOwner(tx, jid, { ...(await this.owner(tx, jid)), authenticated: true });
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
