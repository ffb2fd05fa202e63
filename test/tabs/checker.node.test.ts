/** The judge of the tab chaos sees what it is there to see: each test plants one fault in evidence that is otherwise good. */
import { describe, expect, test } from "vitest";
import { faultKinds, Schedule } from "./chaos-schedule.js";
import type { ShownMessage } from "./page.js";
import { type Departure, type Evidence, judge, overlapMsMax, type Sealed, type StreamRecord, unreportedPerEndMax } from "./verdict.js";

const sealed = (name: string, key = `key of ${name}`): Sealed => ({ key, plaintext: `plaintext of ${name}`, ciphertext: `ciphertext of ${name}` });
const departure = (name: string, kind: Departure["kind"], at = 100): Departure => ({ at, kind, candidates: [`no ciphertext but ${name}`, `ciphertext of ${name}`] });
const stream = (number: number, over: Partial<StreamRecord> = {}): StreamRecord =>
  ({ number, boundAt: number * 100, replacedAt: undefined, endedAt: undefined, unbound: [], usurped: [], ...over });
const replaced = stream(1, { replacedAt: 200, endedAt: 250 });

/** Two tabs; one of them sent two messages over a stream that a second one has replaced, was asked for a third and closed. One came in. */
const good: Evidence = {
  asked: ["romeo 1", "romeo 2", "romeo 3"], stored: ["romeo 1", "romeo 2"], written: ["juliet 1"], arrived: ["romeo 1", "romeo 2"], unreadable: [],
  timelines: [conversation(), conversation()],
  unopened: [], uncaught: [], hidden: [],
  faults: { close: { all: 3, ofLeader: 1 }, freeze: { all: 1, ofLeader: 1 }, reload: { all: 1, ofLeader: 1 }, crash: { all: 2, ofLeader: 2 } },
  led: { pages: 4, workers: 2 },
  sealed: ["payload 1", "key 1", "payload 2", "key 2"].map((name) => sealed(name)),
  departures: [departure("payload 1", "payload"), departure("key 1", "key"), departure("payload 2", "payload"), departure("key 2", "key")],
  streams: [replaced, stream(2), stream(3, { boundAt: undefined })],
  ends: [], now: 10_000,
};

function conversation(): readonly ShownMessage[] {
  return [{ id: "1", text: "romeo 1", state: "sent" }, { id: "2", text: "juliet 1", state: undefined }, { id: "3", text: "romeo 2", state: "displayed" }];
}

const complaints = (over: Partial<Evidence>): readonly string[] => judge({ ...good, ...over }).complaints;
/** Every tab shows this. */
const everywhere = (messages: readonly ShownMessage[]): Partial<Evidence> => ({ timelines: [messages, messages] });

describe("a run in which nothing went wrong", () => {
  test("has no complaints, and says how much was compared", () => {
    expect(judge(good)).toEqual({ keys: 4, unchecked: 0, overlapMs: 50, complaints: [] });
  });

  test("a message that a tab was asked for and whose fate it took along may have arrived or not", () => {
    expect(complaints({ arrived: [...good.arrived, "romeo 3"], ...everywhere([...conversation(), { id: "4", text: "romeo 3", state: "sent" }]) })).toEqual([]);
  });

  test("an encryption that never left may be made anew under the same key", () => {
    expect(complaints({ sealed: [...good.sealed, sealed("never left", "key of key 1")] })).toEqual([]);
  });

  test("a ciphertext that is reported again, as it was, is no second one", () => {
    expect(complaints({ sealed: [...good.sealed, sealed("key 1")] })).toEqual([]);
  });
});

describe("streams", () => {
  test("D10 a stream that is open after another one took its place is found, whether it has ended or not", () => {
    const words = (ms: number): string => `two streams at the same time: stream 1 was open for ${ms} ms after it was replaced`;
    expect(complaints({ streams: [{ ...replaced, endedAt: 200 + overlapMsMax }, stream(2)] })).toEqual([]);
    expect(complaints({ streams: [{ ...replaced, endedAt: 201 + overlapMsMax }, stream(2)] })).toEqual([words(overlapMsMax + 1)]);
    expect(complaints({ streams: [{ ...replaced, endedAt: undefined }, stream(2)] })).toEqual([words(9_800), "2 streams are open in the end, 1 of them not replaced"]);
  });

  test("D10 a stream that speaks though it was replaced is found", () => {
    expect(complaints({ streams: [{ ...replaced, usurped: ["<message"] }, stream(2)] })).toEqual(["stream 1 speaks though it was replaced: <message"]);
  });

  test("D10 a stream that speaks and was never seen to be bound is found: nobody would notice a second one", () => {
    expect(complaints({ streams: [...good.streams, stream(4, { boundAt: undefined, unbound: ["<presence"] })] })).toEqual(["stream 4 speaks before it was bound: <presence"]);
  });

  test("no stream in the end, two of them, or an old one, is found", () => {
    expect(complaints({ streams: [] })).toEqual(["0 streams are open in the end, 0 of them not replaced"]);
    expect(complaints({ streams: [stream(1), stream(2)] })).toEqual(["2 streams are open in the end, 2 of them not replaced"]);
    expect(complaints({ streams: [{ ...replaced, replacedAt: 9_999, endedAt: undefined }, stream(2, { endedAt: 9_999 })] })).toEqual(["1 streams are open in the end, 0 of them not replaced"]);
  });
});

describe("message keys", () => {
  test("C09 a key under which two plaintexts left is found, whoever used it", () => {
    expect(complaints({ sealed: [...good.sealed, sealed("another", "key of key 1")], departures: [...good.departures, departure("another", "key")] }))
      .toEqual(["a message key has encrypted 2 plaintexts"]);
  });

  const unreported = (n: number, at: number): readonly Departure[] => Array.from({ length: n }, (_, i) => departure(`unreported ${at} ${i}`, "key", at));
  const words = (n: number): string => `${n} ciphertexts left that no page reported, more than ended pages can have kept to themselves`;

  test("C09 a ciphertext that no page reported is counted, and one that cannot be read at all is one of them", () => {
    const found = judge({ ...good, departures: [...good.departures, ...unreported(1, 100), { at: 100, kind: "key", candidates: [] }] });
    expect(found).toMatchObject({ keys: 4, unchecked: 2, complaints: [words(2)] });
  });

  test("C09 a leader that ended excuses the encryptions of one message, and none that left before", () => {
    const run = (departures: readonly Departure[], ends: readonly number[]) => judge({ ...good, departures: [...good.departures, ...departures], ends });
    expect(run(unreported(unreportedPerEndMax, 600), [500])).toMatchObject({ unchecked: unreportedPerEndMax, complaints: [] });
    expect(run(unreported(unreportedPerEndMax + 1, 600), [500])).toMatchObject({ unchecked: unreportedPerEndMax + 1, complaints: [words(1)] });
    expect(run(unreported(2 * unreportedPerEndMax, 600), [400, 500])).toMatchObject({ complaints: [] });
    expect(run([...unreported(1, 600), ...unreported(1, 499)], [500])).toMatchObject({ unchecked: 2, complaints: [words(1)] });
  });

  test("fewer payloads on the wire than messages were stored are found: something left past the watch", () => {
    expect(complaints({ departures: good.departures.slice(1) })).toEqual(["2 messages were stored, and only 1 payloads were seen on the wire"]);
  });
});

describe("messages", () => {
  test("Q02 a stored message that never arrived is found", () => {
    expect(complaints({ arrived: ["romeo 2"] })).toEqual(["romeo 1 was stored and never arrived"]);
  });

  test("Q04 a message that arrived twice is found, stored or not", () => {
    expect(complaints({ arrived: [...good.arrived, "romeo 2"] })).toEqual(["romeo 2 arrived 2 times"]);
    expect(complaints({ arrived: [...good.arrived, "romeo 3", "romeo 3"] })).toEqual(["romeo 3 arrived 2 times"]);
  });

  test("a message that arrived and that nobody was asked to send is found, and so is one that could not be read", () => {
    expect(complaints({ arrived: [...good.arrived, "paris 1"] })).toEqual(["paris 1 arrived and no tab was asked to send it"]);
    expect(complaints({ unreadable: ["no-session"] })).toEqual(["the correspondent could not read a message: no-session"]);
  });
});

describe("timelines", () => {
  test("Q16 a tab that shows another conversation is found, by a message, a state or the order", () => {
    const [first, second, third] = conversation() as [ShownMessage, ShownMessage, ShownMessage];
    const shows = (other: readonly ShownMessage[]): readonly string[] => complaints({ timelines: [conversation(), other] });
    expect(shows([first, second])).toEqual([`tab 1 shows 2 messages, the first one 3; only here: ; only there: ${JSON.stringify(third)}`]);
    const further = { ...first, state: "delivered" };
    expect(shows([further, second, third])).toEqual([`tab 1 shows 3 messages, the first one 3; only here: ${JSON.stringify(further)}; only there: ${JSON.stringify(first)}`]);
    expect(shows([second, first, third])).toEqual(["tab 1 shows 3 messages, the first one 3; only here: ; only there: "]);
  });

  test("a tab that does not answer is found, and the others are compared all the same", () => {
    expect(complaints({ timelines: [undefined, conversation(), conversation()] })).toEqual(["tab 0 does not answer"]);
    expect(complaints({ timelines: [undefined, conversation(), conversation().slice(1)] })).toEqual(["tab 0 does not answer", expect.stringContaining("tab 2 shows 2 messages")]);
  });

  test("Q16 a message that every tab has lost is found, sent or received", () => {
    expect(complaints(everywhere(conversation().slice(1)))).toEqual(["the tabs show romeo 1 0 times"]);
    expect(complaints(everywhere(conversation().filter(({ text }) => text !== "juliet 1")))).toEqual(["the tabs show juliet 1 0 times"]);
    expect(complaints({ timelines: [] })).toHaveLength(3);
  });

  test("Q16 a message that every tab shows twice is found, and so is one that nobody wrote", () => {
    expect(complaints(everywhere([...conversation(), { id: "4", text: "juliet 1", state: undefined }]))).toEqual(["the tabs show juliet 1 2 times"]);
    expect(complaints(everywhere([...conversation(), { id: "4", text: "no-session", state: undefined }]))).toEqual(["the tabs show no-session, which nobody wrote"]);
  });

  test("Q16 a message that waits or has failed in the end is found, and one that is shown as sent and never arrived", () => {
    const last = (text: string, state: string): readonly string[] => complaints(everywhere([...conversation().slice(0, text === "romeo 2" ? 2 : 3), { id: "3", text, state }]));
    for (const state of ["stored", "sealed", "failed"]) expect(last("romeo 2", state)).toEqual([`the tabs show romeo 2 as ${state} in the end`]);
    expect(last("romeo 3", "sent")).toEqual(["the tabs show romeo 3 as sent, and it never arrived"]);
  });
});

describe("tabs", () => {
  test("a tab that could not be opened and an error that a page did not catch are found", () => {
    expect(complaints({ unopened: ["ERR_STORE_FENCED"] })).toEqual(["a tab could not be opened: ERR_STORE_FENCED"]);
    expect(complaints({ uncaught: ["TypeError"] })).toEqual(["a page did not catch: TypeError"]);
  });

  test("Q17 a tab that was frozen and stays hidden is found: it would take over from nobody", () => {
    expect(complaints({ hidden: ["the page stays hidden"] })).toEqual(["a tab that was frozen is not in view: the page stays hidden"]);
  });

  test("a kind of fault that has hit no leader is found, and so is one that has hit no tab", () => {
    expect(complaints({ faults: { ...good.faults, close: { all: 3, ofLeader: 0 }, crash: { all: 0, ofLeader: 0 } } }))
      .toEqual(["close has hit 3 tabs, and no leader", "crash has hit no tab"]);
  });

  test("pages or workers that never led are found", () => {
    expect(complaints({ led: { pages: 1, workers: 0 } })).toEqual(["none of the workers has led"]);
    expect(complaints({ led: { pages: 0, workers: 1 } })).toEqual(["none of the pages has led"]);
  });

  test("a run in which nothing happened proves nothing", () => {
    const nothing = { ...good, stored: [], written: [], arrived: [], timelines: [[]], sealed: [], departures: [] };
    expect(judge(nothing).complaints).toEqual(["no tab stored a message", "the correspondent wrote no message", "no message key was checked"]);
  });
});

describe("the schedule", () => {
  const struck = (seed: number): readonly string[] => {
    const schedule = new Schedule(seed);
    return Array.from({ length: 12 }, () => {
      const { fault, atLeader, frozenMs } = schedule.next(() => true);
      schedule.struck(fault, atLeader);
      return `${fault} ${atLeader} ${frozenMs} ${schedule.pauseMs()}`;
    });
  };

  test("each kind of fault hits a leader first, in an order of the seed, and a seed repeats itself", () => {
    const orders = new Set(Array.from({ length: 50 }, (_, seed) => {
      const first = struck(seed).slice(0, 4).map((line) => line.split(" "));
      expect(first.map(([fault]) => fault).sort()).toEqual([...faultKinds].sort());
      expect(first.every(([, atLeader]) => atLeader === "true")).toBe(true);
      return first.map(([fault]) => fault).join();
    }));
    expect(orders.size).toBeGreaterThan(5);
    expect(struck(7)).toEqual(struck(7));
  });

  test("a kind that the present leader cannot have is owed on", () => {
    const schedule = new Schedule(1);
    for (let i = 0; i < 40; i++) {
      const { fault, atLeader } = schedule.next((kind) => kind !== "freeze");
      schedule.struck(fault, atLeader && fault !== "freeze");
    }
    expect(schedule.isCovered).toBe(false);
    expect(schedule.next(() => true)).toMatchObject({ fault: "freeze", atLeader: true });
    schedule.struck("freeze", true);
    expect(schedule.isCovered).toBe(true);
  });
});
