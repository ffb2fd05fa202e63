/** What the programs of the fault tests are told, and what they tell (Node only). @module */
import { readFileSync, writeSync } from "node:fs";
import process from "node:process";
import type { Death } from "./mortality.js";

/** One client of a program. */
export interface Job {
  readonly account: string;
  readonly password: string;
  readonly service: string;
  /** File of the certificate authority. */
  readonly ca: string;
  /** Directory of the store. */
  readonly store: string;
  /** File to which every reported state is appended. */
  readonly reports: string;
  /** Whom the sender writes to. */
  readonly to: string;
  /** How many messages there are to be in the end, over all lives of the program. */
  readonly count: number;
  /** Milliseconds between two sends; 0 hands all in at once. */
  readonly pauseMs: number;
}

/** The one argument of a program: a file with this as JSON. */
export interface Orders {
  readonly jobs: readonly Job[];
  /** File of the recorder. */
  readonly keys: string;
  readonly death?: Death;
  /** Seconds after which a program that is not done gives up. */
  readonly patienceSeconds: number;
}

/** A line on standard output. */
export type News =
  /** `sending`: it begins to hand in; `flowing`: the first message of this life is sealed, so bytes are about to leave; `settled`: all are sent or failed. */
  | { readonly kind: "sending" | "flowing" | "settled"; readonly account: string }
  | { readonly kind: "stuck"; readonly account: string; readonly why: string }
  /** The last one of a program that was not killed. */
  | { readonly kind: "done"; readonly commit: number; readonly write: number };

/** A line of {@link Job.reports}: what the SDK said about a message. */
export interface Report {
  /** Number within the run, from 1. */
  readonly n: number;
  readonly id: string;
  readonly state: "stored" | "sealed" | "sent" | "delivered" | "displayed" | "failed";
  /** Code of the error, if it failed. */
  readonly error?: string;
}

export const readOrders = (): Orders => JSON.parse(readFileSync(process.argv[2] as string, "utf8")) as Orders;

/** At once: a program that is killed has said what it said. */
export const tell = (news: News): void => { writeSync(1, `${JSON.stringify(news)}\n`); };

/** The text of message number `n`: it says who, which, and has a length that depends on the number. */
export const textOf = (account: string, n: number): string => `${account} ${n} ${".".repeat((n * 37) % 300)}`;

/** The number of a message, or undefined if the text is not one of {@link textOf}. */
export function numberOf(account: string, text: string): number | undefined {
  const n = Number(text.split(" ")[1]);
  return Number.isInteger(n) && text === textOf(account, n) ? n : undefined;
}
