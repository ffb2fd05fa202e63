/**
 * The facade of the session layer: one OMEMO device of one account. Composes the modules beside it; of its own it holds
 * only what lives no longer than the process. All changes go through a {@link Transaction}; only the {@link Ledger} commits.
 * Spec: XEP-0384 v0.9; omemo.md 2.5, 2.6, 4.3, 4.4, 5.
 * @module
 */
import type { Clock } from "../base/clock.js";
import { Emitter } from "../base/events.js";
import type { BareJid } from "../base/jid.js";
import { KeyedMutex } from "../base/keyed-mutex.js";
import { silentLogger, type Logger } from "../base/logger.js";
import type { Rng } from "../base/rng.js";
import type { XmlElement } from "../base/xml.js";
import { fingerprint } from "../crypto/fingerprint.js";
import type { IdentityKey } from "../crypto/identity-key.js";
import type { CryptoProvider } from "../crypto/provider.js";
import { Announcer } from "./announcer.js";
import type { SessionContext } from "./context.js";
import type { EncryptedMessage } from "./encrypted-message.js";
import { FollowUpLimits } from "./follow-ups.js";
import { knownDevices } from "./known-devices.js";
import type { Ledger } from "./ledger.js";
import { omemo2Profile } from "./omemo2/profile.js";
import { openMessage, type OpenInput } from "./open.js";
import type { KnownDevice, OmemoEvent, OpenOutcome, SealOutcome, SendPlan } from "./outcome.js";
import { maintainBundle, settlePreKeys } from "./own-bundle.js";
import { openOwnDevice, type OwnDevice } from "./own-device.js";
import { Planner } from "./planner.js";
import type { DeviceAddress, DeviceDirectory, EnvelopeCodec, ListedDevice } from "./ports.js";
import { StoreKeys } from "./records/store-keys.js";
import { renewDevice } from "./renewal.js";
import { sealEmptyMessage, sealMessage, type MessageDeps } from "./seal.js";
import { archiveCurrent, loadDevice } from "./session-records.js";
import type { Transaction } from "./transaction.js";
import type { TrustPolicy } from "./trust/policy.js";
import { TrustStore } from "./trust/trust-store.js";

/** What an {@link Omemo} is made of. */
export interface OmemoOptions {
  readonly account: BareJid;
  readonly ledger: Ledger;
  readonly provider: CryptoProvider;
  readonly rng: Rng;
  readonly clock: Clock;
  readonly directory: DeviceDirectory;
  readonly codec: EnvelopeCodec;
  readonly trust: TrustPolicy;
  readonly logger?: Logger;
  /**
   * Who may learn by an automatic empty message that this device is in use (omemo.md 5.2): contacts of the roster, say.
   * The own account and everybody we have written to may in any case.
   */
  readonly isContact?: (jid: BareJid) => boolean;
}

/** This device, as it shows itself. */
export interface Self {
  readonly address: DeviceAddress;
  readonly identityKey: IdentityKey;
  /** 64 hex digits. */
  readonly fingerprint: string;
}

/** One device of one account. Messages of one account are opened and sealed one after the other, in `ledger.run`. */
export class Omemo {
  /** What the application should know; after the commit that recorded it. */
  readonly events: Emitter<OmemoEvent>;
  readonly #options: OmemoOptions;
  readonly #context: SessionContext;
  readonly #trust: TrustStore;
  readonly #limits: FollowUpLimits;
  readonly #planner: Planner;
  readonly #announcer: Announcer;
  readonly #isContact: (jid: BareJid) => boolean;
  readonly #publishing = new KeyedMutex<"list">();
  #own: OwnDevice;

  private constructor(options: OmemoOptions, context: SessionContext, own: OwnDevice, events: Emitter<OmemoEvent>) {
    const { ledger, directory } = options;
    this.events = events;
    this.#options = options;
    this.#context = context;
    this.#own = own;
    this.#isContact = options.isContact ?? (() => false);
    this.#trust = new TrustStore(context, options.trust);
    this.#limits = new FollowUpLimits(options.clock);
    this.#planner = new Planner({ context, ledger, directory, trust: this.#trust, own: () => this.#own, isContact: this.#isContact });
    this.#announcer = new Announcer({
      context, ledger, directory,
      own: () => this.#own,
      setOwn: (tx, next) => { this.#become(tx, next); },
      tell: (event) => { events.emit(event); },
    });
  }

  /**
   * Loads the own device, or makes it: identity, signed prekey and 100 one-time prekeys in one commit.
   * @throws SessionError `ERR_OWN_DEVICE_MISMATCH`, `ERR_RECORD_INVALID`; StorageError
   */
  static async open(options: OmemoOptions): Promise<Omemo> {
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
    return new Omemo(options, context, own, events);
  }

  /** This device. Its id is final once it was announced. */
  get self(): Self {
    const { address, identity } = this.#own;
    return { address, identityKey: identity.publicKey, fingerprint: fingerprint(identity.publicKey) };
  }

  /**
   * Publishes the bundle, rotated and refilled as due, then adds our id to our device list. To be called after each
   * (re)connect and for a `republish-bundle` follow-up.
   * @throws SessionError `ERR_DIRECTORY_UNAVAILABLE`, `ERR_DEVICE_LIST_CONTESTED`, `ERR_DEVICE_LIST_FULL`; what the directory throws
   */
  announce(signal?: AbortSignal): Promise<void> {
    return this.#publishing.run("list", () => this.#announcer.announce(signal));
  }

  /** After a reconnect: device lists may have changed without a notification. */
  expireDeviceLists(): void {
    this.#planner.expire();
  }

  /** A device list was published. Our own one is repaired if our id is missing, a few times a minute at most. */
  async onDeviceList(jid: BareJid, devices: readonly ListedDevice[], signal?: AbortSignal): Promise<void> {
    const valid = await this.#planner.remember(jid, devices);
    if (jid === this.#context.account) await this.#publishing.run("list", () => this.#announcer.onOwnList(valid, signal));
  }

  /** Fetches what sealing for `recipients` (and our own other devices) needs. No ratchet moves. */
  prepare(recipients: readonly BareJid[], signal?: AbortSignal): Promise<SendPlan> {
    return this.#planner.plan(recipients, signal);
  }

  /** The same for one device, listed or not: before {@link Omemo.sealEmpty} where there is no session. */
  prepareDevice(device: DeviceAddress, signal?: AbortSignal): Promise<SendPlan> {
    return this.#planner.planDevice(device, signal);
  }

  /** Encrypts `content` for all trusted devices of the plan. New ratchet states are in `tx` when it resolves. */
  seal(tx: Transaction, plan: SendPlan, content: readonly XmlElement[], options: { readonly to: BareJid }): Promise<SealOutcome> {
    return sealMessage(tx, this.#deps(), plan, content, options.to);
  }

  /** An empty message for one device; `undefined` if there is neither a session nor a usable bundle in `plan`. */
  sealEmpty(tx: Transaction, device: DeviceAddress, plan?: SendPlan): Promise<EncryptedMessage | undefined> {
    return sealEmptyMessage(tx, this.#deps(), device, plan);
  }

  /** Opens a received message. Whatever a sender does is an outcome, never an error; only our own store can fail. */
  open(tx: Transaction, input: OpenInput): Promise<OpenOutcome> {
    return openMessage(tx, { ...this.#deps(), limits: this.#limits, isContact: this.#isContact }, input);
  }

  /** Deletes the private halves of used prekeys. To be called when catch-up from the archive is complete (threats R23). */
  settlePreKeys(tx: Transaction): Promise<void> {
    return settlePreKeys(tx, this.#context);
  }

  /** All devices of an account that are listed or have a key on record. */
  devices(jid: BareJid): Promise<readonly KnownDevice[]> {
    return this.#options.ledger.read((tx) => knownDevices(tx, this.#context, this.#trust, this.#own, jid));
  }

  /**
   * Records the user's decision about exactly this key of this account.
   * @throws SessionError `ERR_DEVICE_UNKNOWN` if the key was never seen there
   */
  setTrust(jid: BareJid, identityKey: Uint8Array, decision: "authenticated" | "distrusted"): Promise<void> {
    return this.#options.ledger.run((tx) => this.#trust.decide(tx, jid, identityKey, decision));
  }

  /** Manual reset: the next send builds a new session. The old one goes on decrypting for a while (omemo.md 5.3). */
  async resetSession(tx: Transaction, device: DeviceAddress): Promise<void> {
    const record = await loadDevice(tx, this.#context, device);
    if (record !== undefined) await archiveCurrent(tx, this.#context, device, record);
  }

  /**
   * Becomes a new device with the same identity: to be called when the store turns out to be an old copy (threats R21). Nothing is ever
   * encrypted with the old sessions again; {@link Omemo.announce} then takes the old id from our list and adds the new one.
   */
  renewDevice(): Promise<{ readonly former: DeviceAddress; readonly present: DeviceAddress }> {
    return this.#options.ledger.run(async (tx) => {
      const former = this.#own.address;
      this.#become(tx, await renewDevice(tx, this.#context, this.#own));
      return { former, present: this.#own.address };
    });
  }

  /** At once, for the work that follows in the same commit; taken back if that fails. */
  #become(tx: Transaction, own: OwnDevice): void {
    const former = this.#own;
    this.#own = own;
    tx.onUndone(() => { this.#own = former; });
  }

  #deps(): MessageDeps {
    return { context: this.#context, own: this.#own, trust: this.#trust, codec: this.#options.codec };
  }
}
