/** What others may ask us: nobody is answered by default, and then only the audience. */
import { expect, test } from "vitest";
import { parseJid, type BareJid, type Jid } from "../../../src/base/jid.js";
import { queriesPerAskerMax, queriesTotalMax, queriesWindowMs } from "../../../src/base/limits.js";
import { serializeXml, xml, type XmlElement } from "../../../src/base/xml.js";
import type { UsageError } from "../../../src/base/errors.js";
import { systemRng } from "../../../src/base/rng.js";
import { Queries, type QueryAnswer, type QueryAudience } from "../../../src/transport/features/queries.js";
import { IqClient } from "../../../src/transport/stream/iq.js";
import { connectionDouble } from "../../support/iq-double.js";
import { FakeClock, juliet, mercutio, romeo } from "../../support/omemo-world.js";

const tybalt = "tybalt@example.org" as BareJid;
const questions: Readonly<Record<QueryAnswer["kind"], readonly [type: "get" | "set", payload: XmlElement]>> = {
  version: ["get", xml("jabber:iq:version", "query")],
  "last-activity": ["get", xml("jabber:iq:last", "query")],
  time: ["get", xml("urn:xmpp:time", "time")],
  command: ["set", xml("http://jabber.org/protocol/commands", "command", { node: "x" })],
};
const kinds = Object.keys(questions) as readonly QueryAnswer["kind"][];

interface Scene {
  readonly queries: Queries; readonly clock: FakeClock; readonly errors: unknown[]; ran: number;
  /** The answer to a question, as text; `refused` for service-unavailable and nothing else. */
  readonly ask: (from: string | undefined, kind: QueryAnswer["kind"], change?: (type: string, payload: XmlElement) => readonly [string, XmlElement]) => string;
  readonly allow: (audience: QueryAudience) => void;
}

/** Juliet's client. Romeo sees her presence, Tybalt is blocked and sees it, Mercutio is a stranger. */
function scene(): Scene {
  const clock = new FakeClock();
  const double = connectionDouble(parseJid(`${juliet}/balcony`) as Jid);
  const errors: unknown[] = [];
  const queries = new Queries({
    account: juliet, clock, seesPresence: (jid) => jid === romeo || jid === tybalt, isBlocked: (jid) => jid === tybalt, onError: (error) => { errors.push(error); },
  });
  const iq = new IqClient(double.stream, { rng: systemRng(), clock });
  queries.attach({ iq });
  const result: Scene = {
    queries, clock, errors, ran: 0,
    ask(from, kind, change = (type, payload) => [type, payload]) {
      const [type, payload] = change(...questions[kind]);
      double.sent.length = 0;
      double.receive(xml("jabber:client", "iq", { type, id: "q", ...(from === undefined ? {} : { from }) }, payload));
      expect(double.sent).toHaveLength(1);
      const [answer] = double.sent as [XmlElement];
      if (answer.attrs["type"] === "result") return answer.children.map((child) => (typeof child === "string" ? child : serializeXml(child))).join("");
      expect(serializeXml({ ...answer, attrs: { type: "error" } })).toBe(
        '<iq xmlns="jabber:client" type="error"><error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>');
      return "refused";
    },
    allow(audience) {
      const count = (): void => { result.ran += 1; };
      queries.answer({ kind: "version", audience, handler: () => { count(); return { name: "App", version: "1" }; } });
      queries.answer({ kind: "last-activity", audience, handler: () => { count(); return 61.9; } });
      queries.answer({ kind: "time", audience, handler: () => { count(); return { time: 0, offsetMinutes: -210 }; } });
      queries.answer({ kind: "command", audience, handler: (_from, command) => { count(); return xml(command.ns, "command", { node: command.attrs["node"], status: "completed" }); } });
    },
  };
  return result;
}

test("F24 V03 without a handler nobody is answered, not even a contact or our own account", () => {
  const { ask } = scene();
  for (const kind of kinds) for (const from of [`${mercutio}/x`, `${romeo}/x`, `${juliet}/other`, undefined]) expect(ask(from, kind)).toBe("refused");
});

test.each([
  ["own", { own: true, contact: false, stranger: false }], ["contacts", { own: true, contact: true, stranger: false }], ["anyone", { own: true, contact: true, stranger: true }],
] as const)("F24 V03 audience %s: the others get the answer of nobody, and no handler runs for them", (audience, expected) => {
  const s = scene();
  s.allow(audience);
  let answered = 0;
  const check = (from: string | undefined, allowed: boolean): void => {
    for (const kind of kinds) expect([from, kind, s.ask(from, kind) !== "refused"]).toEqual([from, kind, allowed]);
    answered += allowed ? kinds.length : 0;
  };
  check(undefined, expected.own);
  check(juliet, expected.own);
  check(`${juliet}/other`, expected.own);
  check("example.org", expected.own); // our own server knows that we are here
  check(`${romeo}/orchard`, expected.contact);
  check(romeo, expected.contact);
  check(`${mercutio}/x`, expected.stranger);
  check(`${tybalt}/x`, false); // V04: blocked, though he is a contact
  check("other.example", expected.stranger);
  expect(s.ran).toBe(answered);
});

test("XEP-0092, XEP-0012, XEP-0202, XEP-0050: what the application says is on the wire", () => {
  const s = scene();
  s.allow("contacts");
  expect(kinds.map((kind) => s.ask(romeo, kind))).toEqual([
    '<query xmlns="jabber:iq:version"><name>App</name><version>1</version></query>',
    '<query xmlns="jabber:iq:last" seconds="61"/>',
    '<time xmlns="urn:xmpp:time"><tzo>-03:30</tzo><utc>1970-01-01T00:00:00.000Z</utc></time>',
    '<command xmlns="http://jabber.org/protocol/commands" node="x" status="completed"/>',
  ]);
  s.queries.answer({ kind: "time", audience: "own", handler: () => ({ time: 1, offsetMinutes: 0 }) });
  expect(s.ask(undefined, "time")).toContain("<tzo>Z</tzo>");
  s.queries.answer({ kind: "time", audience: "own", handler: () => ({ time: 1, offsetMinutes: 345 }) });
  expect(s.ask(undefined, "time")).toContain("<tzo>+05:45</tzo>");
});

test("F24 a question of the wrong kind, a handler that throws or declines, and one that was taken back look like nobody", () => {
  const s = scene();
  s.allow("anyone");
  expect(s.ask(romeo, "version", (_type, payload) => ["set", payload])).toBe("refused");
  expect(s.ask(romeo, "version", (type) => [type, xml("jabber:iq:version", "other")])).toBe("refused");
  expect(s.ran).toBe(0);
  s.queries.answer({ kind: "version", audience: "anyone", handler: () => undefined });
  expect(s.ask(romeo, "version")).toBe("refused");
  const stop = s.queries.answer({ kind: "version", audience: "anyone", handler: () => { throw new RangeError("no"); } });
  expect(s.ask(romeo, "version")).toBe("refused");
  expect(s.errors).toHaveLength(1);
  stop();
  stop();
  expect(s.ask(romeo, "version")).toBe("refused");
  expect(s.errors).toHaveLength(1);
});

test("H07 F24 a handler that answers later, as JavaScript lets it, is told as an error, and to the asker nobody is there", async () => {
  const s = scene();
  const kinds = ["version", "last-activity", "time", "command"] as const;
  for (const kind of kinds) {
    s.queries.answer({ kind, audience: "anyone", handler: async () => { throw new RangeError("no"); } } as unknown as QueryAnswer);
    expect(s.ask(romeo, kind)).toBe("refused");
  }
  expect(s.errors.map((error) => (error as UsageError).code)).toEqual(kinds.map(() => "ERR_INVALID_ARGUMENT"));
  await new Promise((resolve) => { setTimeout(resolve, 0); }); // a rejection that nobody hears would fail this file
});

test("V03 L02 strangers who ask and ask are answered so many times a minute each, and so many times together; contacts do not suffer from it", () => {
  const s = scene();
  s.allow("anyone");
  const answers = (from: string, times: number): number => Array.from({ length: times }, () => s.ask(from, "version")).filter((answer) => answer !== "refused").length;
  expect(answers(`${mercutio}/x`, queriesPerAskerMax + 5)).toBe(queriesPerAskerMax);
  expect(answers(`${mercutio}/y`, 5)).toBe(0); // the same person
  let strangers = queriesPerAskerMax;
  for (let i = 0; i < queriesTotalMax; i++) strangers += answers(`s${String(i)}@example.net`, 2);
  expect(strangers).toBe(queriesTotalMax);
  expect(answers(`${romeo}/x`, queriesPerAskerMax + 5)).toBe(queriesPerAskerMax);
  expect(answers(juliet, queriesTotalMax + 5)).toBe(queriesTotalMax + 5);
  s.clock.time += queriesWindowMs;
  expect(answers(`${mercutio}/x`, 1)).toBe(1);
});

test("F24 a misspelt audience is not everybody: what is no answer is refused", () => {
  const { queries, ask } = scene();
  const handler = (): { name: string } => ({ name: "App" });
  const answer = queries.answer.bind(queries) as (answer: unknown) => void;
  for (const wrong of [undefined, null, {}, { kind: "version", handler }, { kind: "version", audience: "everyone", handler }, { kind: "versions", audience: "own", handler },
    { kind: "toString", audience: "own", handler }, { kind: "version", audience: "own" }]) {
    expect(() => { answer(wrong); }).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }) as Error);
  }
  expect(ask(mercutio, "version")).toBe("refused");
});
