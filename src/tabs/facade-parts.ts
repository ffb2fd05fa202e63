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
import type { Mirror } from "./mirror.js";
import { mirrored, remote, remoteEvents } from "./remote.js";
import type { Remote, Surfaces } from "./surface-table.js";

type OnDemand = "conversations" | "blocking" | "privacyLists" | "contactPolicy" | "strangers" | "personalEvents" | "gateways";

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
    return this.#once("conversations", ([total, unread], entries) => ({
      conversations: [...(entries as ReadonlyMap<string, ConversationSummary>).values()].sort((a, b) => b.last.position - a.last.position),
      total: total as number, unread: unread as number,
    }), (methods, state) => ({
      ...state,
      show: (count) => {
        if (count > (this.#shown ?? 0)) this.#shown = count;
        return methods.show(count);
      },
    }), () => (this.#shown === undefined ? {} : { count: this.#shown }));
  }

  blocking(): Promise<ClientBlocking> {
    return this.#once("blocking", ([isCurrent], blocked) => ({
      isCurrent: isCurrent as boolean, blocked: new Set((blocked as ReadonlyMap<Jid, unknown>).keys()),
    }), (methods, state) => {
      const getSnapshot = (): ReadonlySet<Jid> => state.getSnapshot().blocked;
      return {
        ...methods, getSnapshot, subscribe: state.subscribe,
        get isCurrent() { return state.getSnapshot().isCurrent; },
        isBlocked: (address) => isCovered(getSnapshot(), address),
        refresh: async (...args) => {
          await methods.refresh(...args);
          return getSnapshot();
        },
      };
    });
  }

  privacyLists(): Promise<ClientPrivacyLists> {
    return this.#once("privacyLists", ([snapshot]) => snapshot as PrivacySnapshot, async (methods, { getSnapshot, subscribe }) => {
      const { calls, roster, account } = this.#d;
      const { privacyEvaluator } = await loaded(import("../client/privacy/evaluator.js")); // few applications need it
      return {
        ...methods, getSnapshot, subscribe,
        refresh: async (...args) => {
          await methods.refresh(...args);
          return getSnapshot();
        },
        evaluate: privacyEvaluator({ getSnapshot, roster: (jid) => roster.confirmed(jid), account }),
        replace: async (name, change, call) => {
          if (typeof change !== "function") return methods.replace(name, change, call);
          return replaced(change, call?.signal, {
            get: () => methods.get(name, call),
            put: (after, before) => calls.ask({ part: "privacyLists" }, "replace", [name, after, call, before]) as Promise<ReplacedList>,
          });
        },
      };
    });
  }

  contactPolicy(): Promise<ClientContactPolicy> {
    return this.#once("contactPolicy", ([rules]) => rules as ContactRules | undefined, (methods, state) => ({ ...methods, ...state }));
  }

  strangers(): Promise<ClientStrangers> {
    return this.#once("strangers", ([strangers]) => strangers as readonly Stranger[], (methods, state) => ({ ...methods, ...state }));
  }

  personalEvents(): Promise<ClientPersonalEvents> {
    return this.#once("personalEvents", () => undefined, (methods) => ({
      ...methods, onEvent: remoteEvents<PersonalEvent>(this.#d.calls, "personalEvents.events"),
    }));
  }

  gateways(): Promise<ClientGateways> {
    return this.#once("gateways", (_, entries) => entries as ReadonlyMap<BareJid, Gateway>, (methods, state) => ({
      ...methods, ...state, problems: problemsOf, legacyName: legacyNameOf,
    }));
  }

  /** @param make what is made of the methods that travel and of the state that the leader tells */
  async #once<P extends OnDemand, S>(
    part: P, assemble: Parameters<typeof mirrored<S>>[2],
    make: (methods: Remote<P>, state: Pick<Mirror<S>, "getSnapshot" | "subscribe">) => Surfaces[P] | Promise<Surfaces[P]>,
    rest?: Parameters<typeof mirrored<S>>[3],
  ): Promise<Surfaces[P]> {
    const { calls } = this.#d;
    calls.assertOpen();
    const known = this.#made.get(part) as Promise<Surfaces[P]> | undefined;
    if (known !== undefined) return known;
    const { mirror: { getSnapshot, subscribe }, ready, stop } = mirrored<S>(calls, part, assemble, rest);
    const made = ready.then(() => {
      calls.assertOpen();
      return make(remote(calls, { part }), { getSnapshot, subscribe });
    });
    this.#made.set(part, made);
    made.catch(() => {
      stop();
      this.#made.delete(part);
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
