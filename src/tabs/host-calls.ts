/**
 * From the names in a call to the method of the client. Only what the tables of surface-table.ts name can be called; a few methods are not the
 * client's own.
 * @module
 */
import { bareJid } from "../base/jid.js";
import type { SottoClient } from "../client/client.js";
import type { Timeline } from "../client/log/timeline.js";
import { type AvailabilityChange, changedAvailability } from "../client/presence/availability.js";
import type { PolicyContext } from "../client/presence/policy-door.js";
import type { PrivacyCall } from "../client/privacy/privacy-lists.js";
import { sameRules } from "../client/privacy/replace.js";
import { TransportError } from "../transport/errors.js";
import type { PrivacyRule } from "../transport/xep/xep0016.js";
import { type Fields, fieldsOf, isMessageId, malformed } from "./frame-fields.js";
import type { HostStates } from "./host-states.js";
import { contextOf, type Said } from "./said.js";
import type { ServedInbox } from "./served-inbox.js";
import { type Part, tables } from "./surface-table.js";
import type { AskedTab, TabPasswords } from "./tab-passwords.js";

/** The tab that calls, as far as calls need it. */
export interface Caller {
  readonly d: {
    readonly client: SottoClient;
    readonly states: Pick<HostStates, "ask" | "reconsider">;
    /** What has to outlive this leader. */
    readonly said: Said;
    readonly passwords: TabPasswords;
  };
  readonly inbox: ServedInbox;
  readonly asked: AskedTab;
  readonly setActive: (active: boolean) => void;
  readonly timeline: (watch: unknown) => Promise<Timeline> | undefined;
}

type Handler = (tab: Caller, args: readonly unknown[]) => unknown;

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
    const { password, again } = fieldsOf(given);
    const { asked, d: { passwords } } = tab;
    if (typeof password === "string") passwords.set(password, asked);
    else if (again === true) passwords.followAgain(asked);
    else passwords.follow(asked);
  },
  // Stored before it is done: a successor that nobody hands anything over to shows no more than this one (threats V01).
  "client.connect": ({ d: { client, said } }) => said.say(() => ({ connected: true }), () => { client.connect(); }),
  "client.disconnect": ({ d: { client, said } }) => said.say(() => ({ connected: false }), () => client.disconnect()),
  "presence.effective": ({ d }, [jid]) => { d.states.ask(bareJid(String(jid))); },
  "presence.set": ({ d: { client: { presence }, said, states } }, [given]) => {
    const change = given as AvailabilityChange;
    return said.say(() => ({ own: changedAvailability(presence.own.getSnapshot(), change) }), () => presence.set(change)).finally(() => { states.reconsider(); });
  },
  "presence.setContext": ({ d: { client: { presence }, said } }, [given]) => {
    const context = given as PolicyContext;
    const act = (): Promise<void> => presence.setContext(context);
    const fields = Object.values({ ...context }).filter((each) => each !== undefined);
    if (fields.length !== Object.keys(contextOf({ ...context })).length) return act(); // refused: nothing of it may hold under the next leader
    return said.say(() => {
      const known = said.values.context;
      return { context: contextOf({ ...known, ...context, inCall: context.inCall ?? known?.inCall }) };
    }, act);
  },
  "privacyLists.activate": async ({ d: { client, said } }, [name, call]) => {
    const lists = await client.privacyLists();
    const { list } = said.values;
    if (typeof name === "string") await said.keep({ list: name });
    try {
      await lists.activate(name as string | undefined, call as PrivacyCall | undefined);
    } catch (error) {
      if (said.values.list === name) await said.keep({ list });
      throw error;
    }
    if (name === undefined) await said.keep({ list: undefined });
  },
  "privacyLists.replace": async ({ d: { client, said } }, [name, rules, call, before]) => {
    const lists = await client.privacyLists();
    const after = rules as readonly PrivacyRule[];
    // Made elsewhere of these rules: it holds for no others.
    const change = before === undefined ? after : (now: readonly PrivacyRule[]): readonly PrivacyRule[] => {
      if (!sameRules(now, before as readonly PrivacyRule[])) throw new TransportError("ERR_PRIVACY_LIST_CHANGED", "the privacy list was edited meanwhile", { retryable: true });
      return after;
    };
    const replaced = await lists.replace(name as string, change, call as PrivacyCall | undefined);
    if (said.values.list === name) await said.keep({ list: replaced.name }); // the old one is gone
    return replaced;
  },
  "message.cancel": async ({ d }, [id, again]) => {
    if (!isMessageId(id)) throw malformed();
    const { sender } = d.client.core;
    return (await sender.intake.cancel(id)) || (again === true && await sender.intake.isCancelled(id));
  },
  "message.progress": async ({ d }, [id, to]) => (isMessageId(id) ? (await d.client.conversation(String(to)).sendHandle(id))?.getSnapshot() : undefined),
  "inbox.open": (tab, [running]) => tab.inbox.open(running),
  "inbox.close": (tab) => { tab.inbox.close(); },
  "inbox.ack": (tab, [position, replies, receivedAt]) => tab.inbox.ack(position, replies, receivedAt),
  "inbox.deadLetters": (tab) => tab.inbox.deadLetters(),
  "inbox.retryDeadLetter": (tab, [position]) => tab.inbox.retryDeadLetter(position),
};

/** Calls what is named. @throws what that throws; ClientError `ERR_TAB_VERSION` for what there is not */
export async function dispatch(tab: Caller, on: Fields, method: string, args: readonly unknown[]): Promise<unknown> {
  const { part } = on;
  if (typeof part !== "string" || !Object.hasOwn(tables, part)) throw malformed();
  const name = `${part}.${method}`;
  if (Object.hasOwn(special, name)) return special[name]?.(tab, args);
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
