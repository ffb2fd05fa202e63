/**
 * A policy is taken away in the order of a loosening: everybody sees what we say of ourselves, but for those from whom the list that comes next keeps it;
 * then that list is in force in the place of ours, or where nothing is.
 * Spec: docs/decisions/0009-presence-policy.md. Threats V01. Not here: the store, and what happens if a step fails (policy-announcer.ts).
 * @module
 */
import { TransportError } from "../../transport/errors.js";
import { PrivacyListsService } from "../../transport/features/privacy-lists.js";
import type { PrivacyRule } from "../../transport/xep/xep0016.js";
import type { Connection } from "../link.js";
import { isUnsupported } from "./account-lists.js";
import type { PolicyCircumstances, Ruling } from "./circumstances.js";
import type { Target } from "./plan.js";
import { failed } from "./policy-deps.js";
import { readRules } from "./rules.js";
import type { PolicySession } from "./session.js";

export interface Loosening {
  readonly session: PolicySession;
  readonly connection: Connection;
  readonly circumstances: PolicyCircumstances;
  /** What should be, by the circumstances as they are. */
  readonly compiled: (ruling: Ruling) => Target;
  /** Resolves when the session has come to rest. */
  readonly settled: () => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** `wanted`: the list that the application had put in force, or has meant to, before there was a policy. @throws ClientError `ERR_POLICY_FAILED`, TransportError */
export async function loosen({ session, connection, circumstances, compiled, settled, onError }: Loosening, wanted: string | undefined): Promise<void> {
  const rules = wanted === undefined || !session.hasLists ? undefined : await rulesOf(wanted, connection, onError);
  const { standard } = circumstances;
  const next = rules ?? standard;
  try {
    circumstances.standard = next;
    session.want(compiled({ book: readRules({ others: "chat" }) }));
    await settled();
    if (session.state !== "settled") throw failed();
    await session.removeLists(connection, rules === undefined ? undefined : wanted, onError);
  } catch (error) {
    if (circumstances.standard === next) circumstances.standard = standard; // the policy stays; what was read meanwhile is newer
    throw error;
  }
}

/** The list that the application wants comes into force where nothing of ours is. @throws TransportError */
export async function giveBack({ iq, signal, stream }: Connection, wanted: string | undefined, onError: (error: unknown) => void): Promise<void> {
  // In a session that another process of ours began a list of the policy may be in force.
  if (wanted === undefined && stream.start.kind !== "resumed") return;
  await new PrivacyListsService({ iq }).activate(wanted, signal).catch((error: unknown) => {
    if (wanted !== undefined || !isUnsupported(error)) tellGone(error, onError);
  });
}

/** `undefined`: there is no such list any more, which is told. */
async function rulesOf(name: string, { iq, signal }: Connection, onError: (error: unknown) => void): Promise<readonly PrivacyRule[] | undefined> {
  try {
    return (await new PrivacyListsService({ iq }).get(name, signal)).rules;
  } catch (error) {
    tellGone(error, onError);
    return undefined;
  }
}

/** @throws what is another failure than that there is no such list */
function tellGone(error: unknown, onError: (error: unknown) => void): void {
  if (!(error instanceof TransportError) || (error.code !== "ERR_PRIVACY_LIST_UNKNOWN" && !isUnsupported(error))) throw error;
  onError(error);
}
