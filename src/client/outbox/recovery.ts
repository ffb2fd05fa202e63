/**
 * Asking the archive which messages the server has, after a session was lost (threats Q03, Q04).
 * An error that may pass, a page that may still change and results that could not be read mean that nothing is known: never that a message is
 * absent. An archive that refuses is no archive, as for the catch-up.
 * Spec: XEP-0313 #query; XEP-0359. Not here: what follows from the answer (flow.ts).
 * @module
 */
import { parseJid, toBare, type BareJid } from "../../base/jid.js";
import { TransportError } from "../../transport/errors.js";
import type { Archive, ArchivedMessage } from "../../transport/features/archive.js";
import { circleWatch } from "../../transport/features/circles.js";
import { readOriginId } from "../../transport/xep/xep0359.js";
import { isKeptOut } from "../kept-out.js";

/** Milliseconds before the anchor at which the search begins: the archive's stamps need not be in the order of its ids. */
export const anchorMarginMs: number = 5 * 60 * 1000;
const pageSize = 100;

export interface Search {
  readonly archive: Archive;
  readonly account: BareJid;
  readonly peer: BareJid;
  /** Origin-ids that are looked for. */
  readonly wanted: ReadonlySet<string>;
  /** A time of the archive before which none of them can be; absent: anywhere. */
  readonly anchor: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * The ids under which the archive has what is wanted, by origin-id. What is not in the answer is not in the archive - or this account is kept from
 * it: then sending the same bytes again is right too, since the recipient's ratchet drops a copy.
 * @throws TransportError, retryable, if it is not known
 */
export async function findArchived(search: Search): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  await unlessKeptOut(find(search, found), undefined);
  return found;
}

/** Whether there is an archive to ask. @throws TransportError if the server did not say */
export const hasArchive = ({ archive, signal }: Pick<Search, "archive" | "signal">): Promise<boolean> => unlessKeptOut(archive.supported(signal), false);

/** What the server says may pass (`wait`) says nothing of the account. */
async function unlessKeptOut<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!isKeptOut(error) || error.retryable) throw error;
    return otherwise;
  }
}

async function find({ archive, account, peer, wanted, anchor, signal }: Search, found: Map<string, string>): Promise<void> {
  const start = anchor === undefined ? undefined : Math.max(0, anchor - anchorMarginMs);
  const leadsBack = circleWatch();
  let after: string | undefined;
  for (;;) {
    const page = await archive.query({
      with: peer, max: pageSize, ...(start === undefined ? {} : { start }), ...(after === undefined ? {} : { after }),
    }, signal);
    for (const message of page.messages) {
      const id = ownOriginId(message, account, peer);
      if (id !== undefined && wanted.has(id)) found.set(id, message.id);
    }
    if (found.size === wanted.size) return;
    if (page.refused > 0 || !page.stable) throw unknown();
    if (page.complete) return;
    if (page.last === undefined || leadsBack(page.last)) throw unknown();
    after = page.last;
  }
}

/** Only a message from this account to that peer says something about ours (threats F15). */
function ownOriginId({ stanza }: ArchivedMessage, account: BareJid, peer: BareJid): string | undefined {
  const { from, to } = stanza.attrs;
  const sender = from === undefined ? account : parseJid(from);
  const addressee = to === undefined ? account : parseJid(to);
  if (sender === undefined || addressee === undefined || toBare(sender) !== account || toBare(addressee) !== peer) return undefined;
  return readOriginId(stanza);
}

const unknown = (): TransportError =>
  new TransportError("ERR_STREAM_PROTOCOL", "the archive does not say whether it has a message", { retryable: true });
