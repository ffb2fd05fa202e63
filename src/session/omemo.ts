/**
 * The facade of the session layer: one OMEMO device of one account. Composes the modules beside it; holds no state of its own
 * but caches and rate limits. All changes go through a {@link Transaction}; only the {@link Ledger} commits.
 * Spec: XEP-0384 v0.9; omemo.md 2.5, 2.6, 4.3, 4.4, 5.
 * @module
 */
import type { Clock } from "../base/clock.js";
import type { Emitter } from "../base/events.js";
import type { BareJid } from "../base/jid.js";
import type { Logger } from "../base/logger.js";
import type { Rng } from "../base/rng.js";
import type { XmlElement } from "../base/xml.js";
import type { IdentityKey } from "../crypto/identity-key.js";
import type { CryptoProvider } from "../crypto/provider.js";
import type { EncryptedMessage } from "./encrypted-message.js";
import type { Ledger } from "./ledger.js";
import type { KnownDevice, OmemoEvent, OpenOutcome, SealOutcome, SendPlan } from "./outcome.js";
import type { DeviceAddress, DeviceDirectory, EnvelopeCodec, ListedDevice } from "./ports.js";
import type { Transaction } from "./transaction.js";
import type { TrustPolicy } from "./trust/policy.js";

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

/** What {@link Omemo.open} is given: who sent it, and the unencrypted facts around it. */
export interface OpenInput {
  /** Bare real address of the sender; the own account for a carbon of another own device. */
  readonly sender: BareJid;
  readonly message: EncryptedMessage;
  readonly context: {
    readonly kind: "chat";
    /** Bare `to` of the stanza. */
    readonly to?: BareJid;
    /** Milliseconds since 1970: the delay stamp of an archived or delayed message. */
    readonly stanzaTime?: number;
    /** False while messages come from an archive or offline storage. */
    readonly live: boolean;
  };
}

/** SIGNATURES - body follows */
export declare class Omemo {
  readonly events: Emitter<OmemoEvent>;
  static open(options: OmemoOptions): Promise<Omemo>;
  get self(): { readonly address: DeviceAddress; readonly identityKey: IdentityKey; readonly fingerprint: string };
  announce(signal?: AbortSignal): Promise<void>;
  onDeviceList(jid: BareJid, devices: readonly ListedDevice[], signal?: AbortSignal): Promise<void>;
  prepare(recipients: readonly BareJid[], signal?: AbortSignal): Promise<SendPlan>;
  prepareDevice(device: DeviceAddress, signal?: AbortSignal): Promise<SendPlan>;
  seal(tx: Transaction, plan: SendPlan, content: readonly XmlElement[], options: { readonly to: BareJid }): Promise<SealOutcome>;
  sealEmpty(tx: Transaction, device: DeviceAddress, plan?: SendPlan): Promise<EncryptedMessage | undefined>;
  open(tx: Transaction, input: OpenInput): Promise<OpenOutcome>;
  settlePreKeys(tx: Transaction): Promise<void>;
  devices(jid: BareJid): Promise<readonly KnownDevice[]>;
  setTrust(jid: BareJid, identityKey: Uint8Array, decision: "authenticated" | "distrusted"): Promise<void>;
  resetSession(tx: Transaction, device: DeviceAddress): Promise<void>;
}
