/**
 * What a tab's facade and the leader's host say to each other: plain data that structured cloning takes. Both may be of different builds of the
 * application, for a tab stays open as long as its user likes: `hello` says which protocol follows, and what it and `refused` look like never
 * changes.
 * Not here: how frames travel (link.ts), which calls there are (surface-table.ts), values on the wire (wire.ts).
 * @module
 */
import type { PolicyContext } from "../client/presence/policy-door.js";
import type { Availability } from "../client/presence/announcer.js";
import type { Message } from "../client/message.js";
import type { Part } from "./surface-table.js";
import type { Packed, WireError } from "./wire.js";

/** The version of everything below. It grows with every change that the other side has to know of. */
export const protocolVersion = 1;

/** What a call is made on. `jid`: of a conversation. `watch`: of a timeline, by the number of its {@link Source}. */
export interface Place {
  readonly part: Part;
  readonly jid?: string;
  readonly watch?: number;
}

/** What can be watched: a state that is told as it is and then as it changes, or a kind of event. */
export interface Source {
  readonly of: string;
  /** Of a timeline: the conversation. */
  readonly jid?: string;
  /** Of a timeline: the position of the oldest message that was shown under a former leader. */
  readonly oldest?: number;
  /** Of the conversations: how many were shown under a former leader. */
  readonly count?: number;
}

/** What has to outlive a leader and is in no row of its client: every facade mirrors it and hands it to the next one. */
export interface Carry {
  /** What the user says of himself. */
  readonly own?: Availability;
  readonly context?: PolicyContext;
  /** The privacy list that the application wants active. */
  readonly list?: string;
  /** Grows with each change, across leaders: a tab that was frozen hands over what was true before. */
  readonly turn?: number;
}

/** A message on its way to the outbox; `id` is its own from here to the wire. */
export interface OutgoingDraft {
  readonly id: string;
  readonly text: string;
}

/** Where a reader of {@link Client.messages} begins. */
export interface ReaderStart {
  readonly of: "messages" | "inbox";
  /** Behind this position, as the application asked. */
  readonly after?: number | undefined;
  /** Behind this position, of a reader without a cursor of its own that began under a former leader. */
  readonly resume?: number | undefined;
  /** Of which log the position is, as the `started` of a former leader has named it. */
  readonly log?: string | undefined;
}

/** A message in the hands of a consumer; its position names it in answers. */
export interface WireDelivery {
  readonly message: Message;
  readonly attempt: number;
}

/** What a tab says first of all: a leader acts on it before it hears more. */
export interface Greeting {
  readonly carry?: Carry;
  /** Whether the user looks at the tab; absent: it has not said. */
  readonly active?: boolean;
}

/** From a tab to the leader. Numbers (`id`) are the tab's, each used once. */
export type FacadeFrame =
  | ({ readonly kind: "hello"; readonly protocol: number } & Greeting)
  /** `signal`: the argument that is an object with an abort signal in it. */
  | { readonly kind: "call"; readonly id: number; readonly on: Place; readonly method: string; readonly args: readonly unknown[]; readonly signal?: number }
  /** The call, process or opening is not wanted any more. */
  | { readonly kind: "abort"; readonly id: number }
  | { readonly kind: "watch"; readonly id: number; readonly source: Source }
  | { readonly kind: "unwatch"; readonly id: number }
  /** A reader; each `next` asks for one item. */
  | { readonly kind: "read"; readonly id: number; readonly from: ReaderStart }
  | { readonly kind: "next"; readonly id: number }
  | { readonly kind: "return"; readonly id: number }
  /** Hands a message in, once or again: what the outbox or the log knows under its id is not sent anew. */
  | { readonly kind: "send"; readonly to: string; readonly draft: OutgoingDraft; readonly protection: "omemo" | "none" }
  /** Wants to be told of messages that were handed in before. */
  | { readonly kind: "follow"; readonly messages: readonly { readonly id: string; readonly to: string }[] }
  | { readonly kind: "unfollow"; readonly message: string }
  /** Serves the open inbox; answered by `result` when it has ended. */
  | { readonly kind: "process"; readonly id: number; readonly options: { readonly attemptsMax?: number; readonly concurrency?: number } }
  /** What became of a delivery: with `error` it failed. */
  | { readonly kind: "handled"; readonly position: number; readonly replies?: readonly OutgoingDraft[]; readonly error?: WireError }
  /** The tab runs, and has heard `ask`: its user may take his time. */
  | { readonly kind: "asked"; readonly id: number }
  /** Answers `ask`. */
  | { readonly kind: "password"; readonly id: number; readonly password?: string; readonly error?: WireError }
  /** The tab is done: everything of it can go. */
  | { readonly kind: "bye" };

/** From the leader to a tab. */
export type HostFrame =
  | { readonly kind: "hello"; readonly protocol: number }
  /** Tab and leader do not speak the same protocol. */
  | { readonly kind: "refused"; readonly protocol: number }
  | { readonly kind: "result"; readonly id: number; readonly value: Packed }
  | { readonly kind: "error"; readonly id: number; readonly error: WireError }
  /** The state of a source: all of it, or what has changed. `head`: absent if it is the same as before. */
  | {
    readonly kind: "state"; readonly id: number; readonly full: boolean; readonly head?: Packed;
    readonly entries?: readonly (readonly [string | number, unknown])[]; readonly removed?: readonly (string | number)[];
  }
  | { readonly kind: "event"; readonly id: number; readonly event: Packed }
  /** `start`: behind which position a reader of messages has begun. `log`: in which log; after an eviction it is another one. Absent in former builds. */
  | { readonly kind: "started"; readonly id: number; readonly start: number; readonly log?: string }
  | { readonly kind: "item"; readonly id: number; readonly item: Message | WireDelivery }
  | { readonly kind: "end"; readonly id: number; readonly error?: WireError }
  | { readonly kind: "progress"; readonly message: string; readonly progress: Packed }
  /** Answers `follow`: neither outbox nor log know these. */
  | { readonly kind: "unknown"; readonly messages: readonly string[] }
  | ({ readonly kind: "delivery"; readonly process: number } & WireDelivery)
  /** Wants the password that the tab has set; answered by `asked` at once, and by `password`. */
  | { readonly kind: "ask"; readonly id: number }
  /** It is not wanted any more. */
  | { readonly kind: "unask"; readonly id: number };
