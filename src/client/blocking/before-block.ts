/**
 * What is said and done before a block, while it still can be: behind it nothing of ours reaches whoever is blocked, not even that we are gone.
 * Spec: XEP-0191 #block (presence), RFC 6121 section 4.6. Threats V04. Not here: the block (blocking.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import type { Unsubscribe } from "../../base/events.js";
import { isFullJid, toBare, type Jid } from "../../base/jid.js";
import { beforeBlockMs } from "../../base/limits.js";
import { xml } from "../../base/xml.js";
import { clientNamespace } from "../../transport/xep/namespaces.js";
import type { Connection } from "../link.js";
import { coversJid } from "../privacy/evaluate.js";

/** Called with the addresses that are about to be blocked. */
export type BeforeBlock = (jids: readonly Jid[]) => unknown;

export interface BeforeBlocksDeps {
  readonly clock: Clock;
  /** Everybody who may see our presence now: contacts with a subscription "from" or "both", and whom it was directed to. */
  readonly watchers: () => Iterable<Jid>;
  readonly onError: (error: unknown) => void;
}

/** Who wants to know, and who is to be told. */
export class BeforeBlocks {
  readonly #d: BeforeBlocksDeps;
  readonly #listeners = new Set<BeforeBlock>();

  constructor(deps: BeforeBlocksDeps) {
    this.#d = deps;
  }

  add(listener: BeforeBlock): Unsubscribe {
    this.#listeners.add(listener);
    return () => { this.#listeners.delete(listener); };
  }

  /** Our presence is taken back from `whom`: a stanza to somebody who is blocked is refused. A failure here does not stop the block, nor does it wait long. */
  async takeBack({ stream }: Connection, whom: readonly Jid[]): Promise<void> {
    const { watchers, clock, onError } = this.#d;
    const asked = [...this.#listeners].map(async (listener) => { await listener(whom); });
    const seeing = [...watchers()].flatMap((watcher) =>
      whom.flatMap((jid) => (coversJid(jid, watcher) ? watcher : isFullJid(jid) && toBare(jid) === watcher ? jid : [])));
    const said = [...new Set(seeing)].map((to) => stream.send(xml(clientNamespace, "presence", { to, type: "unavailable" })));
    let cancel: () => void = () => undefined;
    const late = new Promise<void>((resolve) => { cancel = clock.schedule(beforeBlockMs, resolve); });
    const all = Promise.all([...asked, ...said].map((step) => step.catch(onError))).then(() => undefined);
    await Promise.race([all, late]).finally(cancel);
  }
}
