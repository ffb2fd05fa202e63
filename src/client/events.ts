/** What a client tells beside its messages. All of it is data; nobody has to listen. @module */
import type { BareJid } from "../base/jid.js";
import type { SuggestedContact } from "../transport/xep/xep0144.js";
import type { StrangerMessage } from "./contact-policy/types.js";
import type { AnySottoError } from "./errors.js";
import type { Message } from "./message.js";
import type { PolicyState } from "./presence-policy/types.js";
import type { Subscription } from "./roster/contact.js";

/** Anything that happened. */
export type ClientEvent =
  /** A readable message came, or another device of this account sent one. */
  | { readonly kind: "message"; readonly message: Message }
  /** A message that could not be read. The log holds its place, and the session is as it was. */
  | {
    readonly kind: "unreadable";
    readonly from: BareJid;
    readonly id: string;
    /** `not-for-this-device`, or the code of the error that refused it. */
    readonly reason: string;
  }
  /** What was missed is being fetched from the archive; `total` if the server counts. Told after each page, `done` at the end. */
  | { readonly kind: "catch-up"; readonly received: number; readonly total?: number; readonly done: boolean }
  /** This device is new: what the archive holds from before (milliseconds since 1970, the server's clock) was encrypted for others. */
  | { readonly kind: "history-unreadable"; readonly before: number }
  /**
   * The archive no longer has the message where we left off, or cannot read what is there: something between these times may be lost. `from` is 0 if
   * nobody knows when that was.
   */
  | { readonly kind: "gap"; readonly from: number; readonly until?: number }
  /** Another device of this account has read `conversation` up to the message at `position`. */
  | { readonly kind: "read"; readonly conversation: BareJid; readonly position: number }
  /** The store had gone back in time. This device goes on under a new id; nothing more is encrypted with what the old one held (threats R21). */
  | { readonly kind: "rolled-back"; readonly formerDeviceId: number; readonly deviceId: number }
  /**
   * The platform has deleted the store that was here before: keys, sessions and messages of it are gone, and this is a new device.
   * Told once, to whoever listens first; also by a client whose store is deleted under it: there the next client is the new device (threats D07).
   */
  | { readonly kind: "storage-lost" }
  /**
   * A key was seen for the first time, or (`changed`) under a device id that had another one: there it waits, also if it is known from elsewhere
   * (threats T01, R05, T07).
   */
  | { readonly kind: "new-identity"; readonly jid: BareJid; readonly deviceId: number; readonly fingerprint: string; readonly changed: boolean }
  /**
   * A key that belongs to `holder` turned up under another address, which may be our own: one of the two shows what is not its own. Nothing is
   * trusted there before a decision (threats R26).
   */
  | { readonly kind: "identity-shared"; readonly jid: BareJid; readonly deviceId: number; readonly fingerprint: string; readonly holder: BareJid }
  /** This device is not in our own device list, and contacts cannot reach it: the list is full, or somebody removes us again and again. */
  | { readonly kind: "not-listed"; readonly reason: "full" | "contested" }
  /** Very many prekeys were used within an hour: somebody begins sessions without need. Told at most once an hour (threats R24). */
  | { readonly kind: "prekeys-drained" }
  /**
   * The server showed somebody else's key in the place of this device's; ours is published again. Whoever trusted that key meanwhile, blindly perhaps,
   * has encrypted to it: compare fingerprints with contacts, and mind who runs the server (threats T16).
   */
  | { readonly kind: "bundle-replaced" }
  /** A message of this device will not be sent any more, or was refused; `message.delivery.error` says why. Told also when no handle is left. Should the addressee have it all the same, it becomes `delivered` later. */
  | { readonly kind: "send-failed"; readonly message: Message }
  /** Our own device list or bundle was published on a node that others may not be able to read: they may not reach us (threats T17). */
  | { readonly kind: "not-readable-by-others"; readonly content: "device-list" | "bundle" }
  /**
   * Somebody asks to see our presence. Nothing is granted by itself: `client.roster.approve` or `deny` (threats F22). `name` and `text` are what
   * the asker wrote; `confusable`: the name could be taken for another one (threats F20).
   */
  | { readonly kind: "subscription-request"; readonly jid: BareJid; readonly name?: string; readonly confusable: boolean; readonly text?: string }
  /** A contact, or another client of this account, changed who sees whose presence. */
  | { readonly kind: "subscription-changed"; readonly jid: BareJid; readonly subscription: Subscription }
  /** One item that nobody could understand was left out; the others hold. */
  | { readonly kind: "malformed"; readonly what: "roster-item" | "privacy-item" | "block-item" | "presence" | "personal-event"; readonly from?: BareJid }
  /** Somebody proposes changes to the roster (XEP-0144). Nothing is done with them; names that could be taken for others are marked (threats F20). */
  | { readonly kind: "contacts-suggested"; readonly from: BareJid; readonly items: readonly SuggestedContact[] }
  /** A stranger's message was put into the strangers' box: it is in no conversation and nothing was answered. */
  | { readonly kind: "stranger-message"; readonly message: StrangerMessage }
  /** The strangers' box was full: its oldest message, or the oldest one of a sender who has too many, is gone. */
  | { readonly kind: "stranger-message-dropped"; readonly jid: BareJid }
  /** A presence policy came into force, was refused, or failed. */
  | { readonly kind: "presence-policy"; readonly state: PolicyState }
  /**
   * A domain has turned out to be a gateway into another network, or is not known to be one any more (no `type`): what `beyond` says of
   * conversations with its addresses has changed (XEP-0100).
   */
  | { readonly kind: "gateway-changed"; readonly gateway: BareJid; readonly type?: string }
  /** Something went wrong outside any call of the application. */
  | { readonly kind: "error"; readonly error: AnySottoError };
