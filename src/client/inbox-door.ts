/** The door to a client's inbox: opened on demand, and closed with the client or its store. Not here: the inbox itself (inbox/). @module */
import { loaded } from "./errors.js";
import type { ConsumerDeps } from "./inbox/consumer-deps.js";
import type { Inbox } from "./inbox/types.js";

/** Knows the inbox that is open, so that nobody reads on behind the end of the client. */
export class InboxDoor {
  readonly #d: ConsumerDeps;
  #inbox: Inbox | undefined;
  #closed = false;

  constructor(deps: ConsumerDeps) {
    this.#d = deps;
  }

  /** @throws ClientError `ERR_INBOX_BUSY` */
  async open(): Promise<Inbox> {
    const { openInbox } = await loaded(import("./inbox/inbox.js"));
    const inbox = openInbox(this.#d); // the one before it is closed, or this throws
    this.#inbox = inbox;
    if (this.#closed) inbox.close();
    return inbox;
  }

  /** For good: whoever reads is at the end, and so is whoever opens it yet. */
  close(): void {
    this.#closed = true;
    this.#inbox?.close();
  }
}
