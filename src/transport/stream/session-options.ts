/**
 * What establishing a session needs, and which former session it may ask for.
 * Spec: XEP-0198 sections 5 and 9. Threats N14, Q06, Q12.
 * @module
 */
import { bounded } from "../connection/abort.js";
import type { Clock } from "../../base/clock.js";
import { toBare, type BareJid, type FullJid } from "../../base/jid.js";
import { connectPhaseTimeoutMs } from "../../base/limits.js";
import type { Rng } from "../../base/rng.js";
import type { XmlElement } from "../../base/xml.js";
import type { SaveInbound } from "./acknowledger.js";
import type { ManagementWish } from "./management.js";
import type { StreamSession } from "./stream-session.js";

/** What was settled together with the authentication (SASL 2 and Bind 2). */
export interface InlineOutcome {
  /** Bound address; absent: nothing was bound. */
  readonly jid?: FullJid;
  /** `<resumed/>`, or `<failed/>` for the resumption that was asked for. */
  readonly resumption?: XmlElement;
  /** `<enabled/>`, or `<failed/>` for the enabling that was asked for. */
  readonly enabling?: XmlElement;
}

/** Wishes for the session. */
export interface SessionOptions {
  /** The account that must come out (threats N14). */
  readonly account: BareJid;
  /** Default: that of the session that could not be resumed, else the server chooses. */
  readonly resource?: string;
  /** A session to resume; if the server refuses, a new one is made on the same connection. */
  readonly resume?: StreamSession;
  readonly stream?: ManagementWish;
  /** Makes `h` durable; called and awaited before any `<a h/>` that goes beyond what was saved. Absent: nothing to save. */
  readonly saveInbound?: SaveInbound;
  /** Called before `resume` is asked for, and awaited: from the server's answer on numbers are given out anew. A rejection ends the attempt. */
  readonly beforeResume?: () => Promise<void>;
  /** Milliseconds without a sign of life after which the link is probed. Default `linkProbeMs`. */
  readonly probeMs?: number;
  /** Told of an exception in a listener of the stream, and of a `saveInbound` that failed. */
  readonly onListenerError?: (error: unknown) => void;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Aborts establishing; later it has no effect. */
  readonly signal?: AbortSignal;
  /** Milliseconds for each step. Default `connectPhaseTimeoutMs`. */
  readonly phaseTimeoutMs?: number;
}

/** A former session that may be asked for: of this account, and not known to be broken. */
export function resumableSession(options: Pick<SessionOptions, "account" | "resume" | "stream">): StreamSession | undefined {
  const { account, resume, stream } = options;
  return resume?.usable === true && toBare(resume.jid) === account && stream?.enable !== false ? resume : undefined;
}

/**
 * Before a former session is asked for: what was handled on its connection is made durable and counts, so that the server need not send it again.
 * @throws what `beforeResume` throws, `ERR_CONNECT_TIMEOUT`; UsageError `ERR_ABORTED`
 */
export async function settleFormer(options: SessionOptions): Promise<void> {
  const session = resumableSession(options);
  if (session === undefined) return;
  const { beforeResume, clock, onListenerError, phaseTimeoutMs = connectPhaseTimeoutMs, saveInbound, signal } = options;
  const within = (work: Promise<void>): Promise<void> => bounded(work, "session", { clock, timeoutMs: phaseTimeoutMs, signal });
  if (beforeResume !== undefined) await within(beforeResume());
  const h = session.handled;
  if (h <= session.inbound) return;
  try {
    if (saveInbound !== undefined) await within(saveInbound(session, h));
    session.saved(h);
  } catch (error) {
    if (signal?.aborted === true) throw error;
    onListenerError?.(error); // it comes again, which the receiver recognises
  }
}
