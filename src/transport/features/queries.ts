/**
 * What others may ask this client: software version, last activity, time, ad-hoc commands. Whoever is not in the
 * audience gets the answer of a resource that is not there, service-unavailable, and no handler runs (threats F24, V03).
 * Nothing is answered before the application has registered a handler and named its audience.
 * Spec: RFC 6120 section 8.2.3, XEP-0012 #security, XEP-0050, XEP-0092, XEP-0202.
 * Not here: requests and answers on the wire (stream/iq.ts); what we can do, which presence announces (caps.ts). These are not announced.
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { UsageError } from "../../base/errors.js";
import type { Unsubscribe } from "../../base/events.js";
import { type BareJid, domainOf, type Jid, toBare } from "../../base/jid.js";
import { queriesPerAskerMax, queriesTotalMax, queriesWindowMs } from "../../base/limits.js";
import type { XmlElement } from "../../base/xml.js";
import { RateLimit } from "../../session/rate-limit.js";
import type { IncomingIq, IqClient } from "../stream/iq.js";
import { commandsNamespace, entityTimeNamespace, lastActivityNamespace, versionNamespace } from "../xep/namespaces.js";
import { encodeLastActivity } from "../xep/xep0012.js";
import { encodeVersion, type SoftwareVersion } from "../xep/xep0092.js";
import { type EntityTime, encodeEntityTime } from "../xep/xep0202.js";

/** Who gets an answer: this account and its server; also those who see our presence; anybody, a limited number of times. */
export type QueryAudience = "own" | "contacts" | "anyone";

/** One kind of query: who gets an answer, and where it comes from. */
export interface QueryAnswerOf<K extends string, H> {
  readonly kind: K;
  readonly audience: QueryAudience;
  /** If it throws, or returns `undefined`, it looks to the asker as if nobody were there. */
  readonly handler: H;
}

/** What an application answers. `last-activity`: seconds since the user last did something. `command` (XEP-0050): the element as it came; the answer is one as well. */
export type QueryAnswer =
  | QueryAnswerOf<"version", () => SoftwareVersion | undefined>
  | QueryAnswerOf<"last-activity", () => number | undefined>
  | QueryAnswerOf<"time", () => EntityTime | undefined>
  | QueryAnswerOf<"command", (from: Jid | undefined, command: XmlElement) => XmlElement | undefined>;

export interface QueriesDeps {
  readonly account: BareJid;
  readonly clock: Pick<Clock, "monotonic">;
  /** Whether somebody sees our presence by the user's will. */
  readonly seesPresence: (jid: BareJid) => boolean;
  readonly isBlocked: (jid: BareJid) => boolean;
  /** A handler of the application threw. */
  readonly onError: (error: unknown) => void;
}

const wires: Readonly<Record<QueryAnswer["kind"], readonly [namespace: string, name: string, type: IncomingIq["type"]]>> = {
  version: [versionNamespace, "query", "get"],
  "last-activity": [lastActivityNamespace, "query", "get"],
  time: [entityTimeNamespace, "time", "get"],
  command: [commandsNamespace, "command", "set"],
};

const audiences: readonly unknown[] = ["own", "contacts", "anyone"] satisfies readonly QueryAudience[];

/** The answers of one client, on whatever stream is up. */
export class Queries {
  readonly #d: QueriesDeps;
  readonly #answers = new Map<QueryAnswer["kind"], QueryAnswer>();
  readonly #perAsker: RateLimit;
  readonly #total: RateLimit;

  constructor(deps: QueriesDeps) {
    this.#d = deps;
    this.#perAsker = new RateLimit(deps.clock, queriesPerAskerMax, queriesWindowMs);
    this.#total = new RateLimit(deps.clock, queriesTotalMax, queriesWindowMs);
  }

  /** To be called in the first turn of each stream. */
  attach({ iq }: { readonly iq: Pick<IqClient, "handle"> }): void {
    for (const kind of Object.keys(wires) as readonly QueryAnswer["kind"][]) {
      const [namespace, name, type] = wires[kind];
      iq.handle(namespace, (request) => {
        const answer = this.#answers.get(kind);
        if (answer === undefined || request.payload.name !== name || request.type !== type) return undefined;
        return this.#mayAsk(request.from, answer.audience) ? this.#run(answer, request) : undefined;
      });
    }
  }

  /**
   * Answers one kind of query from now on, in place of what answered it before. The returned function ends that.
   * @throws UsageError `ERR_INVALID_ARGUMENT` for a kind or an audience that there is not, or without a handler
   */
  answer(answer: QueryAnswer): Unsubscribe {
    check(answer);
    this.#answers.set(answer.kind, answer);
    return () => { if (this.#answers.get(answer.kind) === answer) this.#answers.delete(answer.kind); };
  }

  #mayAsk(from: Jid | undefined, audience: QueryAudience): boolean {
    const { account, seesPresence, isBlocked } = this.#d;
    const asker = from === undefined ? account : toBare(from);
    if (asker === account || asker === domainOf(account)) return true;
    if (audience === "own" || isBlocked(asker)) return false;
    const known = seesPresence(asker);
    if (audience === "contacts" && !known) return false;
    // Contacts all ask at once when they see us come online: only strangers share a budget (threats L02).
    return this.#perAsker.allow(asker) && (known || this.#total.allow(""));
  }

  #run(answer: QueryAnswer, { from, payload }: IncomingIq): XmlElement | undefined {
    try {
      return answered(answer, from, payload);
    } catch (error) {
      this.#d.onError(error);
      return undefined;
    }
  }
}

// A misspelt audience must not be everybody.
function check(answer: unknown): asserts answer is QueryAnswer {
  const { kind, audience, handler } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof kind === "string" && Object.hasOwn(wires, kind) && audiences.includes(audience) && typeof handler === "function") return;
  throw new UsageError("ERR_INVALID_ARGUMENT", "an answer has a kind of query, an audience (own, contacts or anyone) and a handler");
}

function answered(answer: QueryAnswer, from: Jid | undefined, payload: XmlElement): XmlElement | undefined {
  if (answer.kind === "command") return encoded(answer.handler(from, payload), (element) => element);
  if (answer.kind === "version") return encoded(answer.handler(), encodeVersion);
  if (answer.kind === "time") return encoded(answer.handler(), encodeEntityTime);
  return encoded(answer.handler(), encodeLastActivity);
}

function encoded<T>(value: T | undefined, encode: (value: T) => XmlElement): XmlElement | undefined {
  if (value instanceof Promise) {
    value.catch(() => undefined); // nobody else hears of it
    throw new UsageError("ERR_INVALID_ARGUMENT", "a handler of queries answers at once");
  }
  return value === undefined ? undefined : encode(value);
}
