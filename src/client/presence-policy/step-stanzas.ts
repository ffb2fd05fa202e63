/**
 * A step of a plan as what is sent for it: presence that leaves at once, or a request. A request counts as done only if what the server then says
 * agrees with it.
 * Spec: XEP-0016, RFC 6121 section 4. Threats V02. Not here: which step is next (machine.ts), whose answer still counts (session.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { xml, type XmlElement } from "../../base/xml.js";
import { TransportError } from "../../transport/errors.js";
import { PrivacyListsService } from "../../transport/features/privacy-lists.js";
import { encodePresence, encodeUnavailable } from "../../transport/xep/rfc6121-presence.js";
import type { PrivacyListContent, PrivacyRule } from "../../transport/xep/xep0016.js";
import type { Connection } from "../link.js";
import { sameRules } from "../privacy/replace.js";
import { toPresence, type Visible } from "./levels.js";
import type { PolicyMachine } from "./machine.js";
import type { Step } from "./plan.js";

/** What steps need beside the stream. */
export interface StepDeps {
  /** Goes with every presence of ours. */
  readonly priority: () => number | undefined;
  /** So do these. */
  readonly extras: () => readonly XmlElement[];
  /** False: the server has no privacy lists. */
  readonly lists: boolean;
  readonly remember: (ghosts: readonly BareJid[]) => Promise<void>;
}

/** `undefined`: the step is a request. */
export function presenceOf(step: Step, { priority, extras }: StepDeps): XmlElement | undefined {
  const shown = (content: Visible, to?: BareJid): XmlElement =>
    encodePresence(toPresence(content, priority()), { extras: extras(), ...(to === undefined ? {} : { to }) });
  switch (step.kind) {
    case "broadcast": return step.content === undefined ? encodeUnavailable() : shown(step.content);
    case "direct": return shown(step.content, step.to);
    case "retract": return encodeUnavailable({ to: step.to });
    default: return undefined;
  }
}

/**
 * Does what a step asks for, checked against what `machine` knows. `changed`: it was done, and somebody else has done something to our lists.
 * @throws TransportError: refused, or `ERR_PRIVACY_LISTS_UNSUPPORTED`: the server says it was done, and it was not
 */
export async function carryOut(
  step: Step, connection: Connection, machine: Pick<PolicyMachine, "reliedOn" | "situation">, { lists, remember }: StepDeps,
): Promise<"done" | "changed"> {
  const { signal } = connection;
  const service = new PrivacyListsService({ iq: connection.iq });
  const { reliedOn } = machine;
  // ejabberd says nothing when another client removes the list in force, and then the account's default list holds.
  const gone = (names: readonly string[]): boolean => reliedOn !== undefined && !names.includes(reliedOn);
  switch (step.kind) {
    case "remember":
      await remember(step.ghosts);
      break;
    case "put": {
      await service.put(step.name, step.rules, signal);
      const [held, { names }] = await Promise.all([service.get(step.name, signal), service.lists(signal)]);
      if (!holds(held, step.rules)) throw unreliable();
      return gone(names) ? "changed" : "done";
    }
    case "activate": {
      // Asked together: nobody gets a moment more in which his login has to be looked for.
      const { name, rules } = step;
      const [, { active, names }, held] = await Promise.all([
        service.activate(name, signal), service.lists(signal), name === undefined || rules === undefined ? undefined : service.get(name, signal).catch(() => undefined),
      ]);
      if (active !== name) throw unreliable();
      return rules !== undefined && (gone(names) || !holds(held, rules)) ? "changed" : "done";
    }
    case "remove":
      await service.remove(step.name, signal);
      break;
    case "confirm":
      if (lists) await confirmList(service, signal, machine);
      else await confirmStream(connection);
      break;
    default: // presence, which has no answer
  }
  return "done";
}

async function confirmList(service: PrivacyListsService, signal: AbortSignal, machine: Pick<PolicyMachine, "situation">): Promise<void> {
  const { active, names } = await service.lists(signal);
  const { list } = machine.situation;
  // ejabberd names a list as active that somebody has removed.
  if (active !== list || (list !== undefined && !names.includes(list))) throw unreliable();
}

/** Any answer says that everything before it was handled. */
async function confirmStream({ iq, signal }: Connection): Promise<void> {
  await iq.request({ type: "get", payload: xml("urn:xmpp:ping", "ping"), signal }).catch((error: unknown) => {
    if (!(error instanceof TransportError) || error.code !== "ERR_STANZA_ERROR") throw error;
  });
}

/** True if the list holds just these rules. @throws TransportError */
export async function isHeld(name: string, rules: readonly PrivacyRule[], { iq, signal }: Connection): Promise<boolean> {
  return holds(await new PrivacyListsService({ iq }).get(name, signal), rules);
}

const unreliable = (): TransportError => new TransportError("ERR_PRIVACY_LISTS_UNSUPPORTED", "the server did not do what it was asked to with a privacy list");

const holds = (held: PrivacyListContent | undefined, rules: readonly PrivacyRule[]): boolean =>
  held !== undefined && held.dropped === 0 && sameRules(held.rules, rules);
