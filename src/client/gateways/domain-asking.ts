/**
 * Asks the domains of conversations whether they are gateways, so that a conversation can say where its end-to-end encryption ends before
 * the application has asked anything. Each domain once per run, and only where devices are fetched or a message goes anyway: that
 * somebody here is interested in somebody there is nothing that its server does not learn from those.
 * Spec: XEP-0100 #intro, XEP-0030 #info. Threats L04, H06.
 * Not here: what is remembered (gateway-memory.ts), the question (self.ts), on what occasion (core.ts), which need no question (on-demand.ts).
 * @module
 */
import { AbortTasks } from "../../base/abort-tasks.js";
import type { Clock } from "../../base/clock.js";
import { type BareJid, domainOf } from "../../base/jid.js";
import { domainsAskedMax, domainsAskedPerMinuteMax } from "../../base/limits.js";
import { abortError } from "../../transport/connection/abort.js";
import type { IqRequester } from "../../transport/features/iq-requester.js";
import type { GatewayMemory } from "./gateway-memory.js";
import { askSelf, isNoAnswer } from "./self.js";

const minuteMs = 60_000;

export interface DomainAskingDeps {
  readonly clock: Clock;
  readonly memory: GatewayMemory;
  /** The stream that is up. */
  readonly connection: () => { readonly iq: IqRequester } | undefined;
  readonly onError: (error: unknown) => void;
}

/** Which domains were asked in this run. */
export class DomainAsking {
  readonly #d: DomainAskingDeps;
  /** By domain, what resolves with the end of the question. */
  readonly #asked = new Map<BareJid, Promise<void>>();
  readonly #aborts = new AbortTasks();
  #minute = { begun: Number.NEGATIVE_INFINITY, asked: 0 };

  constructor(deps: DomainAskingDeps) {
    this.#d = deps;
  }

  /**
   * Asks the domain of `jid` unless it was asked in this run. Resolves when the memory says what there is to say.
   * What would be too many is not asked now, and what cannot be asked without a stream neither: the next call tries again.
   * @throws UsageError `ERR_ABORTED`, and nothing else; the question goes on for others
   */
  async about(jid: BareJid, signal?: AbortSignal): Promise<void> {
    const domain = domainOf(jid);
    const iq = this.#d.connection()?.iq;
    const answer = this.#asked.get(domain) ?? (iq === undefined || !this.#mayAsk() ? undefined : this.#ask(iq, domain));
    if (answer !== undefined) await this.#unlessAborted(answer, signal);
  }

  #mayAsk(): boolean {
    const now = this.#d.clock.monotonic();
    if (now - this.#minute.begun >= minuteMs) this.#minute = { begun: now, asked: 0 };
    if (this.#asked.size >= domainsAskedMax || this.#minute.asked >= domainsAskedPerMinuteMax) return false;
    this.#minute.asked += 1;
    return true;
  }

  #ask(iq: IqRequester, domain: BareJid): Promise<void> {
    const { memory, onError } = this.#d;
    const answer = askSelf(iq, domain).then(async (self) => {
      if (self !== undefined) await memory.learn([[domain, self.type]]).catch(onError);
    }, (error: unknown) => {
      if (!isNoAnswer(error)) this.#asked.delete(domain); // the stream ended: nothing was said
    });
    this.#asked.set(domain, answer);
    return answer;
  }

  async #unlessAborted(answer: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
    if (signal === undefined) return answer;
    if (signal.aborted) throw abortError(signal);
    return new Promise((resolve, reject) => {
      const forget = this.#aborts.add(signal, () => {
        forget();
        reject(abortError(signal));
      });
      void answer.then(() => {
        forget();
        resolve();
      });
    });
  }
}
