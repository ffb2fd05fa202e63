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

  /** Whoever wants to know has been told; a failure does not stop the block, nor does it wait long. */
  async tell(whom: readonly Jid[]): Promise<void> {
    const { clock, onError } = this.#d;
    const told = [...this.#listeners].map(async (listener) => { await listener(whom); });
    let cancel: () => void = () => undefined;
    const late = new Promise<void>((resolve) => { cancel = clock.schedule(beforeBlockMs, resolve); });
    const all = Promise.all(told.map((step) => step.catch(onError))).then(() => undefined);
    await Promise.race([all, late]).finally(cancel);
  }

  /**
   * Our presence is taken back from `whom`: a stanza to somebody who is blocked is refused. To be called in the turn in which the block is asked for:
   * what we say between the two would stay with them, for ejabberd takes nothing back.
   */
  takeBack({ stream }: Connection, whom: readonly Jid[]): void {
    const { watchers, onError } = this.#d;
    const seeing = [...watchers()].flatMap((watcher) =>
      whom.flatMap((jid) => (coversJid(jid, watcher) ? watcher : isFullJid(jid) && toBare(jid) === watcher ? jid : [])));
    for (const to of new Set(seeing)) stream.send(xml(clientNamespace, "presence", { to, type: "unavailable" })).catch(onError);
  }
}
