/**
 * The judge of the tab chaos: plain data in, complaints out. What the pages and the correspondent claim is held against what the wire shows.
 * Not here: running the tabs (chaos.ts), watching the wire (stream-watch.ts). checker.node.test.ts produces each complaint once.
 * @module
 */
import { type Fault, faultKinds, type Strikes } from "./chaos-schedule.js";
import type { PageReport, ShownMessage } from "./page.js";

/** One encryption, as its page reported it; hashes only. */
export type Sealed = Omit<Extract<PageReport, { kind: "encrypted" }>, "kind">;

/** A stream between a page and the server; times in milliseconds of one clock. */
export interface StreamRecord {
  readonly number: number;
  /** When it was bound or resumed. */
  readonly boundAt: number | undefined;
  /** When a later stream was bound while this one was. */
  readonly replacedAt: number | undefined;
  readonly endedAt: number | undefined;
  /** Beginnings of the stanzas that its page sent while it had no right to: not yet bound, or replaced and not ended. */
  readonly unbound: readonly string[];
  readonly usurped: readonly string[];
}

/** A ciphertext on its way to the server; one that is sent again counts once. */
export interface Departure {
  readonly at: number;
  readonly kind: "key" | "payload";
  /** Hashes of what may be the ciphertext: where a key's begins depends on its length. */
  readonly candidates: readonly string[];
}

/** All that is known of a run. */
export interface Evidence {
  /** Texts that tabs were asked to send, and those of them that a tab reported as stored. */
  readonly asked: readonly string[];
  readonly stored: readonly string[];
  /** What the correspondent wrote, what it read, as often as it did, and why it could not read something. */
  readonly written: readonly string[];
  readonly arrived: readonly string[];
  readonly unreadable: readonly string[];
  /** What each tab shows in the end; `undefined` if it does not answer. */
  readonly timelines: readonly (readonly ShownMessage[] | undefined)[];
  /** Codes with which tabs could not be opened, and errors that nobody caught in a page. */
  readonly unopened: readonly string[];
  readonly uncaught: readonly string[];
  /** Why tabs that were frozen did not come back into view: a hidden one never asks for the leader. */
  readonly hidden: readonly string[];
  /** What was done to the tabs, and how often pages and workers have begun to lead. */
  readonly faults: Readonly<Record<Fault, Strikes>>;
  readonly led: { readonly pages: number; readonly workers: number };
  readonly sealed: readonly Sealed[];
  readonly departures: readonly Departure[];
  readonly streams: readonly StreamRecord[];
  /** When the renderer of a leader was ended or began anew: with it, reports of its last moment may be lost. */
  readonly ends: readonly number[];
  /** When the run was over. */
  readonly now: number;
}

export interface Verdict {
  /** Message keys that were seen on the wire and compared. */
  readonly keys: number;
  /** Ciphertexts on the wire that no page reported: whether their key was used twice, nobody can tell. */
  readonly unchecked: number;
  /** The longest time for which a stream was still open after it was replaced. */
  readonly overlapMs: number;
  /** Empty, or something is wrong. */
  readonly complaints: readonly string[];
}

/** The server closes a stream that another one resumes or replaces; this is for a busy machine. */
export const overlapMsMax = 2_000;

/**
 * A page reports in the task in which it encrypts, and commits before it sends, so no report should be lost of anything that leaves. The debugging
 * protocol does not promise that of a renderer that is killed; so each end of a leader excuses the encryptions of one message: its payload and the key
 * of the one device it goes to.
 */
export const unreportedPerEndMax = 2;

/** States in which a message has not come to the server. */
const unsentStates: readonly (string | undefined)[] = ["stored", "sealed", "failed"];

export function judge(evidence: Evidence): Verdict {
  const { keys, unchecked, complaints } = judgeKeys(evidence);
  return {
    keys, unchecked, overlapMs: Math.max(0, ...evidence.streams.map((stream) => overlapOf(stream, evidence.now))),
    complaints: [
      ...judgeTabs(evidence), ...judgeArrivals(evidence), ...judgeTimelines(evidence), ...judgeStreams(evidence.streams, evidence.now),
      ...judgeEnd(evidence.streams), ...complaints,
    ],
  };
}

/** Tabs that fail, and a run that proves nothing because nothing happened, or not everything. */
function judgeTabs({ unopened, uncaught, hidden, faults, led, stored, written }: Evidence): readonly string[] {
  return [
    ...hidden.map((why) => `a tab that was frozen is not in view: ${why}`),
    ...faultKinds.filter((kind) => faults[kind].ofLeader === 0).map((kind) => `${kind} has hit ${faults[kind].all === 0 ? "no tab" : `${faults[kind].all} tabs, and no leader`}`),
    ...(["pages", "workers"] as const).filter((where) => led[where] === 0).map((where) => `none of the ${where} has led`),
    ...unopened.map((code) => `a tab could not be opened: ${code}`), ...uncaught.map((error) => `a page did not catch: ${error}`),
    ...(stored.length === 0 ? ["no tab stored a message"] : []), ...(written.length === 0 ? ["the correspondent wrote no message"] : []),
  ];
}

/** Every stored message arrives, nothing twice, and nothing that nobody was asked for. */
function judgeArrivals({ asked, stored, arrived, unreadable }: Evidence): readonly string[] {
  const times = timesOf(arrived);
  const known = new Set(asked);
  return [
    ...unreadable.map((why) => `the correspondent could not read a message: ${why}`),
    ...stored.filter((text) => !times.has(text)).map((text) => `${text} was stored and never arrived`),
    ...[...times].filter(([, n]) => n > 1).map(([text, n]) => `${text} arrived ${n} times`),
    ...[...times.keys()].filter((text) => !known.has(text)).map((text) => `${text} arrived and no tab was asked to send it`),
  ];
}

/** The same conversation in every tab, with everything in it once, and nothing left over that waits or failed. */
function judgeTimelines({ asked, stored, written, arrived, timelines }: Evidence): readonly string[] {
  const complaints: string[] = [];
  const shown = timelines.find((messages) => messages !== undefined) ?? [];
  for (const [i, messages] of timelines.entries()) {
    if (messages === undefined) complaints.push(`tab ${i} does not answer`);
    else if (JSON.stringify(messages) !== JSON.stringify(shown)) complaints.push(`tab ${i} shows ${difference(shown, messages)}`);
  }
  const times = timesOf(shown.map(({ text }) => text));
  for (const text of new Set([...written, ...stored, ...times.keys()])) {
    const n = times.get(text) ?? 0;
    if (n !== 1) complaints.push(`the tabs show ${text} ${n} times`);
  }
  const [known, there] = [new Set([...asked, ...written]), new Set([...arrived, ...stored])]; // a stored one that did not arrive is complained about as such
  for (const { text, state } of shown) {
    if (!known.has(text)) complaints.push(`the tabs show ${text}, which nobody wrote`);
    if (unsentStates.includes(state)) complaints.push(`the tabs show ${text} as ${state ?? ""} in the end`);
    else if (state !== undefined && !there.has(text)) complaints.push(`the tabs show ${text} as ${state}, and it never arrived`);
  }
  return complaints;
}

/** At any time at most one stream is bound and speaks. */
export function judgeStreams(streams: readonly StreamRecord[], now: number): readonly string[] {
  return streams.flatMap((stream) => {
    const { number, unbound, usurped } = stream;
    const overlapMs = overlapOf(stream, now);
    return [
      ...unbound.map((text) => `stream ${number} speaks before it was bound: ${text}`),
      ...usurped.map((text) => `stream ${number} speaks though it was replaced: ${text}`),
      ...(overlapMs > overlapMsMax ? [`two streams at the same time: stream ${number} was open for ${Math.round(overlapMs)} ms after it was replaced`] : []),
    ];
  });
}

const overlapOf = ({ replacedAt, endedAt }: StreamRecord, now: number): number => (replacedAt === undefined ? 0 : (endedAt ?? now) - replacedAt);

/** In the end there is one stream, and it is the one that was bound last. */
function judgeEnd(streams: readonly StreamRecord[]): readonly string[] {
  const open = streams.filter(({ boundAt, endedAt }) => boundAt !== undefined && endedAt === undefined);
  const current = open.filter(({ replacedAt }) => replacedAt === undefined);
  return open.length === 1 && current.length === 1 ? [] : [`${open.length} streams are open in the end, ${current.length} of them not replaced`];
}

/** Of what left: no key twice. An encryption whose commit never happened may be made anew: nobody has seen the first one. */
function judgeKeys({ stored, sealed, departures, ends }: Evidence): Omit<Verdict, "overlapMs"> {
  const complaints: string[] = [];
  const byCiphertext = new Map<string, Sealed[]>();
  for (const each of sealed) byCiphertext.set(each.ciphertext, [...byCiphertext.get(each.ciphertext) ?? [], each]);
  const plaintexts = new Map<string, Set<string>>();
  const unchecked: Departure[] = [];
  for (const departure of departures) {
    const made = departure.candidates.flatMap((hash) => byCiphertext.get(hash) ?? []);
    if (made.length === 0) unchecked.push(departure);
    for (const { key, plaintext } of made) plaintexts.set(key, (plaintexts.get(key) ?? new Set()).add(plaintext));
  }
  for (const { size } of plaintexts.values()) if (size > 1) complaints.push(`a message key has encrypted ${size} plaintexts`);
  if (plaintexts.size === 0) complaints.push("no message key was checked");
  const payloads = departures.filter(({ kind }) => kind === "payload").length;
  if (payloads < stored.length) complaints.push(`${stored.length} messages were stored, and only ${payloads} payloads were seen on the wire`);
  const inexcusable = unchecked.toSorted((a, b) => a.at - b.at)
    .filter(({ at }, i) => i >= unreportedPerEndMax * ends.filter((end) => end <= at).length);
  if (inexcusable.length > 0) complaints.push(`${inexcusable.length} ciphertexts left that no page reported, more than ended pages can have kept to themselves`);
  return { keys: plaintexts.size, unchecked: unchecked.length, complaints };
}

function timesOf(texts: readonly string[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const text of texts) times.set(text, (times.get(text) ?? 0) + 1);
  return times;
}

function difference(first: readonly ShownMessage[], other: readonly ShownMessage[]): string {
  const key = (message: ShownMessage): string => JSON.stringify(message);
  const [a, b] = [new Set(first.map(key)), new Set(other.map(key))];
  const only = (these: Set<string>, those: Set<string>): string => [...these].filter((each) => !those.has(each)).slice(0, 3).join(" ");
  return `${other.length} messages, the first one ${first.length}; only here: ${only(b, a)}; only there: ${only(a, b)}`;
}
