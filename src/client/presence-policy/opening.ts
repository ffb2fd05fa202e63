/**
 * What a policy finds when it begins on a stream: the account's lists, and presence that stands.
 * Spec: XEP-0016. Threats V01, V02. Not here: what becomes of it (policy-announcer.ts, session.ts).
 * @module
 */
import { TransportError } from "../../transport/errors.js";
import { encodeUnavailable } from "../../transport/xep/rfc6121-presence.js";
import { asSottoError } from "../errors.js";
import type { Connection } from "../link.js";
import { type AccountLists, readLists } from "./account-lists.js";
import type { Visible } from "./levels.js";
import { type PolicyDeps, unsupported } from "./policy-deps.js";
import type { Found } from "./session.js";
import type { PolicyStanding } from "./standing.js";

export interface Opening {
  readonly connection: Connection;
  /** Another announcer is being replaced: what it has shown stands. */
  readonly isTakeOver: boolean;
  /** It was begun on this stream before, in vain. */
  readonly isRepeated: boolean;
}

/**
 * Brings the roster up to date and reads the lists; `lists` is `undefined` where the server has none. `undefined`: it could not be read, which is told
 * and tried again, and nobody is shown anything.
 * @throws an error if the stream is of no use
 */
export async function readAccount(opening: Opening, d: PolicyDeps, standing: PolicyStanding): Promise<{ readonly lists: AccountLists | undefined } | undefined> {
  try {
    await d.roster.prepare(opening.connection); // groups of yesterday would let somebody see what he no longer may
    return { lists: await readLists(opening.connection, d.listPrefix) };
  } catch (error) {
    await silence(opening, d);
    standing.failed(asSottoError(error));
    if (error instanceof TransportError && error.code === "ERR_STANZA_ERROR") return undefined;
    throw error;
  }
}

/** The server has no lists, and the application does not do without. */
export async function refuse(opening: Opening, d: PolicyDeps, standing: PolicyStanding): Promise<void> {
  await silence(opening, d);
  standing.tell({ kind: "refused", error: unsupported() });
}

/** What another announcer has shown, or may have in a session that goes on, is taken back: a policy that cannot begin shows nobody anything. */
async function silence({ connection: { stream }, isTakeOver, isRepeated }: Opening, { onError }: PolicyDeps): Promise<void> {
  if (isTakeOver || (stream.start.kind === "resumed" && !isRepeated)) await stream.send(encodeUnavailable()).catch(onError);
}

/** What stands of presence of ours. `shown`: to everybody, by an announcer that is being replaced. */
export function presenceFound({ connection, isTakeOver }: Opening, shown: Visible | undefined, { online }: PolicyDeps): Found["presence"] {
  if (isTakeOver) return { kind: "shown", broadcast: shown, online: [...online()] };
  return { kind: connection.stream.start.kind === "resumed" ? "unknown" : "none" };
}
