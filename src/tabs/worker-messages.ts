/**
 * What a page and the worker that does its work say to each other, over a port of their own: the application's messages to its worker are
 * not touched. Both are of one build. Only what must not be late goes to the worker itself.
 * Not here: the page's side (worker-client.ts), the worker's (serve-worker.ts).
 * @module
 */
import type { ClientOptions } from "../client/options.js";
import type { StoreCondition } from "../session/ports.js";
import type { FacadeFrame, HostFrame } from "./frames.js";
import type { WireError } from "./wire.js";

/** What of a client's options can go to a worker. */
export type TravellingOptions = Pick<
  ClientOptions,
  "account" | "service" | "resource" | "mechanismFloor" | "resumeSeconds" | "onRollback" | "autoConnect" | "unsafeAllowInsecureLoopback"
>;

/** The part of a Worker that is used. */
export interface PageWorker {
  /** As a worker's own. */
  postMessage(message: unknown, transfer: Transferable[]): void;
  /** Told when the script cannot be loaded or throws. */
  addEventListener(type: "error", listener: () => void): void;
  /** Ends that. */
  removeEventListener(type: "error", listener: () => void): void;
}

/** The first message, to the worker itself, with the port. */
export interface WorkerCall {
  readonly sotto: "open";
  readonly options: TravellingOptions;
  readonly name: string | undefined;
  /** Absent: the worker asks for it. */
  readonly password: string | undefined;
  readonly visible: boolean;
}

/** To the worker itself, which is about to be frozen with its page, or runs again. */
export interface WorkerNotice {
  readonly sotto: "freeze" | "resume";
}

/** From the page. */
export type PageMessage =
  | { readonly kind: "frame"; readonly frame: FacadeFrame }
  | { readonly kind: "waiting"; readonly is: boolean }
  | { readonly kind: "visible"; readonly is: boolean }
  /** Answers `ask`; without a password the page has none. */
  | { readonly kind: "password"; readonly id: number; readonly password?: string }
  /** Answers `persist`, as often as the answer changes. */
  | { readonly kind: "persistence"; readonly answer: StoreCondition["persistence"] }
  | { readonly kind: "close" };

/** From the worker. `alive`: the lock that it holds as long as it lives. */
export type WorkerMessage =
  | { readonly kind: "opened"; readonly id: string; readonly alive: string }
  | { readonly kind: "failed"; readonly error: WireError }
  | { readonly kind: "frame"; readonly frame: HostFrame }
  | { readonly kind: "epoch" }
  | { readonly kind: "ended"; readonly error: WireError }
  | { readonly kind: "ask"; readonly id: number }
  /** The password of that question is not wanted any more. */
  | { readonly kind: "unask"; readonly id: number }
  /** The store is open: the browser is to be asked not to delete it. */
  | { readonly kind: "persist" }
  | { readonly kind: "closed" };
