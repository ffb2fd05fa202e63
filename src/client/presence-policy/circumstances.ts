/**
 * Everything that the rules are about beside the rules: what the user says of himself, the time, the account's default list, the roster.
 * Threats V01. Not here: what follows from it (compile.ts).
 * @module
 */
import { UsageError } from "../../base/errors.js";
import { serializeXml } from "../../base/xml.js";
import type { PrivacyRule } from "../../transport/xep/xep0016.js";
import type { Availability } from "../presence/announcer.js";
import type { PolicyContext } from "../presence/policy-door.js";
import { type Circumstances, compile } from "./compile.js";
import { chosen, type Moment, nextChange } from "./moment.js";
import type { Target } from "./plan.js";
import type { PolicyDeps } from "./policy-deps.js";
import type { StoredPolicy } from "./policy-row.js";

/** What of a policy decides. */
export type Ruling = Pick<StoredPolicy, "book" | "override">;

/** The wall clock may jump: it is looked at again at the latest after so many milliseconds. */
const lookAgainMs = 60_000;

/** What is known now. */
export class PolicyCircumstances {
  /** What the user says of himself. */
  own: Availability;
  /** False where the server has no privacy lists. */
  lists = true;
  /** The account's default list, which an active one replaces. */
  standard: readonly PrivacyRule[] = [];
  readonly #d: PolicyDeps;
  #inCall = false;
  #idleSince: number | undefined;
  #edition = 0;
  #extras = "";

  constructor(deps: PolicyDeps) {
    this.#d = deps;
    this.own = deps.own();
  }

  get priority(): number | undefined {
    return this.own.kind === "available" ? this.own.priority : undefined;
  }

  /**
   * Fields that are absent stay as they are.
   * @throws UsageError `ERR_INVALID_ARGUMENT`: by a misspelt field somebody would go on seeing what the rules keep from him at such a time (threats V01)
   */
  note(context: PolicyContext): void {
    const given: unknown = context;
    const { inCall, idleSince, ...others } = typeof given === "object" && given !== null ? context : { others: given };
    const isNone = (inCall !== undefined && typeof inCall !== "boolean") || (idleSince !== undefined && !Number.isFinite(idleSince)) || Object.keys(others).length > 0;
    if (isNone) throw new UsageError("ERR_INVALID_ARGUMENT", "a context has the fields inCall, true or false, and idleSince, milliseconds since the epoch");
    if (inCall !== undefined) this.#inCall = inCall;
    if ("idleSince" in context) this.#idleSince = idleSince;
  }

  /** What goes with every presence counts as another: all of it is said once more. */
  repeat(): void {
    this.#edition++;
  }

  /** Everything that follows from `stored` now. */
  of({ book, override }: Ruling): Circumstances {
    const moment = this.#moment();
    return {
      account: this.#d.account, book, moment, override: override !== undefined && override.until > moment.now ? override.level : undefined,
      own: this.own, contacts: () => this.#d.roster.confirmedContacts(), standard: this.standard, lists: this.lists, edition: this.#edition,
    };
  }

  /** What should be; with one of the `known` rules if it needs the same list, which then stays in force. */
  compiled(stored: Ruling, known: readonly (readonly PrivacyRule[] | undefined)[]): Target {
    const extras = [String(this.priority), ...this.#d.extras().map((element) => serializeXml(element))].join();
    if (extras !== this.#extras) this.#edition++;
    this.#extras = extras;
    const target = compile(this.of(stored));
    const written = JSON.stringify(target.rules);
    const same = known.find((rules) => JSON.stringify(rules) === written);
    return same === undefined ? target : { ...target, rules: same };
  }

  /** Which choices of the rules count now, to be compared. */
  chosen({ book }: Ruling): string {
    return chosen(book, this.#moment());
  }

  /** Milliseconds after which something may have changed by itself; `undefined`: never. */
  dueInMs({ book, override }: Ruling): number | undefined {
    const moment = this.#moment();
    const expiry = override !== undefined && override.until > moment.now ? override.until - moment.now : Infinity;
    const next = Math.min(nextChange(book, moment) ?? Infinity, expiry);
    return next === Infinity ? undefined : Math.min(lookAgainMs, next) + 1;
  }

  #moment(): Moment {
    const own = this.own.kind === "available" ? this.own.idleSince : undefined;
    return { now: this.#d.clock.now(), inCall: this.#inCall, idleSince: this.#idleSince ?? own };
  }
}
