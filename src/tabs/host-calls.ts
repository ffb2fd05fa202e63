/**
 * From the names in a call to the method of the client. Only what the tables of surface-table.ts name can be called; a few methods are not the
 * client's own.
 * @module
 */
import { bareJid } from "../base/jid.js";
import type { SottoClient } from "../client/client.js";
import type { Timeline } from "../client/log/timeline.js";
import type { PolicyContext } from "../client/presence/policy-door.js";
import { sameRules } from "../client/privacy/replace.js";
import { TransportError } from "../transport/errors.js";
import type { PrivacyRule } from "../transport/xep/xep0016.js";
import type { Carry } from "./frames.js";
import { type Fields, fieldsOf, isMessageId, malformed } from "./frame-fields.js";
import type { HostStates } from "./host-states.js";
import type { ServedInbox } from "./served-inbox.js";
import { tables, type Tables } from "./surface-table.js";

/** The tab that calls, as far as calls need it. */
export interface Caller {
  readonly d: {
    readonly client: SottoClient;
    readonly states: Pick<HostStates, "ask" | "reconsider">;
    readonly note: (news: { readonly [K in keyof Carry]: Carry[K] | undefined }) => void;
  };
  readonly inbox: ServedInbox;
  readonly setActive: (active: boolean) => void;
  readonly timeline: (watch: unknown) => Timeline | undefined;
  readonly askPassword: () => Promise<string>;
}

type Part = keyof Tables;
type Handler = (tab: Caller, args: readonly unknown[], on: Fields) => unknown;

/** What a call of this part is made on. */
const objects: Readonly<Record<Exclude<Part, "inbox" | "message">, (tab: Caller, on: Fields) => object | Promise<object>>> = {
  client: ({ d }) => d.client,
  roster: ({ d }) => d.client.roster,
  presence: ({ d }) => d.client.presence,
  conversation: ({ d }, { jid }) => d.client.conversation(String(jid)),
  timeline: (tab, { watch }) => tab.timeline(watch) ?? refuse(),
  conversations: ({ d }) => d.client.conversations(),
  blocking: ({ d }) => d.client.blocking(),
  privacyLists: ({ d }) => d.client.privacyLists(),
  contactPolicy: ({ d }) => d.client.contactPolicy(),
  strangers: ({ d }) => d.client.strangers(),
  personalEvents: ({ d }) => d.client.personalEvents(),
  gateways: ({ d }) => d.client.gateways(),
};

/** What is done in another way than by the method of the same name. */
const special: Readonly<Record<string, Handler>> = {
  "client.setActive": (tab, [active]) => { tab.setActive(active !== false); },
  "client.setCredentials": (tab, [given]) => {
    const { password } = fieldsOf(given);
    tab.d.client.setCredentials({ password: typeof password === "string" ? password : () => tab.askPassword() });
  },
  "presence.effective": ({ d }, [jid]) => { d.states.ask(bareJid(String(jid))); },
  "presence.setContext": async ({ d }, [context]) => {
    await d.client.presence.setContext(context as PolicyContext);
    d.note({ context: context as NonNullable<Carry["context"]> });
  },
  "privacyLists.activate": async ({ d }, [name, call]) => {
    await (await d.client.privacyLists()).activate(name as string | undefined, call as { readonly signal?: AbortSignal } | undefined);
    d.note({ list: name as string | undefined });
  },
  "privacyLists.replace": async ({ d }, [name, rules, call, before]) => {
    const lists = await d.client.privacyLists();
    const after = rules as readonly PrivacyRule[];
    // Made elsewhere of these rules: it holds for no others.
    const change = before === undefined ? after : (now: readonly PrivacyRule[]): readonly PrivacyRule[] => {
      if (!sameRules(now, before as readonly PrivacyRule[])) throw new TransportError("ERR_PRIVACY_LIST_CHANGED", "the privacy list was edited meanwhile", { retryable: true });
      return after;
    };
    return lists.replace(String(name), change, call as { readonly signal?: AbortSignal } | undefined);
  },
  "message.cancel": async ({ d }, [id, again]) => {
    if (!isMessageId(id)) throw malformed();
    const { sender } = d.client.core;
    return (await sender.intake.cancel(id)) || (again === true && await sender.intake.isCancelled(id));
  },
  "inbox.open": (tab) => tab.inbox.open(),
  "inbox.close": (tab) => { tab.inbox.close(); },
  "inbox.ack": (tab, [position, replies]) => tab.inbox.ack(position, replies),
  "inbox.deadLetters": (tab) => tab.inbox.deadLetters(),
  "inbox.retryDeadLetter": (tab, [position]) => tab.inbox.retryDeadLetter(position),
};

/** Calls what is named. @throws what that throws; ClientError `ERR_TAB_VERSION` for what there is not */
export async function dispatch(tab: Caller, on: Fields, method: string, args: readonly unknown[]): Promise<unknown> {
  const { part } = on;
  if (typeof part !== "string" || !Object.hasOwn(tables, part)) throw malformed();
  const name = `${part}.${method}`;
  if (Object.hasOwn(special, name)) return special[name]?.(tab, args, on);
  const table: Readonly<Record<string, string>> = tables[part as Part];
  const travels = Object.hasOwn(table, method) ? table[method] : undefined;
  if ((travels !== "read" && travels !== "write") || !Object.hasOwn(objects, part)) throw malformed();
  const object = await objects[part as keyof typeof objects](tab, on) as Readonly<Record<string, (...given: readonly unknown[]) => unknown>>;
  try {
    return await object[method]?.(...args);
  } finally {
    if (part === "presence") tab.d.states.reconsider();
  }
}

function refuse(): never {
  throw malformed();
}
