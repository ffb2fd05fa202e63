/**
 * Crash points one after the other: the same client is started again and again, and the n-th life ends by SIGKILL at its n-th operation, until a life
 * does not get that far. Recovery from one death is what the next one interrupts (Node only).
 * @module
 */
import type { Arena } from "./arena.js";
import type { Death } from "./child/mortality.js";
import type { Ending } from "./program.js";
import type { Verdict } from "./verdict.js";

export type Role = "sender" | "answerer";

export interface Enumeration {
  readonly role: Role;
  readonly death: Omit<Death, "number">;
  /** Lives that ended by SIGKILL at the point that was meant. */
  readonly points: number;
  readonly verdict: Verdict;
}

const patienceSeconds = 120;
/** What a life has to do if the one before it had done everything. */
const messagesEach = 2;

/** Goes through all crash points of one kind for a fresh account. @throws Error if a life ends otherwise than it should. */
export async function enumerate(arena: Arena, role: Role, death: Omit<Death, "number">): Promise<Enumeration> {
  const [account] = (await arena.accounts(1)) as [string];
  const to = arena.recipients[0] as string;
  const name = `${role}-${death.operation}-${death.moment}-${account}`;
  let count = 0;
  const life = async (number: number | undefined): Promise<Ending> => {
    const jobs = [arena.job(account, { to, count, pauseMs: 0 })];
    const orders = { jobs, keys: arena.keyFile(name), patienceSeconds, ...(number === undefined ? {} : { death: { ...death, number } }) };
    const ending = await arena.start(role, name, orders).ended;
    if (!ending.killed && (ending.complaints !== "" || ending.news.at(-1)?.kind !== "done" || ending.news.some((news) => news.kind === "stuck"))) {
      throw new Error(`${name}, life ${number ?? "last"}: ${ending.complaints} ${JSON.stringify(ending.news)}`);
    }
    return ending;
  };
  if (role === "answerer") await life(undefined); // so that its device is there to be asked
  let points = 0;
  for (;;) {
    if (settledOf(arena, account) >= count) count = await more(arena, role, account, to, count);
    if (!(await life(points + 1)).killed) break;
    points += 1;
  }
  const verdicts = await arena.verdicts([arena.job(account, { to, count, pauseMs: 0 })]);
  return { role, death, points, verdict: verdicts.get(account) as Verdict };
}

/** Numbers that were reported as sent, in any life. */
function settledOf(arena: Arena, account: string): number {
  const reports = arena.reports(arena.job(account, { to: "", count: 0, pauseMs: 0 }));
  return new Set(reports.flatMap((report) => (report.state === "stored" || report.state === "sealed" ? [] : [report.n]))).size;
}

async function more(arena: Arena, role: Role, account: string, to: string, count: number): Promise<number> {
  const texts = Array.from({ length: messagesEach }, (_, i) => (count + 1 + i).toString());
  if (role === "answerer") await arena.witness.do("say", { jid: to, to: account, texts });
  return count + messagesEach;
}
