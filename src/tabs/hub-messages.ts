/**
 * What the hubs of an account's tabs say to each other. Tabs of different builds of an application meet here, so none of these ever changes its
 * meaning; unknown kinds are ignored. Which frames two tabs can exchange is settled by the frames themselves (frames.ts, `hello`).
 * Not here: channels (channels.ts), who sends what when (leader-talk.ts, hub.ts, leadership.ts).
 * @module
 */
import type { FacadeFrame, HostFrame } from "./frames.js";
import type { WireError } from "./wire.js";

/** What the application asked of the connection, in any tab: the next leader goes on with it. */
export interface Wishes {
  /** After `connect` or `disconnect`; absent: as the options say. */
  readonly connected?: boolean;
  /** After `setCredentials` with a text. */
  readonly password?: string;
  /** The tab that has called `setCredentials` last, with a text or a function: what another one had set before is over. */
  readonly passwordOf?: string;
}

/** Of one tab to all, or to one. `from`: the sender's name. */
export type HubMessage =
  /** Who leads? Or, to a leader: is it there? */
  | { readonly kind: "who"; readonly from: string }
  /** The sender leads, and has just seen that it holds the lock. Told to all at the beginning and with new wishes; answers `who`. */
  | { readonly kind: "lead"; readonly from: string; readonly epoch: number; readonly wishes: Wishes }
  /** Answers a `lead` that is not newer than what the sender knows: a leader that does hold the lock counts on from here. */
  | { readonly kind: "past"; readonly from: string; readonly epoch: number }
  /** The store has ended under the sender, for the `times`-th time lately among all tabs: it gives the lead up. */
  | { readonly kind: "lost"; readonly from: string; readonly times: number; readonly error: WireError }
  /** A frame on its way. `session`: the tab's, begun anew with each leader and after each loss; `n` counts the frames of one direction from 0. */
  | { readonly kind: "up"; readonly from: string; readonly epoch: number; readonly session: number; readonly n: number; readonly frame: FacadeFrame }
  | { readonly kind: "down"; readonly from: string; readonly epoch: number; readonly session: number; readonly n: number; readonly frame: HostFrame }
  /** Frames of this session were lost: the tab has to begin a new one. */
  | { readonly kind: "again"; readonly from: string; readonly epoch: number; readonly session: number };

/** Whether a tab of any build may have meant this. */
export function isHubMessage(message: unknown): message is HubMessage {
  const { kind, from } = (message ?? {}) as { readonly kind?: unknown; readonly from?: unknown };
  return typeof kind === "string" && typeof from === "string";
}
