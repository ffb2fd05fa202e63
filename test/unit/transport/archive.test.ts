/** The archive: which results count (threats F02, F04, F05, F06, F10, F26), what a page is, what happens to one that fails. */
import { describe, expect, test } from "vitest";
import { UsageError } from "../../../src/base/errors.js";
import { bareJid } from "../../../src/base/jid.js";
import { archivePageDefault, archivePageMax, archiveTimeoutMs } from "../../../src/base/limits.js";
import { systemRng } from "../../../src/base/rng.js";
import { serializeXml, type XmlElement } from "../../../src/base/xml.js";
import { TransportError } from "../../../src/transport/errors.js";
import { Archive, type ArchivePage, type ArchiveQuery } from "../../../src/transport/features/archive.js";
import type { IqQuestion } from "../../../src/transport/features/iq-requester.js";
import { readXmlDocument } from "../../../src/transport/xml/document.js";
import { isSpoilt } from "../../../src/transport/xml/spoilt.js";
import { ManualClock } from "../../support/memory-channel.js";
import { element } from "../../support/xml.js";

const me = bareJid("romeo@example.org");
const stamp = "2026-11-01T10:00:00.250Z";
const at = Date.UTC(2026, 10, 1, 10, 0, 0, 250);

/** What a test wants to be different about a result. */
interface Result {
  readonly id?: string;
  readonly queryId?: string;
  /** Attributes of the stanza around it. */
  readonly outer?: string;
  /** Replaces the delay element. */
  readonly delay?: string;
  /** Attributes and content of the message inside. */
  readonly inner?: string;
  readonly content?: string;
  /** Replaces the message inside. */
  readonly message?: string;
  /** Stands behind the result. */
  readonly behind?: string;
}

const messageInside = (o: Result): string =>
  o.message ?? `<message xmlns='jabber:client' ${o.inner ?? `from='juliet@example.org/balcony' to='${me}' type='chat'`}>${o.content ?? "<body>hi</body>"}</message>`;
const resultElement = (o: Result): string => `<result xmlns='urn:xmpp:mam:2' queryid='${o.queryId ?? ""}' id='${o.id ?? "a1"}'>`
  + `<forwarded xmlns='urn:xmpp:forward:0'>${o.delay ?? `<delay xmlns='urn:xmpp:delay' stamp='${stamp}'/>`}${messageInside(o)}</forwarded></result>`;
const resultStanza = (o: Result): XmlElement =>
  element(`<message xmlns='jabber:client' ${o.outer ?? `from='${me}'`} to='${me}/orchard'>${resultElement(o)}${o.behind ?? ""}</message>`);
const fin = (attributes = "complete='true'", set = "<first>a1</first><last>a1</last>"): XmlElement =>
  element(`<fin xmlns='urn:xmpp:mam:2' ${attributes}><set xmlns='http://jabber.org/protocol/rsm'>${set}</set></fin>`);

function setUp() {
  const asked: IqQuestion[] = [];
  const open: { resolve: (answer: XmlElement | undefined) => void; reject: (error: Error) => void }[] = [];
  const clock = new ManualClock();
  const archive = new Archive({
    account: me, rng: systemRng(), clock,
    iq: { request: (iq) => new Promise((resolve, reject) => { asked.push(iq); open.push({ resolve, reject }); }) },
  });
  const queryId = (): string => asked.at(-1)?.payload.attrs["queryid"] ?? "";
  return {
    asked, archive, queryId, open, clock,
    /** Hands a result of the last query in. */
    result: (o: Result = {}): boolean => archive.handleMessage(resultStanza({ queryId: queryId(), ...o })),
    end: (answer: XmlElement | undefined = fin()): void => { open.at(-1)?.resolve(answer); },
  };
}

/** One query whose results are `results`. */
async function pageOf(results: readonly Result[], answer: XmlElement | undefined = fin(), query: ArchiveQuery = {}): Promise<ArchivePage> {
  const { archive, result, end } = setUp();
  const page = archive.query(query);
  for (const each of results) expect(result(each)).toBe(true);
  end(answer);
  return page;
}
const ids = (page: ArchivePage): string[] => page.messages.map((message) => message.id);
const code = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => "fulfilled", (error: unknown) => (error as TransportError).code);

describe("which results count", () => {
  test("a result of an open query is a message with its id and the archive's time", async () => {
    const page = await pageOf([{ id: "x1" }, { id: "x2", inner: `from='${me}/orchard' to='juliet@example.org'` }]);
    expect(page).toMatchObject({ complete: true, stable: true, refused: 0 });
    expect(page.messages.map(({ id, stamp: time, stanza }) => [id, time, stanza.attrs["from"]])).toEqual([
      ["x1", at, "juliet@example.org/balcony"], ["x2", at, "romeo@example.org/orchard"],
    ]);
  });

  test("F05 a result counts only from the exact address of the archive, or without one", async () => {
    for (const outer of [`from='${me}'`, "from='Romeo@Example.org'", ""]) expect(ids(await pageOf([{ outer }]))).toEqual(["a1"]);
    for (const from of ["juliet@example.org", "example.org", `${me}/other`, "romeo@example.org.evil", "@"]) {
      const { archive, result, end } = setUp();
      const page = archive.query({});
      expect(result({ outer: `from='${from}'` })).toBe(true);
      end();
      expect(await page).toMatchObject({ messages: [], refused: 0 });
      expect(archive.dropped).toBe(1);
    }
  });

  test("F05 a result of no query, of another query or of one that is over is dropped, and is no other message either", async () => {
    const { archive, result, end, queryId } = setUp();
    expect(result({ queryId: "" })).toBe(true);
    const first = archive.query({});
    const firstId = queryId();
    const second = archive.query({});
    expect(result({ queryId: "guess" })).toBe(true);
    expect(result({ id: "two" })).toBe(true);
    end();
    expect(ids(await second)).toEqual(["two"]);
    expect(result({ id: "late" })).toBe(true);
    expect(archive.dropped).toBe(3);
    expect(result({ id: "one", queryId: firstId })).toBe(true);
    expect(archive.dropped).toBe(3);
    void first;
  });

  test("F05 a bounce and a stanza with two results are dropped", async () => {
    const { archive, result, end, queryId } = setUp();
    const page = archive.query({});
    result({ outer: `from='${me}' type='error'` });
    result({ behind: resultElement({ queryId: queryId(), id: "a2" }) });
    end();
    expect(ids(await page)).toEqual([]);
    expect(archive.dropped).toBe(2);
  });

  test("stanzas without a result are left to others", () => {
    const { archive } = setUp();
    expect(archive.handleMessage(element("<message xmlns='jabber:client'><body>hi</body></message>"))).toBe(false);
    expect(archive.handleMessage(element("<iq xmlns='jabber:client'><result xmlns='urn:xmpp:mam:2'/></iq>"))).toBe(false);
    expect(archive.handleMessage(element("<message xmlns='jabber:client'><result xmlns='urn:xmpp:mam:1'/></message>"))).toBe(false);
    expect(archive.dropped).toBe(0);
  });

  test.each([
    ["between two others", "from='juliet@example.org/x' to='tybalt@example.org'", 1],
    ["with our name at another domain", "from='romeo@evil.example' to='juliet@example.org'", 1],
    ["from a malformed address", `from='@' to='${me}'`, 1],
    ["to a malformed address", `from='${me}' to='a@'`, 1],
    ["to one of our devices", `from='juliet@example.org/x' to='${me}/orchard'`, 0],
    ["from one of our devices, to a contact", `from='${me}/orchard' to='juliet@example.org'`, 0],
    ["from ourselves to ourselves", `from='${me}/orchard'`, 0],
  ])("F06 a message %s counts only if it concerns the account", async (_, inner, dropped) => {
    const { archive, result, end } = setUp();
    const page = archive.query({});
    result({ inner });
    end();
    expect(await page).toMatchObject({ messages: { length: 1 - dropped }, refused: 0 });
    expect(archive.dropped).toBe(dropped);
  });

  test("F26 an archived message without from is from the account", async () => {
    expect(ids(await pageOf([{ inner: "to='juliet@example.org'" }]))).toEqual(["a1"]);
  });

  test.each<[string, Result]>([
    ["a copy", { content: "<received xmlns='urn:xmpp:carbons:2'/>" }],
    ["a sent copy", { content: "<sent xmlns='urn:xmpp:carbons:2'/>" }],
    ["a result", { content: "<result xmlns='urn:xmpp:mam:2'/>" }],
  ])("F04 a message that holds %s is dropped; Q03 the page is as good as without it", async (_, result) => {
    expect(await pageOf([result, { id: "a2" }])).toMatchObject({ messages: [{ id: "a2" }], refused: 0 });
  });

  test.each([
    ["no message", { message: "" }],
    ["an IQ", { message: "<iq xmlns='jabber:client'/>" }],
    ["a message of another namespace", { message: `<message xmlns='jabber:server' from='${me}'/>` }],
    ["two messages", { message: `<message xmlns='jabber:client' from='${me}'/><message xmlns='jabber:client' from='${me}'/>` }],
  ])("F04 a result with %s is refused: what it was is not known", async (_, result) => {
    expect(await pageOf([result])).toMatchObject({ messages: [], refused: 1 });
  });

  test("F04 a naked <forwarded/> beside the content is content like any other", async () => {
    expect(ids(await pageOf([{ content: "<body>see</body><forwarded xmlns='urn:xmpp:forward:0'/>" }]))).toEqual(["a1"]);
  });

  test("F19 a result without one usable stamp of the archive is refused", async () => {
    const delay = (value: string): string => `<delay xmlns='urn:xmpp:delay' stamp='${value}'/>`;
    for (const wrong of ["", delay(""), delay("yesterday"), delay("2026-02-30T10:00:00Z"), delay("1969-12-31T23:59:59Z"), delay(stamp) + delay(stamp)]) {
      expect(await pageOf([{ delay: wrong }])).toMatchObject({ messages: [], refused: 1 });
    }
  });

  test("L01 ids of 1,024 characters and no more; no id twice on a page", async () => {
    const page = await pageOf([{ id: "x".repeat(1_024) }, { id: "x".repeat(1_025) }, { id: "" }, { id: "b" }, { id: "b" }]);
    expect(ids(page)).toEqual(["x".repeat(1_024), "b"]);
    expect(page.refused).toBe(3);
  });

  test("F02 ids of queries hold 128 random bits and never repeat", () => {
    const { archive, asked } = setUp();
    for (let i = 0; i < 200; i++) void archive.query({});
    const queryIds = asked.map((iq) => iq.payload.attrs["queryid"] ?? "");
    expect(new Set(queryIds).size).toBe(200);
    for (const id of queryIds) expect(id).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe("questions", () => {
  test("a query asks the own archive, with the default size of a page", () => {
    const { archive, asked, queryId } = setUp();
    void archive.query({});
    expect(asked[0]).toMatchObject({ type: "set", to: me, timeoutMs: archiveTimeoutMs });
    expect(serializeXml(asked[0]?.payload as XmlElement)).toBe(
      `<query xmlns="urn:xmpp:mam:2" queryid="${queryId()}"><set xmlns="http://jabber.org/protocol/rsm"><max>${String(archivePageDefault)}</max></set></query>`);
  });

  test("filters and places are written as the specification says", () => {
    const { archive, asked, queryId } = setUp();
    const sent = (): string => serializeXml(asked.at(-1)?.payload as XmlElement);
    void archive.query({ with: bareJid("juliet@example.org"), start: at, end: at + 1_000, before: "", max: 7 });
    expect(sent()).toBe(`<query xmlns="urn:xmpp:mam:2" queryid="${queryId()}"><x xmlns="jabber:x:data" type="submit">`
      + '<field var="FORM_TYPE" type="hidden"><value>urn:xmpp:mam:2</value></field><field var="with"><value>juliet@example.org</value></field>'
      + '<field var="start"><value>2026-11-01T10:00:00.250Z</value></field><field var="end"><value>2026-11-01T10:00:01.250Z</value></field></x>'
      + '<set xmlns="http://jabber.org/protocol/rsm"><max>7</max><before/></set></query>');
    void archive.query({ after: "a<b" });
    expect(sent()).toContain("<max>50</max><after>a&lt;b</after></set>");
    void archive.query({ before: "c" });
    expect(sent()).toContain("<max>50</max><before>c</before></set>");
  });

  test("L01 pages of 1 to 100 messages; nothing is asked that has no meaning", async () => {
    const { archive, asked } = setUp();
    for (const max of [1, archivePageMax - 1, archivePageMax]) void archive.query({ max });
    expect(asked).toHaveLength(3);
    const wrong: ArchiveQuery[] = [
      { max: 0 }, { max: archivePageMax + 1 }, { max: 1.5 }, { max: Number.NaN }, { after: "" }, { after: "x".repeat(1_025) }, { before: "x".repeat(1_025) },
      { after: "a", before: "b" }, { after: "a", before: "" }, { start: -1 }, { end: Number.NaN }, { start: 253_402_300_800_000 },
    ];
    for (const query of wrong) expect(await code(archive.query(query))).toBe("ERR_INVALID_ARGUMENT");
    expect(asked).toHaveLength(3);
  });
});

describe("results that break a limit", () => {
  const spoilt = (o: Result): XmlElement => {
    const document = readXmlDocument(`<message xmlns='jabber:client' from='${me}'>${resultElement(o)}</message>`);
    if (document.kind === "refused") throw document.error;
    return document.element;
  };

  test("P12 a message that breaks a limit is a message of the page without its content: whoever reads on passes it", async () => {
    const { archive, queryId, end, result } = setUp();
    const page = archive.query({});
    archive.handleMessage(spoilt({ id: "x1", queryId: queryId(), content: "<body>hi</body><x xmlns='a b'/>" }));
    result({ id: "x2" });
    end(fin("", "<first>x1</first><last>x2</last>"));
    expect(await page).toMatchObject({ refused: 0, last: "x2", messages: [{ id: "x1", stamp: at, stanza: { children: [], attrs: { from: "juliet@example.org/balcony" } } }, { id: "x2" }] });
    expect((await page).messages.map(({ stanza }) => isSpoilt(stanza))).toEqual([true, false]);
  });

  test("P12 a result without its message counts as refused, under its own id", async () => {
    const { archive, queryId, end } = setUp();
    const page = archive.query({});
    archive.handleMessage(spoilt({ id: "x1", queryId: queryId(), message: "<message xmlns='a b'/>" }));
    end(fin("", "<first>x1</first><last>x1</last>"));
    expect(await page).toMatchObject({ refused: 1, messages: [], last: "x1" });
  });

  test("F04 F06 what it is wrapped in, and between whom it is, count as for others", async () => {
    const { archive, queryId, end } = setUp();
    const page = archive.query({});
    archive.handleMessage(spoilt({ id: "x1", queryId: queryId(), inner: "from='a@x.example' to='b@x.example'", content: "<x xmlns='a b'/>" }));
    archive.handleMessage(spoilt({ id: "x2", queryId: queryId(), content: "<x xmlns='a b'/><received xmlns='urn:xmpp:carbons:2'/>" }));
    end();
    expect(await page).toMatchObject({ refused: 0, messages: [] });
    expect(archive.dropped).toBe(2);
  });
});

describe("pages", () => {
  test("Prosody: no `complete` on a page that goes on, no count", async () => {
    expect(await pageOf([{ id: "a1" }], fin(""))).toMatchObject({ complete: false, first: "a1", last: "a1" });
    expect(await pageOf([{ id: "a1" }], fin(""))).not.toHaveProperty("count");
    expect(await pageOf([], fin("complete='true'", ""))).toEqual({ messages: [], complete: true, stable: true, refused: 0 });
  });

  test("ejabberd: complete='false' on a page that goes on, with a count", async () => {
    const page = await pageOf([{ id: "1793527200250001" }], fin("complete='false' stable='true'", "<first index='3'>1793527200250001</first><last>1793527200250001</last><count>20</count>"));
    expect(page).toMatchObject({ complete: false, stable: true, first: "1793527200250001", last: "1793527200250001", count: 20 });
  });

  test.each([["complete='1'", true], ["complete='yes'", false], ["complete=''", false], ["complete='TRUE'", false]])("%s: %s", async (attributes, complete) => {
    expect((await pageOf([{}], fin(attributes))).complete).toBe(complete);
  });

  test("Q03 a page that may still change says so: nothing is known to be absent", async () => {
    expect(await pageOf([], fin("complete='true' stable='false'", ""))).toMatchObject({ stable: false });
  });

  test("the ends of a page are the server's, or else those of its messages; nonsense in counts is no count", async () => {
    expect(await pageOf([{ id: "a1" }, { id: "a2" }], fin("", ""))).toMatchObject({ first: "a1", last: "a2" });
    expect(await pageOf([{ id: "a1" }], fin("", "<first>a0</first><last>a9</last><count>-1</count>"))).toMatchObject({ first: "a0", last: "a9" });
    expect(await pageOf([{ id: "a1" }], fin("", "<count>-1</count>"))).not.toHaveProperty("count");
    expect(await pageOf([{ id: "a1" }], fin("", `<last>${"x".repeat(1_025)}</last>`))).toMatchObject({ last: "a1" });
  });

  test("a page whose messages were all refused still leads on", async () => {
    expect(await pageOf([{ delay: "" }], fin(""))).toMatchObject({ messages: [], refused: 1, complete: false, last: "a1" });
  });

  test.each<[string, ArchiveQuery, string]>([
    ["names no end", {}, ""],
    ["ends where it began", { after: "a1" }, "<first>a1</first><last>a1</last>"],
    ["begins where it should end", { before: "a1" }, "<first>a1</first><last>a1</last>"],
    ["names no beginning, asked from the end", { before: "" }, "<last>a1</last>"],
  ])("L01 an incomplete page that %s is refused: paging must end", async (_, query, set) => {
    expect(await code(pageOf([], fin("", set), query))).toBe("ERR_STREAM_PROTOCOL");
    expect(await code(pageOf([], fin("complete='true'", set), query))).toBe("fulfilled");
  });

  test("L01 as many results as were asked for, whatever they are: n-1, n, n+1", async () => {
    const results = (count: number): Result[] => Array.from({ length: count }, (_, i) => [{ id: "" }, { inner: "from='a@x.example' to='b@x.example'" }][i] ?? { id: `a${String(i)}` });
    expect(await pageOf(results(3), fin(), { max: 4 })).toMatchObject({ refused: 1, messages: { length: 1 } });
    expect(await pageOf(results(4), fin(), { max: 4 })).toMatchObject({ refused: 1, messages: { length: 2 } });
    expect(await code(pageOf(results(5), fin(), { max: 4 }))).toBe("ERR_STREAM_PROTOCOL");
  });

  test("an answer that is not the end of a page is an error, not an empty page", async () => {
    for (const answer of [element("<query xmlns='urn:xmpp:mam:2'/>"), element("<fin xmlns='urn:xmpp:mam:1' complete='true'/>")]) {
      expect(await code(pageOf([{}], answer))).toBe("ERR_STREAM_PROTOCOL");
    }
    const { archive, open } = setUp();
    const page = archive.query({});
    open[0]?.resolve(undefined);
    expect(await code(page)).toBe("ERR_STREAM_PROTOCOL");
  });
});

describe("pages that fail", () => {
  test.each([
    ["item-not-found", new TransportError("ERR_STANZA_ERROR", "no", { details: { condition: "item-not-found" } })],
    ["no answer in time", new TransportError("ERR_IQ_TIMEOUT", "late", { retryable: true })],
    ["the caller gives up", new UsageError("ERR_ABORTED", "aborted")],
  ])("Q03 %s: the error comes through, what has arrived is gone, and what still arrives is dropped", async (_, error) => {
    const { archive, open, result, end } = setUp();
    const page = archive.query({});
    result({ id: "early" });
    open[0]?.reject(error);
    expect(await page.catch((thrown: unknown) => thrown)).toBe(error);
    result({ id: "late" });
    expect(archive.dropped).toBe(1);
    const next = archive.query({});
    end();
    expect(await next).toMatchObject({ messages: [], refused: 0 });
  });

  test("a request that is never sent leaves no open query", async () => {
    const archive = new Archive({ account: me, rng: () => new Uint8Array(16), clock: new ManualClock(), iq: { request: () => Promise.reject(new TransportError("ERR_STREAM_CLOSED", "gone", { retryable: true })) } });
    expect(await code(archive.query({}))).toBe("ERR_STREAM_CLOSED");
    expect(archive.handleMessage(resultStanza({ queryId: "0".repeat(32) }))).toBe(true);
    expect(archive.dropped).toBe(1);
  });

  test("the signal reaches the request", () => {
    const { archive, asked } = setUp();
    const { signal } = new AbortController();
    void archive.query({}, signal);
    void archive.supported(signal);
    expect(asked.map((iq) => iq.signal)).toEqual([signal, signal]);
  });
});

describe("support", () => {
  const info = (...features: string[]): XmlElement =>
    element(`<query xmlns='http://jabber.org/protocol/disco#info'>${features.map((feature) => `<feature var='${feature}'/>`).join("")}</query>`);
  const answered = async (...features: string[]): Promise<readonly [boolean, boolean, number]> => {
    const { archive, asked, end } = setUp();
    const supported = archive.supported();
    expect(asked[0]).toMatchObject({ type: "get", to: me });
    end(info(...features));
    return [await supported, await archive.stanzaIdsTrusted(), asked.length];
  };

  test("F10 the account's own disco says whether there is an archive, and whether its ids can be believed; asked once", async () => {
    expect(await answered("urn:xmpp:mam:2", "urn:xmpp:sid:0")).toEqual([true, true, 1]);
    expect(await answered("urn:xmpp:mam:2")).toEqual([true, false, 1]);
    expect(await answered("urn:xmpp:sid:0")).toEqual([false, false, 1]);
    expect(await answered("urn:xmpp:mam:1")).toEqual([false, false, 1]);
  });

  test("no answer is not a no, and is asked again", async () => {
    const { archive, open, end, asked } = setUp();
    const first = archive.supported();
    open[0]?.reject(new TransportError("ERR_IQ_TIMEOUT", "late", { retryable: true }));
    expect(await code(first)).toBe("ERR_IQ_TIMEOUT");
    const second = archive.supported();
    end(info("urn:xmpp:mam:2"));
    expect(await second).toBe(true);
    expect(asked).toHaveLength(2);
  });
});
