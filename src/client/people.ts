/**
 * The parts of a client that are about people: the roster, presence and its policy, who may reach the user.
 * Not here: messages (core.ts), what is loaded when somebody asks for it (on-demand.ts).
 * @module
 */
import type { BareJid, Jid } from "../base/jid.js";
import { isFullJid, resourceOf, toBare } from "../base/jid.js";
import { randomId } from "../base/rng.js";
import type { Ledger } from "../session/ledger.js";
import { OwnCapabilities } from "../transport/features/caps.js";
import { Gate } from "./contact-policy/gate.js";
import { unlessDamaged } from "./damaged.js";
import { loaded } from "./errors.js";
import type { ClientEvent } from "./events.js";
import { GatewayMemory } from "./gateways/gateway-memory.js";
import type { MessageLog } from "./log/message-log.js";
import type { CheckedOptions } from "./options.js";
import { policyKey } from "./presence-policy/policy-key.js";
import type { PolicyControl } from "./presence/policy-door.js";
import { Presence } from "./presence/presence.js";
import { Roster } from "./roster/roster.js";
import { StreamParts } from "./stream-part.js";

export interface PeopleDeps {
  readonly options: CheckedOptions;
  readonly ledger: Ledger;
  readonly log: MessageLog;
  /** The own device: privacy lists are named after it. */
  readonly deviceId: () => number;
  readonly isBlocked: (jid: BareJid) => boolean;
  /** Called when blocks are not the server's matter alone any more: a list that is active switches them off on some servers. */
  readonly followBlocks: () => void;
  readonly emit: (event: ClientEvent) => void;
  readonly onError: (error: unknown) => void;
  /** See {@link People.offline}. */
  readonly offline: () => Error;
}

export interface People {
  readonly roster: Roster;
  readonly presence: Presence;
  readonly capabilities: OwnCapabilities;
  readonly gate: Gate;
  readonly gatewayMemory: GatewayMemory;
  /** Whether a question of `from` may be answered: an answer tells that we are there (threats V01, F24). */
  readonly mayAsk: (from: Jid | undefined) => boolean;
  /** What follows the streams; others may be added. */
  readonly parts: StreamParts;
  /** Why there is no stream, for whoever needs one. */
  readonly offline: () => Error;
  /** True if the store holds a presence policy: nothing may be shown without it. */
  readonly hasPolicy: boolean;
}

/** Loads what an earlier run left. @throws StorageError */
export async function loadPeople(d: PeopleDeps): Promise<People> {
  const { options: { account, store, clock, rng }, ledger, onError, offline } = d;
  const mayAsk = (from: Jid | undefined): boolean => presence.audience(from) && (from === undefined || !gate.isBlocked(toBare(from)));
  const roster = await Roster.load({ ...d, account, store, clock, newId: () => randomId(rng), mayAsk });
  const capabilities = new OwnCapabilities(undefined, onError);
  const parts = new StreamParts();
  const presence: Presence = new Presence({
    ...d, account, clock, contacts: roster, capabilities, loadPolicy: (toReplace) => loadPolicy(d, { roster, parts, presence }, toReplace),
  });
  const gate: Gate = await Gate.load({
    ...d, account, store, clock, contact: (jid) => roster.confirmed(jid), isHidden: (jid) => presence.hides(jid),
  });
  parts.add(roster);
  parts.add(presence);
  roster.onChange(({ jid, after }) => { if (after !== undefined) gate.met(jid); });
  const gatewayMemory = await GatewayMemory.load(store, ledger, onError);
  gatewayMemory.onChange((change) => { d.emit({ kind: "gateway-changed", ...change }); });
  const hasPolicy = (await unlessDamaged(() => store.get(policyKey))) !== undefined; // one that cannot be read lets nobody see anything
  return { roster, presence, capabilities, gate, gatewayMemory, mayAsk, parts, offline, hasPolicy };
}

async function loadPolicy(d: PeopleDeps, { roster, parts, presence }: Pick<People, "roster" | "parts" | "presence">, toReplace?: boolean): Promise<PolicyControl> {
  const { PresencePolicy } = await loaded(import("./presence-policy/presence-policy.js"));
  d.followBlocks();
  const { options: { account, clock }, ledger, emit, onError } = d;
  return PresencePolicy.open({
    account, clock, ledger, roster, emit, onError,
    listPrefix: `sotto-${String(d.deviceId())}-`,
    connection: () => parts.connection,
    online: () => resources(presence),
    own: () => presence.own.getSnapshot(),
    extras: () => presence.extras(),
    reviewDirected: (isLost) => { presence.reviewDirected(isLost).catch(onError); },
    use: (announcer) => presence.use(announcer),
  }, toReplace);
}

/** Everybody who is known to be there. */
function* resources(presence: Presence): Iterable<readonly [BareJid, string]> {
  for (const [jid, { resources: seen }] of presence.getSnapshot()) {
    for (const { jid: from } of seen) if (isFullJid(from)) yield [jid, resourceOf(from) ?? ""];
  }
}
