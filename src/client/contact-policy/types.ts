/** Who may reach the user how, and when: the rules as applications write them. @module */
import type { BareJid } from "../../base/jid.js";
import type { Message } from "../message.js";
import type { TimeWindow } from "../time-window.js";

/**
 * What becomes of something that somebody sends. `notify`: the user is told at once. `quiet`: it is shown and makes no noise. `ignore`:
 * it is not shown, and nobody is told of it, the sender included.
 */
export type Reach = "notify" | "quiet" | "ignore";

/** One of several rules: it holds within the window, or always if it has none. */
export interface TimedRule<V> {
  readonly between?: TimeWindow;
  readonly then: V;
}

/** The same at any time; or the first rule that holds, of which the last one has no window. */
export type Timed<V> = V | readonly TimedRule<V>[];

/**
 * The ways in which somebody can reach the user. What is not named is left to the next wider circle.
 *
 * Sotto acts on `message` and `receipts`. It has no calls, files or typing notifications itself: rules about them are verdicts for the
 * application, which asks `reach()` of the policy and acts on the answer.
 */
export interface ReachRules {
  readonly message?: Timed<Reach> | undefined;
  /** A verdict for the application. */
  readonly call?: Timed<Reach> | undefined;
  /** A verdict for the application. */
  readonly file?: Timed<Reach> | undefined;
  /** Whether they see that the user is typing, and the user that they are. A verdict for the application. */
  readonly typing?: Timed<boolean> | undefined;
  /** Whether they learn that their messages have come and were displayed. */
  readonly receipts?: Timed<boolean> | undefined;
}

/** The same for strangers. They never learn anything by themselves: there is no rule for receipts and typing. */
export interface StrangerRules {
  /** `separate`: into the strangers' box, and into no conversation before the user accepts it. */
  readonly message?: Timed<Reach | "separate"> | undefined;
  /** A verdict for the application, as {@link ReachRules.call}. */
  readonly call?: Timed<Reach> | undefined;
  /** A verdict for the application, as {@link ReachRules.file}. */
  readonly file?: Timed<Reach> | undefined;
}

/**
 * The policy of an account. The narrowest circle that has a rule decides: the person, the groups (of several the most restrictive one),
 * all contacts, strangers. Contacts are those of the roster and everybody whom this account has written to or the user has accepted.
 */
export interface ContactRules {
  readonly contacts?: ReachRules | undefined;
  /** By the name of a roster group. */
  readonly groups?: Readonly<Record<string, ReachRules>> | undefined;
  /** By bare address; strangers too. */
  readonly people?: Readonly<Record<string, ReachRules>> | undefined;
  readonly strangers?: StrangerRules | undefined;
}

/** A way to reach the user. */
export type Channel = "message" | "call" | "file" | "typing" | "receipts";

/**
 * How this account stands to somebody. `contact`: in the roster. `known`: written to or accepted, or the account's own server. `stranger`:
 * none of these.
 */
export type Relation = "own" | "contact" | "known" | "stranger" | "blocked";

/** What the policy says about one person at one moment. `call`, `file` and `typing` are for the application to act on: Sotto has none of them. */
export interface ReachReport {
  readonly jid: BareJid;
  readonly relation: Relation;
  readonly message: Reach | "separate";
  readonly call: Reach;
  readonly file: Reach;
  readonly typing: boolean;
  readonly receipts: boolean;
}

/** What the roster says of somebody, as far as it matters here: the server's word, nothing that is only wished for. */
export interface Standing {
  readonly subscription: "none" | "to" | "from" | "both";
  readonly groups: readonly string[];
}

/** A message in the strangers' box. */
export interface StrangerMessage extends Pick<Message, "id" | "from" | "text" | "receivedAt" | "sentAt" | "archivedAt" | "security" | "unreadable"> {
  /** Unique in the box, growing in the order in which messages came. No {@link Message.position}: it has none yet. */
  readonly place: number;
}

/** A stranger with messages in the box. */
export interface Stranger {
  readonly jid: BareJid;
  /** How many. */
  readonly messages: number;
  /** When the newest came, milliseconds since 1970 by our clock. */
  readonly latest: number;
}
