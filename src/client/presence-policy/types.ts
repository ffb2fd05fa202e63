/** What an application gets to see of a presence policy. @module */
import type { AnySottoError } from "../errors.js";
import type { Verdict } from "./compile.js";
import type { Override } from "./policy-row.js";
import type { PolicyRules } from "./rules.js";

/** How a policy is applied where the server has no privacy lists: not at all, or as far as possible with the losses that the result names. */
export interface PolicyOptions {
  /** Default `refuse`: the call rejects with `ERR_POLICY_UNSUPPORTED`. */
  readonly withoutPrivacyLists?: "refuse" | "degrade" | undefined;
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

/** What became of a policy that was set. */
export interface PolicyResult {
  /** How far it got. `stored`: there is no stream; the next one begins with it. */
  readonly reached: "in-force" | "stored";
  readonly losses: readonly PolicyLoss[];
  /**
   * What the policy has no hold over; empty without one. `other-clients`: what other clients of the account show. `personal-events`: mood, tune, picture and
   * the like, which go to everybody with a subscription unless their publication says otherwise, also to those who see nothing of us.
   */
  readonly outside: readonly ("other-clients" | "personal-events")[];
  /** Groups that the rules name and no contact is in: perhaps misspelt, and then their people fall under `others`. Empty while no contact is known at all. */
  readonly emptyGroups: readonly string[];
}

/** How a policy stands; told as an event when it stands in another way, not with each change of the rules: see {@link CurrentPolicy}. */
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

/** The policy that is kept, and how it stands. */
export interface CurrentPolicy {
  /** As the application gave them. */
  readonly rules: PolicyRules;
  readonly withoutPrivacyLists: "refuse" | "degrade";
  /** Until its time is over. */
  readonly override?: Override;
  /** `in-force` with `losses`: as far as this server allows. `applying`: a change is on its way; nobody sees more than the old or the new rules allow. */
  readonly state: Exclude<PolicyState, { readonly kind: "none" }>;
  readonly outside: PolicyResult["outside"];
  readonly emptyGroups: PolicyResult["emptyGroups"];
}

/** What one contact may see. */
export interface Effective extends Verdict {
  /** `exact`: sees just that, as far as we know; `at-most`: sees the broadcast presence, which is less, until it is seen to be there. */
  readonly shown: "exact" | "at-most" | "nothing";
}
