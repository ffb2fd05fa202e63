/**
 * One OMEMO device of one account as far as it needs nobody to talk to: its keys, what is known of others', and what the user decided.
 * Spec: XEP-0384 v0.9 #usecases-setup; docs/protocol.md 1.2. Not here: messages, bundles and device lists (omemo.ts).
 * @module
 */
import type { Clock } from "../base/clock.js";
import { Emitter } from "../base/events.js";
import type { BareJid } from "../base/jid.js";
import { silentLogger, type Logger } from "../base/logger.js";
import type { Rng } from "../base/rng.js";
import { fingerprint } from "../crypto/fingerprint.js";
import type { IdentityKey } from "../crypto/identity-key.js";
import type { CryptoProvider } from "../crypto/provider.js";
import type { SessionContext } from "./context.js";
import { knownDevices } from "./known-devices.js";
import type { Ledger } from "./ledger.js";
import { omemo2Profile } from "./omemo2/profile.js";
import type { KnownDevice, OmemoEvent } from "./outcome.js";
import { maintainBundle } from "./own-bundle.js";
import { openOwnDevice, type DeviceIdentity } from "./own-device.js";
import type { DeviceAddress } from "./ports.js";
import { StoreKeys } from "./records/store-keys.js";
import type { Transaction } from "./transaction.js";
import type { TrustPolicy } from "./trust/policy.js";
import { TrustStore } from "./trust/trust-store.js";

/** What an `OmemoDevice` is made of. */
export interface OmemoDeviceOptions {
  readonly account: BareJid;
  readonly ledger: Ledger;
  readonly provider: CryptoProvider;
  readonly rng: Rng;
  readonly clock: Clock;
  readonly trust: TrustPolicy;
  readonly logger?: Logger;
}

/** This device, as it shows itself. */
export interface Self {
  readonly address: DeviceAddress;
  readonly identityKey: IdentityKey;
  /** 64 hex digits. */
  readonly fingerprint: string;
}

/** The device in its store. */
export class OmemoDevice {
  /** What the application should know; after the commit that recorded it. */
  readonly events: Emitter<OmemoEvent>;
  readonly ledger: Ledger;
  readonly context: SessionContext;
  readonly trust: TrustStore;
  #own: DeviceIdentity;

  private constructor(options: OmemoDeviceOptions, context: SessionContext, own: DeviceIdentity, events: Emitter<OmemoEvent>) {
    this.events = events;
    this.ledger = options.ledger;
    this.context = context;
    this.trust = new TrustStore(context, options.trust);
    this.#own = own;
  }

  /**
   * Loads the own device, or makes it: identity, signed prekey and 100 one-time prekeys in one commit.
   * @throws SessionError `ERR_OWN_DEVICE_MISMATCH`, `ERR_RECORD_INVALID`; StorageError
   */
  static async open(options: OmemoDeviceOptions): Promise<OmemoDevice> {
    const logger = options.logger ?? silentLogger;
    const events = new Emitter<OmemoEvent>(() => { logger("omemo.listener-failed"); });
    const context: SessionContext = {
      account: options.account,
      provider: options.provider,
      rng: options.rng,
      clock: options.clock,
      profile: omemo2Profile,
      keys: new StoreKeys(options.provider.symmetric, omemo2Profile.namespace),
      emit(tx, event) { tx.afterCommit(() => { events.emit(event); }); },
    };
    const own = await options.ledger.run(async (tx) => {
      const device = await openOwnDevice(tx, context);
      await maintainBundle(tx, context, device);
      return device;
    });
    return new OmemoDevice(options, context, own, events);
  }

  /** With its private keys; for session/ only. */
  get own(): DeviceIdentity {
    return this.#own;
  }

  /** Its id is final once it was announced. */
  get self(): Self {
    const { address, identity } = this.#own;
    return { address, identityKey: identity.publicKey, fingerprint: fingerprint(identity.publicKey) };
  }

  /** All devices of an account that are listed or have a key on record. */
  devices(jid: BareJid): Promise<readonly KnownDevice[]> {
    return this.ledger.read((tx) => knownDevices(tx, this.context, this.trust, this.#own, jid));
  }

  /**
   * Records the user's decision about exactly this key of this account.
   * @throws SessionError `ERR_DEVICE_UNKNOWN` if the key was never seen there
   */
  setTrust(jid: BareJid, identityKey: Uint8Array, decision: "authenticated" | "distrusted"): Promise<void> {
    return this.ledger.run((tx) => this.trust.decide(tx, jid, identityKey, decision));
  }

  /** At once, for the work that follows in the same commit; taken back if that fails. */
  become(tx: Transaction, own: DeviceIdentity): void {
    const former = this.#own;
    this.#own = own;
    tx.onUndone(() => { this.#own = former; });
  }
}
