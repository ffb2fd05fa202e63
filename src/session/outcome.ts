/**
 * What the session layer answers: plans, reports, outcomes and follow-ups. Unions on `kind`; expected failures are data.
 * Spec: docs/protocol.md 4.4, 5.2, 5.5.
 * @module
 */
import type { BareJid } from "../base/jid.js";
import type { XmlElement } from "../base/xml.js";
import type { VerifiedBundle } from "../crypto/x3dh/bundle.js";
import type { EncryptedMessage } from "./encrypted-message.js";
import type { OpenFailureCode } from "./errors.js";
import type { DeviceAddress, DeviceId } from "./ports.js";
import type { TrustState } from "./trust/policy.js";

/** A bundle that was fetched for a device without a usable session, or why there is none. */
export type BundleAnswer =
  | { readonly kind: "bundle"; readonly bundle: VerifiedBundle }
  | { readonly kind: "no-bundle" | "bad-bundle" | "unavailable" };

/** The devices of one recipient, as far as they could be learnt. */
export interface RecipientPlan {
  readonly jid: BareJid;
  /**
   * Without a list known from before: `unavailable`, it could not be fetched for now; `hidden`, the server refuses to tell, which some
   * do also for accounts that have none.
   */
  readonly list: "known" | "unavailable" | "hidden";
  readonly devices: readonly { readonly id: DeviceId; readonly bundle?: BundleAnswer }[];
}

/** Everything that {@link Omemo.seal} needs from the network. Goes stale slowly: sessions made since then are preferred. */
export interface SendPlan {
  /** Recipients first, then the own account (this device left out). */
  readonly recipients: readonly RecipientPlan[];
}

/** What became of one device in a send. */
export interface DeviceReport {
  readonly device: DeviceAddress;
  /** 64 hex digits, where the key is known. */
  readonly fingerprint?: string;
  readonly result: "encrypted" | "untrusted" | "undecided" | "no-bundle" | "bad-bundle" | "unavailable";
}

/** The outcome of {@link Omemo.seal}. Only `sealed` has used up message keys. */
export type SealOutcome =
  | { readonly kind: "sealed"; readonly message: EncryptedMessage; readonly report: readonly DeviceReport[] }
  /** The recipients have no OMEMO device that they let us see. */
  | { readonly kind: "no-omemo"; readonly report: readonly DeviceReport[] }
  /** There are devices, but none is trusted and reachable; or one has lost the session that the plan counts on. `retryable`: worth another plan. */
  | { readonly kind: "no-device"; readonly retryable: boolean; readonly report: readonly DeviceReport[] };

/** Something to do after the commit; already rate-limited. During catch-up collect them: one per device at the end. */
export type FollowUp =
  | {
      readonly kind: "send-empty";
      readonly device: DeviceAddress;
      readonly reason: "key-exchange-accepted" | "heartbeat" | "no-session";
      /** True if there is no session: {@link Omemo.prepareDevice} first, and hand its plan to {@link Omemo.sealEmpty}. */
      readonly needsPlan: boolean;
    }
  /**
   * A prekey was used: {@link Omemo.announce}, which publishes the refilled bundle; once a minute at most, whoever uses up how many (threats
   * R24). `unhurried`: by somebody who may not learn that this device is in use, so not before some time has passed that does not hang on his
   * message (threats V03).
   */
  | { readonly kind: "republish-bundle"; readonly unhurried?: true };

/** Who wrote a message, as far as the session proves it. */
export interface SenderSecurity {
  readonly device: DeviceAddress;
  readonly fingerprint: string;
  readonly trust: TrustState;
}

/** The outcome of {@link Omemo.open}. Every kind is final for this message: it is never worth fetching again. */
export type OpenOutcome =
  | (SenderSecurity & {
      readonly kind: "content";
      /** Children of `<content/>`, not yet filtered by an allow-list (threats E05). */
      readonly content: readonly XmlElement[];
      /** Milliseconds since 1970, from inside the encryption. */
      readonly sentAt?: number;
      /** The time inside is far from the time of the stanza: perhaps an old message replayed (threats E03). */
      readonly timeSuspicious: boolean;
      readonly followUps: readonly FollowUp[];
    })
  | (SenderSecurity & { readonly kind: "empty"; readonly followUps: readonly FollowUp[] })
  | { readonly kind: "duplicate" }
  | { readonly kind: "not-for-this-device" }
  | { readonly kind: "own-echo" }
  | {
      readonly kind: "failed";
      readonly code: OpenFailureCode;
      readonly device: DeviceAddress;
      /** True if the ratchet message was good: its key is spent and the step is part of the transaction (threats R06). */
      readonly stepKept: boolean;
      readonly followUps: readonly FollowUp[];
    };

/** A device that was listed or that we have a key of. */
export interface KnownDevice {
  readonly device: DeviceAddress;
  /** In the latest device list: only these are encrypted for. */
  readonly active: boolean;
  /** This very device. */
  readonly self: boolean;
  /** What the device calls itself, signed by its key, fit for display (threats T11). Others may call themselves the same. */
  readonly label?: string;
  /** 64 lower-case hex digits without spaces; absent until its key was seen. */
  readonly fingerprint?: string;
  /** 32 bytes, Ed25519 form: what a decision must name. */
  readonly identityKey?: Uint8Array;
  readonly trust?: TrustState;
  /** A changed key that waits for a decision (threats T07). */
  readonly offered?: { readonly fingerprint: string; readonly identityKey: Uint8Array; readonly trust: TrustState };
}

/** Something the application should know; emitted after the commit that recorded it. */
export type OmemoEvent =
  | { readonly kind: "key-seen"; readonly device: DeviceAddress; readonly fingerprint: string; readonly trust: TrustState; readonly own: boolean }
  | { readonly kind: "key-changed"; readonly device: DeviceAddress; readonly fingerprint: string; readonly formerFingerprint: string }
  /** A key that was first seen with `holder`: one of the two accounts shows what is not its own. Waits for a decision (threats R26). */
  | { readonly kind: "key-shared"; readonly device: DeviceAddress; readonly fingerprint: string; readonly holder: BareJid }
  /** The list has changed, or a device has written that it does not name: plans made before are old. */
  | { readonly kind: "devices-changed"; readonly jid: BareJid }
  | { readonly kind: "device-list-contested" }
  /** Somebody begins sessions with us fast enough to use up a bundle full of one-time prekeys within an hour (threats R24): told once an hour. */
  | { readonly kind: "prekeys-drained" }
  /** Under our own device id the server showed a bundle with another identity key; ours is published again (threats T16). */
  | { readonly kind: "bundle-replaced" }
  /** Our own list names as many devices as others look at, and this one is not among them: nobody will write to it (threats T02). */
  | { readonly kind: "device-list-full" };
