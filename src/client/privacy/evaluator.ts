/**
 * The evaluator as applications hold it, in the client's own thread and in tabs: which rules are judged, and by whose book.
 * Spec: XEP-0016 #protocol-rules. Threats V02. Not here: judging (evaluate.ts, measured.ts).
 * @module
 */
import { UsageError } from "../../base/errors.js";
import type { BareJid } from "../../base/jid.js";
import { stanzaKinds, type PrivacyRule } from "../../transport/xep/xep0016.js";
import { checkedRules } from "./checked-rules.js";
import { evaluate, type JudgedKind, type JudgedStanza, type PrivacyRoster, type PrivacyVerdict } from "./evaluate.js";
import { evaluateMeasured, measuredServers, type MeasuredServer } from "./measured.js";
import { rulesInForce, type PrivacySnapshot } from "./snapshot.js";

/** What is judged, and by whose book. */
export interface EvaluateOptions {
  /** A draft, or a list that is not in force: `(await lists.get("work")).rules`. Absent: the list in force. No rules let everything pass. */
  readonly rules?: readonly PrivacyRule[] | undefined;
  /**
   * Whose behaviour is asked for: absent, the specification's; else what was measured on Prosody 0.12.3 with mod_privacy_lists or on ejabberd
   * 23.01 with mod_privacy. A server does not say reliably what it is, so nobody guesses it.
   */
  readonly server?: MeasuredServer | undefined;
}

/**
 * Says what a list does to a stanza, without asking or telling the server. Rules about groups and subscriptions are judged by the roster as
 * it is known here. The verdict is about the session that has the list: what comes for the bare address is not always judged by its list.
 *
 * The specification and the servers differ. By the specification a rule about `message` leaves messages that go out alone; Prosody stops
 * them. Who wants to know what happens, and not what should, names the `server`. With that, the verdicts were held against both, thousands of
 * stanzas at a time.
 *
 * Without `rules` the answer is `undefined` while it is not known which list is in force, or what it says.
 * @throws UsageError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_JID` for what is no rule, no kind of stanza or no server that was measured
 */
export interface PrivacyEvaluator {
  (stanza: JudgedStanza, options: EvaluateOptions & { readonly rules: readonly PrivacyRule[] }): PrivacyVerdict;
  (stanza: JudgedStanza, options?: EvaluateOptions): PrivacyVerdict | undefined;
}

/** What the list in force and the roster are, whenever somebody asks. */
export interface EvaluatorDeps {
  readonly getSnapshot: () => PrivacySnapshot;
  readonly roster: PrivacyRoster;
  readonly account: () => BareJid;
}

export function privacyEvaluator({ getSnapshot, roster, account }: EvaluatorDeps): PrivacyEvaluator {
  function judge(stanza: JudgedStanza, options: EvaluateOptions & { readonly rules: readonly PrivacyRule[] }): PrivacyVerdict;
  function judge(stanza: JudgedStanza, options?: EvaluateOptions): PrivacyVerdict | undefined;
  function judge(stanza: JudgedStanza, { rules: draft, server }: EvaluateOptions = {}): PrivacyVerdict | undefined {
    // For applications in JavaScript: what nothing matches would pass, and look as if a list allowed it.
    if (!judgedKinds.includes(stanza.kind)) throw new UsageError("ERR_INVALID_ARGUMENT", "a list cannot be asked about stanzas of that kind");
    if (server !== undefined && !measuredServers.includes(server)) throw new UsageError("ERR_INVALID_ARGUMENT", "that server's behaviour was not measured");
    const rules = draft === undefined ? rulesInForce(getSnapshot()) : checkedDraft(draft);
    if (rules === undefined) return undefined;
    return server === undefined ? evaluate(rules, stanza, roster, account()) : evaluateMeasured(rules, stanza, { server, roster, account: account() });
  }
  return judge;
}

const judgedKinds: readonly JudgedKind[] = [...stanzaKinds, "message-out", "iq-out", "subscription-in", "subscription-out"];

/** A draft may be empty: a server takes no such list, but somebody who edits one wants to see what it would do. */
const checkedDraft = (rules: readonly PrivacyRule[]): readonly PrivacyRule[] => (Array.isArray(rules) && rules.length === 0 ? rules : checkedRules(rules));
