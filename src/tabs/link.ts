/** How a facade reaches whoever leads, and what a leader runs: the seam between this folder's two halves. @module */
import type { Unsubscribe } from "../base/events.js";
import type { AnySottoError } from "../client/errors.js";
import type { ClientOptions } from "../client/options.js";
import type { FacadeFrame, HostFrame } from "./frames.js";

/** How a facade reaches whoever leads now. */
export interface LeaderLink {
  /** This tab's name, unique. */
  readonly id: string;
  /** Sends to the leader of now; frames to a leader that is gone are lost (the facade repeats what it must when `onEpoch` tells). */
  send(frame: FacadeFrame): void;
  /** Frames of the leader, of the newest epoch only. */
  onFrame(listener: (frame: HostFrame) => void): Unsubscribe;
  /** Somebody leads (again): the number grows. Told once for the first leader too. */
  onEpoch(listener: (epoch: number) => void): Unsubscribe;
  /**
   * True with each request whose answer is now waited for, false when nothing is waited for any more: whoever carries the frames finds out
   * whether the leader is there, if this tab is visible. What may wait for ever (the next message) is not told here.
   */
  waiting(is: boolean): void;
  /**
   * This tab will reach no leader any more: its worker is gone, or it was to lead and its store cannot be opened. Told once, also to who asks
   * later; nothing follows.
   */
  onEnd(listener: (error: AnySottoError) => void): Unsubscribe;
  close(): Promise<void>;
}

/** What a leader runs. One per leadership. */
export interface Host {
  /** Never throws. */
  take(tab: string, frame: FacadeFrame): void;
  /** The tab is gone. */
  leave(tab: string): void;
  /** Closes the client. */
  close(): Promise<void>;
}

/** What a leader is opened with. */
export interface HostOptions extends ClientOptions {
  /** Which of these tabs live still, frozen or not: what was said through their leaders holds on while one does. Absent: none does. */
  readonly living?: (tabs: readonly string[]) => Promise<readonly string[]>;
  /** The tab that has set the password last, under a former leader. */
  readonly passwordOf?: string;
}

/**
 * Opens the client and serves it.
 * @param options `autoConnect`: connects when the first facade has said `hello`: it hands over what the former leader's user said of himself
 * @param out sends a frame to a tab
 * @throws as `createClient`
 */
export type OpenHost = (options: HostOptions, out: (tab: string, frame: HostFrame) => void) => Promise<Host>;
