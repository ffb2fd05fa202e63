/**
 * The independent checker: what the sender claimed, against what the recipient's archive holds and what other people's code decrypted.
 * Nothing of the SDK is in here.
 * @module
 */
import { numberOf, type Report } from "./child/jobs.js";

/** A message in the recipient's archive. */
export interface Archived {
  readonly stanza: string;
  readonly from: string;
  readonly origin: string | null;
  /** Hash of the encrypted content; null for messages without. */
  readonly payload: string | null;
}

/** A message that the recipient's client got and decrypted. */
export interface Heard {
  readonly from: string;
  readonly text: string;
  readonly origin: string | null;
}

/** A message that it could not decrypt: broken, or a copy of one that it had already. */
export interface Unheard {
  readonly from: string;
  readonly origin: string | null;
  readonly error: string;
}

export interface Evidence {
  readonly account: string;
  /** How many messages the sender was to send. */
  readonly count: number;
  readonly reports: readonly Report[];
  /** Of the recipient, from everybody, oldest first. */
  readonly archive: readonly Archived[];
  readonly heard: readonly Heard[];
  readonly failures: readonly Unheard[];
}

export interface Verdict {
  /** Messages that the sender reported as stored, or as anything further. */
  readonly stored: number;
  /** Stored, not failed, and not in the archive or never decrypted. */
  readonly lost: readonly number[];
  /** More than once in the archive or at the recipient. */
  readonly doubled: readonly string[];
  /** Reported as failed, but delivered. */
  readonly falselyFailed: readonly number[];
  /** Reported as sent, delivered or displayed, but not in the archive. */
  readonly falselySent: readonly number[];
  /** Reported as failed, and rightly so: nothing in these runs gives a reason to fail. */
  readonly failed: readonly number[];
  /** Everything else that must not be: wrong order, wrong text, undecryptable, never handed in. */
  readonly wrong: readonly string[];
}

const bareOf = (address: string): string => address.split("/")[0] ?? "";
const duplicates = <T>(values: readonly T[]): readonly T[] => values.filter((value, i) => values.indexOf(value) !== i);
const ascending = (numbers: readonly number[]): boolean => numbers.every((n, i) => i === 0 || n > (numbers[i - 1] as number));

/** What is to be said about one sender's run. */
export function judge(evidence: Evidence): Verdict {
  const { account } = evidence;
  const archived = evidence.archive.filter((item) => bareOf(item.from) === account && item.payload !== null).map((item) => item.origin ?? "");
  const heard = evidence.heard.filter((item) => item.from === account);
  const failures = evidence.failures.filter((item) => item.from === account);
  const numbers = heard.map((item) => numberOf(account, item.text));
  const arrived = heard.flatMap((item, i) => (numbers[i] !== undefined && archived.includes(item.origin ?? "") ? [numbers[i]] : []));
  const states = new Map(evidence.reports.map((report) => [report.n, report.state] as const));
  const inState = (...wanted: readonly string[]): number[] => [...states].flatMap(([n, state]) => (wanted.includes(state) ? [n] : []));
  const failed = inState("failed");
  const wrong: string[] = [];
  if (numbers.includes(undefined)) wrong.push("a text that was never sent");
  if (!ascending(arrived)) wrong.push(`order ${arrived.join(" ")}`);
  const order = archived.map((origin) => numbers[heard.findIndex((item) => item.origin === origin)]);
  if (!ascending(order.flatMap((n) => n ?? []))) wrong.push(`order in the archive ${order.join(" ")}`);
  const unexplained = failures.filter(({ error }) => !isCopy(error));
  wrong.push(...unexplained.map(({ error }) => `not decrypted: ${error}`));
  for (let n = 1; n <= evidence.count; n++) if (!states.has(n)) wrong.push(`number ${n} was never stored`);
  return {
    stored: states.size,
    lost: inState("stored", "sealed", "sent", "delivered", "displayed").filter((n) => !arrived.includes(n)),
    doubled: [
      ...duplicates(archived).map((origin) => `archived twice: ${origin}`), ...duplicates(numbers).map((n) => `heard twice: ${String(n)}`),
      ...failures.filter(({ error }) => isCopy(error)).map(({ origin }) => `came twice: ${String(origin)}`),
    ],
    falselyFailed: failed.filter((n) => arrived.includes(n)),
    falselySent: inState("sent", "delivered", "displayed").filter((n) => !arrived.includes(n)),
    failed: failed.filter((n) => !arrived.includes(n)),
    wrong,
  };
}

/** python-omemo's word for a message key that was used up. */
const isCopy = (error: string): boolean => error.startsWith("DuplicateMessage");

/** One line per thing that is wrong; empty if nothing is. */
export function complaints(verdict: Verdict): readonly string[] {
  const { lost, doubled, falselyFailed, falselySent, failed, wrong } = verdict;
  const list = (what: string, values: readonly unknown[]): readonly string[] => (values.length === 0 ? [] : [`${what}: ${values.join(", ")}`]);
  return [
    ...list("lost", lost), ...list("doubled", doubled), ...list("delivered but reported as failed", falselyFailed),
    ...list("reported as sent but not there", falselySent), ...list("failed", failed), ...list("wrong", wrong),
  ];
}
