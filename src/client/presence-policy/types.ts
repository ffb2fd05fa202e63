/** What an application gets to see of a presence policy. @module */
import type { AnySottoError } from "../errors.js";
import type { Verdict } from "./compile.js";

/** How a policy is applied where the server has no privacy lists: not at all, or as far as possible with the losses that the result names. */
export interface PolicyOptions {
  readonly withoutPrivacyLists?: "refuse" | "degrade";
}

/** What is lost without privacy lists. */
export type PolicyLoss =
  /** The server does not count this client as available: messages to the account wait for the next login, or come as another client's copy. */
  | "live-messages"
  /** Who logs in later is not noticed, and is shown nothing until presence is sent again. */
  | "logins-unseen"
  /** If this client ends without a farewell, some servers leave its presence standing. */
  | "crash-leaves-presence"
  /** Somebody who is allowed to see us from now on sees the broadcast presence before his rule is applied. */
  | "new-contacts-see-broadcast";

/** How far the policy got. */
export interface PolicyResult {
  /** `stored`: there is no stream; the next one begins with it. */
  readonly state: "in-force" | "stored";
  readonly losses: readonly PolicyLoss[];
  /** What the policy has no hold over: what other clients of the account show. */
  readonly outside: readonly "other-clients"[];
}

/** How a policy stands; told as an event whenever it changes. */
export type PolicyState =
  | { readonly kind: "none" }
  /** It is kept, and there is no stream. */
  | { readonly kind: "waiting" }
  | { readonly kind: "applying" }
  | { readonly kind: "in-force"; readonly losses: readonly PolicyLoss[] }
  /** The server has no privacy lists, or does not keep them: no presence is shown to anybody. */
  | { readonly kind: "refused"; readonly error: AnySottoError }
  /** A step failed. Nobody is shown more than the rules allow, perhaps nothing; it is tried again. */
  | { readonly kind: "failed"; readonly error: AnySottoError };

/** What one contact may see. */
export interface Effective extends Verdict {
  /** `exact`: sees just that, as far as we know; `at-most`: sees the broadcast presence, which is less, until it is seen to be there. */
  readonly shown: "exact" | "at-most" | "nothing";
}
