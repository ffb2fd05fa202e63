/** The parts that a client makes when somebody asks for them, as a tab mirrors them: each once per facade. @module */
import type { BareJid, Jid } from "../base/jid.js";
import { isCovered } from "../client/blocking/covered.js";
import type { ContactRules, Stranger } from "../client/contact-policy/types.js";
import { loaded } from "../client/errors.js";
import { legacyNameOf, problemsOf } from "../client/gateways/from-data.js";
import type { Gateway } from "../client/gateways/ports.js";
import type { ConversationSummary } from "../client/log/conversation-tally.js";
import type { ReplacedList } from "../client/privacy/replace.js";
import type { PrivacySnapshot } from "../client/privacy/snapshot.js";
import type {
  ClientBlocking, ClientContactPolicy, ClientConversations, ClientGateways, ClientPersonalEvents, ClientPrivacyLists, ClientRoster, ClientStrangers,
} from "../client/surface.js";
import { TransportError } from "../transport/errors.js";
import type { PersonalEvent } from "../transport/features/personal-events.js";
import type { PrivacyListContent, PrivacyRule } from "../transport/xep/xep0016.js";
import type { Calls } from "./calls.js";
import { mirrored, type Mirrored, remote, RemoteEvents } from "./remote.js";
import {
  blockingTable, contactPolicyTable, conversationsTable, gatewaysTable, personalEventsTable, privacyListsTable, strangersTable,
} from "./surface-table.js";

/** What the parts need of their facade. */
export interface PartsDeps {
  readonly calls: Calls;
  readonly roster: ClientRoster;
  readonly account: () => BareJid;
}

/** Makes each part once; one that could not be made is tried again by the next call. */
export class RemoteParts {
  readonly #d: PartsDeps;
  readonly #made = new Map<string, Promise<unknown>>();
  /** Conversations that were asked for: the next leader shows as many. */
  #shown: number | undefined;

  constructor(deps: PartsDeps) {
    this.#d = deps;
  }

  conversations(): Promise<ClientConversations> {
    const methods = remote<ClientConversations, typeof conversationsTable>(this.#d.calls, { part: "conversations" }, conversationsTable);
    return this.#once("conversations", ([total, unread], entries) => ({
      conversations: [...(entries as ReadonlyMap<string, ConversationSummary>).values()].sort((a, b) => b.last.position - a.last.position),
      total: total as number, unread: unread as number,
    }), ({ getSnapshot, subscribe }): ClientConversations => ({
      getSnapshot, subscribe,
      show: (count) => {
        if (count > (this.#shown ?? 0)) this.#shown = count;
        return methods.show(count);
      },
    }), () => (this.#shown === undefined ? {} : { count: this.#shown }));
  }

  blocking(): Promise<ClientBlocking> {
    return this.#once<{ readonly isCurrent: boolean; readonly blocked: ReadonlySet<Jid> }, ClientBlocking>("blocking", ([isCurrent], blocked) => ({ isCurrent: isCurrent as boolean, blocked: new Set((blocked as ReadonlyMap<Jid, unknown>).keys()) }), (mirror): ClientBlocking => {
      const { calls } = this.#d;
      const getSnapshot = (): ReadonlySet<Jid> => mirror.getSnapshot().blocked;
      return {
        ...remote<ClientBlocking, typeof blockingTable>(calls, { part: "blocking" }, blockingTable), getSnapshot, subscribe: mirror.subscribe,
        get isCurrent() { return mirror.getSnapshot().isCurrent; },
        isBlocked: (address) => isCovered(getSnapshot(), address),
        refresh: async (...args) => {
          await calls.ask({ part: "blocking" }, "refresh", args, "read");
          return getSnapshot();
        },
      };
    });
  }

  privacyLists(): Promise<ClientPrivacyLists> {
    return this.#once("privacyLists", ([snapshot]) => snapshot as PrivacySnapshot, async ({ getSnapshot, subscribe }): Promise<ClientPrivacyLists> => {
      const { calls, roster, account } = this.#d;
      const { privacyEvaluator } = await loaded(import("../client/privacy/evaluator.js")); // few applications need it
      const on = { part: "privacyLists" } as const;
      const methods = remote<ClientPrivacyLists, typeof privacyListsTable>(calls, on, privacyListsTable);
      return {
        ...methods, getSnapshot, subscribe,
        refresh: async (...args) => {
          await calls.ask(on, "refresh", args, "read");
          return getSnapshot();
        },
        evaluate: privacyEvaluator({ getSnapshot, roster: (jid) => roster.confirmed(jid), account }),
        replace: async (name, change, call) => {
          if (typeof change !== "function") return methods.replace(name, change, call);
          return replaced(change, call?.signal, {
            get: () => methods.get(name, call),
            put: (after, before) => calls.ask(on, "replace", [name, after, call, before], "write") as Promise<ReplacedList>,
          });
        },
      };
    });
  }

  contactPolicy(): Promise<ClientContactPolicy> {
    return this.#once("contactPolicy", ([rules]) => rules as ContactRules | undefined, ({ getSnapshot, subscribe }): ClientContactPolicy => ({
      ...remote<ClientContactPolicy, typeof contactPolicyTable>(this.#d.calls, { part: "contactPolicy" }, contactPolicyTable), getSnapshot, subscribe,
    }));
  }

  strangers(): Promise<ClientStrangers> {
    return this.#once("strangers", ([strangers]) => strangers as readonly Stranger[], ({ getSnapshot, subscribe }): ClientStrangers => ({
      ...remote<ClientStrangers, typeof strangersTable>(this.#d.calls, { part: "strangers" }, strangersTable), getSnapshot, subscribe,
    }));
  }

  personalEvents(): Promise<ClientPersonalEvents> {
    const { calls } = this.#d;
    return this.#once("personalEvents", () => undefined, (): ClientPersonalEvents => ({
      ...remote<ClientPersonalEvents, typeof personalEventsTable>(calls, { part: "personalEvents" }, personalEventsTable),
      onEvent: new RemoteEvents<PersonalEvent>(calls, "personalEvents.events").subscribe,
    }));
  }

  gateways(): Promise<ClientGateways> {
    return this.#once("gateways", (_, entries) => entries as ReadonlyMap<BareJid, Gateway>, ({ getSnapshot, subscribe }): ClientGateways => ({
      ...remote<ClientGateways, typeof gatewaysTable>(this.#d.calls, { part: "gateways" }, gatewaysTable), getSnapshot, subscribe,
      problems: problemsOf, legacyName: legacyNameOf,
    }));
  }

  async #once<S, T>(name: string, assemble: Parameters<typeof mirrored<S>>[2], make: (mirror: Mirrored<S>["mirror"]) => T | Promise<T>, rest?: Parameters<typeof mirrored<S>>[3]): Promise<T> {
    this.#d.calls.assertOpen();
    const known = this.#made.get(name) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const { mirror, ready, stop } = mirrored<S>(this.#d.calls, name, assemble, rest);
    const made = ready.then(() => {
      this.#d.calls.assertOpen();
      return make(mirror);
    });
    this.#made.set(name, made);
    made.catch(() => {
      stop();
      this.#made.delete(name);
    }); // the caller is told
    return made;
  }
}

const attemptsMax = 4;

/** The function runs here, on the rules of now; what it made is taken only if the list still says the same. */
async function replaced(
  change: (rules: readonly PrivacyRule[]) => readonly PrivacyRule[], signal: AbortSignal | undefined,
  { get, put }: { readonly get: () => Promise<PrivacyListContent>; readonly put: (after: readonly PrivacyRule[], before: readonly PrivacyRule[]) => Promise<ReplacedList> },
): Promise<ReplacedList> {
  for (let attempt = 1; ; attempt++) {
    const { rules } = await get();
    try {
      return await put(change(rules), rules);
    } catch (error) {
      const again = error instanceof TransportError && error.code === "ERR_PRIVACY_LIST_CHANGED" && attempt < attemptsMax && signal?.aborted !== true;
      if (!again) throw error;
    }
  }
}
