/**
 * The state machine of presence subscriptions: nine states, and what a request or an answer makes of each, seen from the user's side.
 * Spec: RFC 6121 appendix A (A.1 states, A.2 what we send, A.3 what comes in), section 3.4 (approval ahead of the request).
 * Not here: who decides anything (threats F22: nobody but the application grants).
 * @module
 */
import type { Subscription } from "../../transport/xep/rfc6121-roster.js";

/** A state of appendix A.1; `approved` stands beside the nine. */
export interface SubscriptionState {
  readonly subscription: Subscription;
  readonly pendingOut: boolean;
  readonly pendingIn: boolean;
  readonly approved: boolean;
}

/** The four kinds of presence that change subscriptions. */
export type SubscriptionStanza = "subscribe" | "subscribed" | "unsubscribe" | "unsubscribed";

/** What a stanza leads to. */
export interface Transition {
  readonly state: SubscriptionState;
  /** Sent ones: whether the server passes it on (`ROUTE?`). Those that come in: whether they reach the client (`DELIVER?`). */
  readonly passed: boolean;
}

/** Whether somebody is unknown to the roster is no state of its own (appendix A.1, implementation note). */
export const noSubscription: SubscriptionState = { subscription: "none", pendingOut: false, pendingIn: false, approved: false };

/** Whether we see the presence of somebody with this subscription; without one he is not in the roster. */
export const seesTheirs = (subscription: Subscription | undefined): boolean => subscription === "to" || subscription === "both";
/** Whether he sees ours. */
export const seeOurs = (subscription: Subscription | undefined): boolean => subscription === "from" || subscription === "both";

const subscriptionOf = (theirs: boolean, ours: boolean): Subscription => (theirs ? (ours ? "both" : "to") : ours ? "from" : "none");

/** What `stanza` makes of `before`: sent by us (`out`), or by the contact (`in`). */
export function transition(before: SubscriptionState, direction: "out" | "in", stanza: SubscriptionStanza): Transition {
  const theirs = seesTheirs(before.subscription);
  const ours = seeOurs(before.subscription);
  const { pendingOut, pendingIn, approved } = before;
  const to = (passed: boolean, change: { theirs?: boolean; ours?: boolean } & Partial<SubscriptionState> = {}): Transition => {
    const { theirs: theirsNow = theirs, ours: oursNow = ours, ...rest } = change;
    return { passed, state: { pendingOut, pendingIn, approved, ...rest, subscription: subscriptionOf(theirsNow, oursNow) } };
  };
  switch (`${direction} ${stanza}` as const) {
    // About what we see of them. Requests and their withdrawals are always passed on: the other side may know better (A.2.1, A.2.2).
    case "out subscribe": return to(true, { pendingOut: !theirs });
    case "out unsubscribe": return to(true, { theirs: false, pendingOut: false });
    case "in subscribed": return pendingOut ? to(true, { theirs: true, pendingOut: false }) : to(false);
    case "in unsubscribed": return to(theirs || pendingOut, { theirs: false, pendingOut: false });
    // About what they see of us.
    case "in subscribe": return ours || pendingIn ? to(false) : approved ? to(false, { ours: true }) : to(true, { pendingIn: true });
    case "in unsubscribe": return to(ours || pendingIn, { ours: false, pendingIn: false });
    case "out subscribed": return pendingIn ? to(true, { ours: true, pendingIn: false }) : to(false, { approved: approved || !ours });
    case "out unsubscribed": return to(ours || pendingIn, { ours: false, pendingIn: false, approved: false });
  }
}
