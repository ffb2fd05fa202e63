/**
 * The facade of the session layer: one OMEMO device of one account, and its messages. Composes the modules beside it; of its own it
 * holds only what lives no longer than the process. All changes go through a {@link Transaction}; only the {@link Ledger} commits.
 * Spec: XEP-0384 v0.9; docs/protocol.md 2.5, 2.6, 4.3, 4.4, 5.
 * @module
 */
import type { Emitter } from "../base/events.js";
import type { BareJid } from "../base/jid.js";
import { KeyedMutex } from "../base/keyed-mutex.js";
import type { XmlElement } from "../base/xml.js";
import { Announcer } from "./announcer.js";
import type { EncryptedMessage } from "./encrypted-message.js";
import { FollowUpLimits } from "./follow-ups.js";
import { OmemoDevice, type OmemoDeviceOptions, type Self } from "./omemo-device.js";
import { openMessage, type OpenInput } from "./open.js";
import type { KnownDevice, OmemoEvent, OpenOutcome, SealOutcome, SendPlan } from "./outcome.js";
import { settlePreKeys } from "./own-bundle.js";
import { Planner } from "./planner.js";
import type { DeviceAddress, DeviceDirectory, EnvelopeCodec, ListedDevice } from "./ports.js";
import { renewDevice } from "./renewal.js";
import { resetSession } from "./reset-session.js";
import { sealEmptyMessage, sealMessage, type MessageDeps } from "./seal.js";
import type { Transaction } from "./transaction.js";

/** What a device needs to talk to others. */
export interface OmemoPeers {
  readonly directory: DeviceDirectory;
  readonly codec: EnvelopeCodec;
  /**
   * Who may learn by an automatic empty message that this device is in use (docs/protocol.md 5.2): contacts of the roster, say.
   * The own account and everybody we have written to may in any case.
   */
  readonly isContact?: (jid: BareJid) => boolean;
}

/** What an {@link Omemo} is made of. */
export interface OmemoOptions extends OmemoDeviceOptions, OmemoPeers {}

/** One device of one account. Messages of one account are opened and sealed one after the other, in `ledger.run`. */
export class Omemo {
  readonly #device: OmemoDevice;
  readonly #codec: EnvelopeCodec;
  readonly #limits: FollowUpLimits;
  readonly #planner: Planner;
  readonly #announcer: Announcer;
  readonly #isContact: (jid: BareJid) => boolean;
  readonly #publishing = new KeyedMutex<"list">();

  private constructor(device: OmemoDevice, { directory, codec, isContact = () => false }: OmemoPeers) {
    const { context, ledger, trust, events } = device;
    this.#device = device;
    this.#codec = codec;
    this.#isContact = isContact;
    this.#limits = new FollowUpLimits(context.clock);
    this.#planner = new Planner({ context, ledger, directory, trust, own: () => device.own, isContact });
    this.#announcer = new Announcer({
      context, ledger, directory,
      own: () => device.own,
      setOwn: (tx, next) => { device.become(tx, next); },
      tell: (event) => { events.emit(event); },
    });
  }

  /**
   * Loads the own device, or makes it: identity, signed prekey and 100 one-time prekeys in one commit.
   * @throws SessionError `ERR_OWN_DEVICE_MISMATCH`, `ERR_RECORD_INVALID`; StorageError
   */
  static async open(options: OmemoOptions): Promise<Omemo> {
    return Omemo.over(await OmemoDevice.open(options), options);
  }

  /** The same over a device that is open already. One at a time. @internal */
  static over(device: OmemoDevice, peers: OmemoPeers): Omemo {
    return new Omemo(device, peers);
  }

  /** What the application should know; after the commit that recorded it. */
  get events(): Emitter<OmemoEvent> {
    return this.#device.events;
  }

  /** This device. Its id is final once it was announced. */
  get self(): Self {
    return this.#device.self;
  }

  /**
   * Publishes the bundle, rotated and refilled as due, then adds our id to our device list. To be called after each
   * (re)connect and for a `republish-bundle` follow-up.
   * @throws SessionError `ERR_DIRECTORY_UNAVAILABLE`, `ERR_DEVICE_LIST_CONTESTED`, `ERR_DEVICE_LIST_FULL`; what the directory throws
   */
  announce(signal?: AbortSignal): Promise<void> {
    return this.#publishing.run("list", () => this.#announcer.announce(signal));
  }

  /**
   * After a reconnect: device lists may have changed without a notification, and the server may have lost what it showed of us. Once a day on a
   * stream that lasts.
   */
  expireDeviceLists(): void {
    this.#planner.expire();
    this.#announcer.expire();
  }

  /**
   * A device list was published. Our own one is repaired if our id is missing, a few times a minute at most; `contested`: not this time, and
   * {@link Omemo.announce} is to be called later, for nothing else will put it right (threats T03).
   */
  async onDeviceList(jid: BareJid, devices: readonly ListedDevice[], signal?: AbortSignal): Promise<"contested" | undefined> {
    const valid = await this.#planner.remember(jid, devices);
    if (jid !== this.#device.context.account) return undefined;
    return await this.#publishing.run("list", () => this.#announcer.onOwnList(valid, signal)) === "contested" ? "contested" : undefined;
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

  /** An empty message that was to build a session with `device` could not be made for now: it may be asked for again after a minute (threats R22). */
  postponeRepair(device: DeviceAddress): void {
    this.#limits.postpone(device);
  }

  /** Opens a received message. Whatever a sender does is an outcome, never an error; only our own store can fail. */
  open(tx: Transaction, input: OpenInput): Promise<OpenOutcome> {
    const noticeSender = this.#planner.noticeSender.bind(this.#planner);
    return openMessage(tx, { limits: this.#limits, isContact: this.#isContact, noticeSender, ...this.#deps() }, input);
  }

  /**
   * Deletes the private halves of used prekeys; nothing while the server may still show one of them. To be called when catch-up from the archive
   * is complete, after {@link Omemo.announce}, and once a day (threats R23).
   */
  settlePreKeys(tx: Transaction): Promise<void> {
    return settlePreKeys(tx, this.#device.context);
  }

  /** All devices of an account that are listed or have a key on record. */
  devices(jid: BareJid): Promise<readonly KnownDevice[]> {
    return this.#device.devices(jid);
  }

  /**
   * Records the user's decision about exactly this key of this account.
   * @throws SessionError `ERR_DEVICE_UNKNOWN` if the key was never seen there
   */
  setTrust(jid: BareJid, identityKey: Uint8Array, decision: "authenticated" | "distrusted"): Promise<void> {
    return this.#device.setTrust(jid, identityKey, decision);
  }

  /** Manual reset: the next send builds a new session. The old one goes on decrypting for a while (docs/protocol.md 5.3). */
  async resetSession(tx: Transaction, device: DeviceAddress): Promise<void> {
    await resetSession(tx, this.#device.context, device);
  }

  /**
   * Becomes a new device with the same identity: to be called when the store turns out to be an old copy (threats R21). Nothing is ever
   * encrypted with the old sessions again; {@link Omemo.announce} then takes the old id from our list and adds the new one.
   */
  renewDevice(): Promise<{ readonly former: DeviceAddress; readonly present: DeviceAddress }> {
    const device = this.#device;
    return device.ledger.run(async (tx) => {
      const former = device.own.address;
      device.become(tx, await renewDevice(tx, device.context, device.own));
      return { former, present: device.own.address };
    });
  }

  #deps(): MessageDeps {
    const { context, own, trust } = this.#device;
    return { context, own, trust, codec: this.#codec };
  }
}
