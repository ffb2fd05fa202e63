/** Requests and answers: threats F01, F02, F24, P15, N19, and the forms of error stanzas. */
import { describe, expect, test } from "vitest";
import type { Clock } from "../../../src/base/clock.js";
import { Emitter } from "../../../src/base/events.js";
import { bareJid, parseJid, type FullJid, type Jid } from "../../../src/base/jid.js";
import { iqOpenMax, iqTimeoutMs } from "../../../src/base/limits.js";
import { systemRng } from "../../../src/base/rng.js";
import { findChild, serializeXml, xml, type XmlElement, type XmlNode } from "../../../src/base/xml.js";
import type { Delivery, Stream, StreamEnd } from "../../../src/transport/connection/stream.js";
import { TransportError } from "../../../src/transport/errors.js";
import { IqClient } from "../../../src/transport/stream/iq.js";
import { stanzaError } from "../../../src/transport/stream/stanza-error.js";
import { clientNamespace } from "../../../src/transport/xep/namespaces.js";
import { streamError } from "../../../src/transport/stream/stream-error.js";
import { readXmlDocument } from "../../../src/transport/xml/document.js";

const own = parseJid("romeo@verona.example/orchard") as FullJid;
const juliet = bareJid("juliet@capulet.example");
const query = xml("urn:x", "query");

/** A clock that only moves by hand. */
class ManualClock implements Clock {
  readonly tasks = new Map<object, { at: number; task: () => void }>();
  time = 0;
  now = (): number => this.time;
  monotonic = (): number => this.time;
  schedule = (delayMs: number, task: () => void): (() => void) => {
    const key = {};
    this.tasks.set(key, { at: this.time + delayMs, task });
    return () => { this.tasks.delete(key); };
  };
  advance(ms: number): void {
    this.time += ms;
    for (const [key, { at, task }] of [...this.tasks]) {
      if (at > this.time) continue;
      this.tasks.delete(key);
      task();
    }
  }
}

const delivery: Delivery = { number: 1, hold: () => () => undefined };

/** A signal that counts who listens. */
function listened() {
  const controller = new AbortController();
  const { signal } = controller;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  const counting = Object.assign(signal, {
    listeners: 0,
    addEventListener: (...call: Parameters<typeof add>) => { counting.listeners += 1; add(...call); },
    removeEventListener: (...call: Parameters<typeof remove>) => { counting.listeners -= 1; remove(...call); },
  });
  return { signal: counting, abort: () => { controller.abort(); } };
}

function setUp() {
  const stanzas = new Emitter<XmlElement>();
  const ends = new Emitter<StreamEnd>();
  const sent: XmlElement[] = [];
  const state: { isOpen: boolean; refusal?: Error } = { isOpen: true };
  const stream: Stream = {
    jid: own, features: xml("http://etherx.jabber.org/streams", "features"), get isOpen() { return state.isOpen; },
    start: { kind: "unmanaged" }, session: undefined,
    send: async (stanza) => {
      serializeXml(stanza);
      sent.push(stanza);
      if (state.refusal !== undefined) throw state.refusal;
    },
    sendTracked: (stanza) => ({ sequence: sent.push(stanza), written: Promise.resolve() }), onAcknowledged: () => () => undefined,
    onStanza: (listener) => stanzas.subscribe((stanza) => { listener(stanza, delivery); }), onEnd: (listener) => ends.subscribe(listener), close: () => Promise.resolve(),
  };
  const clock = new ManualClock();
  const iq = new IqClient(stream, { rng: systemRng(), clock });
  const lastId = (): string => sent.at(-1)?.attrs["id"] ?? "";
  const reply = (attrs: Record<string, string | undefined>, ...children: XmlNode[]): void => {
    stanzas.emit(xml(clientNamespace, "iq", { type: "result", id: lastId(), ...attrs }, ...children));
  };
  return { stanzas, ends, sent, state, clock, iq, reply, lastId };
}

const outcomeOf = (promise: Promise<unknown>): Promise<unknown> => promise.then((value) => value ?? "empty", (error: unknown) => (error as { code: string }).code);

describe("answers", () => {
  test.each<[string, Jid | undefined, (string | undefined)[], (string | undefined)[]]>([
    ["our account, unnamed", undefined, [undefined, "romeo@verona.example", "verona.example", own], ["juliet@capulet.example", "romeo@verona.example/other", "verona.example.evil", "romeo@evil.example", "@"]],
    ["our account, named", bareJid("romeo@verona.example"), [undefined, "ROMEO@verona.example", "verona.example"], ["juliet@capulet.example", "capulet.example"]],
    ["our server", bareJid("verona.example"), ["verona.example", undefined], ["juliet@capulet.example", "romeo@verona.example", "conference.verona.example"]],
    ["a contact", juliet, ["juliet@capulet.example", "Juliet@Capulet.example"], [undefined, "juliet@capulet.example/balcony", "capulet.example", "verona.example", "romeo@verona.example", "mallory@capulet.example"]],
    ["a full address", parseJid("juliet@capulet.example/balcony"), ["juliet@capulet.example/balcony"], ["juliet@capulet.example", "juliet@capulet.example/Balcony", undefined]],
  ])("F01 a request to %s is answered by no one else, and a false answer does not use it up", async (_, to, right, wrong) => {
    for (const from of right) {
      const { iq, reply } = setUp();
      const answer = iq.request({ type: "get", payload: query, ...(to === undefined ? {} : { to }) });
      for (const other of wrong) {
        reply({ from: other }, xml("urn:x", "forged"));
        reply({ from: other, type: "error" });
      }
      expect(iq.openCount).toBe(1);
      reply({ from, id: "somethingelse" }, xml("urn:x", "forged"));
      reply({ from }, query);
      expect(await answer).toEqual(query);
      expect(iq.openCount).toBe(0);
    }
  });

  test("F02 ids hold 128 random bits and never repeat", () => {
    const { iq, sent } = setUp();
    for (let i = 0; i < 500; i++) iq.request({ type: "get", payload: query }).catch(() => undefined);
    const ids = sent.map((stanza) => stanza.attrs["id"] ?? "");
    expect(new Set(ids).size).toBe(500);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
  });

  test("a second answer is ignored", async () => {
    const { iq, reply } = setUp();
    const answer = iq.request({ type: "set", payload: query });
    reply({});
    reply({}, query);
    expect(await answer).toBeUndefined();
  });

  test.each<[string, XmlNode[], string, unknown]>([
    ["without an error element", [], "undefined-condition", undefined],
    ["with an empty error element", [xml(clientNamespace, "error")], "undefined-condition", undefined],
    ["with text only", [xml(clientNamespace, "error", {}, xml("urn:ietf:params:xml:ns:xmpp-stanzas", "text", {}, "secret"))], "undefined-condition", undefined],
    ["with a condition that no RFC knows", [xml(clientNamespace, "error", {}, xml("urn:ietf:params:xml:ns:xmpp-stanzas", "made-up"))], "undefined-condition", undefined],
    ["with the application condition first", [xml(clientNamespace, "error", { type: "cancel" }, xml("http://jabber.org/protocol/pubsub#errors", "precondition-not-met"), xml("urn:ietf:params:xml:ns:xmpp-stanzas", "conflict"))], "conflict", "precondition-not-met"],
    ["with a foreign element of that name first", [xml(clientNamespace, "error", {}, xml("urn:x", "conflict"), xml("urn:ietf:params:xml:ns:xmpp-stanzas", "forbidden"))], "forbidden", undefined],
  ])("P15 an error stanza %s fails the request at once with a typed condition", async (_, children, condition, application) => {
    const { iq, reply } = setUp();
    const answer = iq.request({ type: "get", payload: query });
    reply({ type: "error" }, ...children);
    const error = await answer.catch((thrown: unknown) => thrown) as TransportError;
    expect(error.code).toBe("ERR_STANZA_ERROR");
    expect(error.details["condition"]).toBe(condition);
    expect(error.details["application"]).toBe(application);
    expect(`${error.message}${JSON.stringify(error)}`).not.toContain("secret");
  });

  test("an error of type wait may be retried", async () => {
    const { iq, reply } = setUp();
    const answer = iq.request({ type: "get", payload: query });
    reply({ type: "error" }, xml(clientNamespace, "error", { type: "wait" }, xml("urn:ietf:params:xml:ns:xmpp-stanzas", "resource-constraint")));
    expect(await answer.catch((error: unknown) => (error as TransportError).retryable)).toBe(true);
  });

  test("P15 a stream error without its children is undefined-condition; a conflict has a code of its own", () => {
    const error = (...children: XmlNode[]): TransportError => streamError(xml("http://etherx.jabber.org/streams", "error", {}, ...children));
    expect(error()).toMatchObject({ code: "ERR_STREAM_ERROR", details: { condition: "undefined-condition" } });
    expect(error(xml("urn:ietf:params:xml:ns:xmpp-streams", "text", {}, "x"))).toMatchObject({ details: { condition: "undefined-condition" } });
    expect(error(xml("urn:ietf:params:xml:ns:xmpp-streams", "conflict"))).toMatchObject({ code: "ERR_STREAM_CONFLICT", retryable: false });
  });
});

describe("bounds", () => {
  test("L03 the limit of open requests: n-1, n, n+1", async () => {
    const { iq } = setUp();
    for (let i = 0; i < iqOpenMax; i++) iq.request({ type: "get", payload: query }).catch(() => undefined);
    expect(iq.openCount).toBe(iqOpenMax);
    expect(await outcomeOf(iq.request({ type: "get", payload: query }))).toBe("ERR_IQ_TOO_MANY");
  });

  test("Q20 a request that the stream does not take fails at once, for the stream's reason or as one that is closed, and leaves nothing", async () => {
    const { iq, clock, state } = setUp();
    for (const [refusal, code] of [[new TransportError("ERR_STANZA_TOO_LARGE", "too large"), "ERR_STANZA_TOO_LARGE"], [new TypeError("of the platform"), "ERR_STREAM_CLOSED"]] as const) {
      state.refusal = refusal;
      expect(await outcomeOf(iq.request({ type: "get", payload: query }))).toBe(code);
    }
    expect([iq.openCount, clock.tasks.size]).toEqual([0, 0]);
  });

  test("N19 a request without an answer fails at its deadline, not before, and leaves no timer", async () => {
    const { iq, clock } = setUp();
    let settled = false;
    const outcome = outcomeOf(iq.request({ type: "get", payload: query })).finally(() => { settled = true; });
    clock.advance(iqTimeoutMs - 1);
    await Promise.resolve();
    expect(settled).toBe(false);
    clock.advance(1);
    expect(await outcome).toBe("ERR_IQ_TIMEOUT");
    expect(clock.tasks.size).toBe(0);
  });

  test("N19 a large request gets the time that a slow link takes for it, unless its sender says how long", async () => {
    const { iq, clock } = setUp();
    const avatar = xml("urn:x", "data", {}, "A".repeat(100 * 1024));
    const late: string[] = [];
    void outcomeOf(iq.request({ type: "set", payload: avatar })).then(() => { late.push("default"); });
    void outcomeOf(iq.request({ type: "set", payload: avatar, timeoutMs: 50_000 })).then(() => { late.push("own"); });
    for (const [passed, expected] of [[iqTimeoutMs + 24_999 - 10_000, []], [50_000, ["own"]], [iqTimeoutMs + 24_999, ["own"]], [iqTimeoutMs + 25_000, ["own", "default"]]] as const) {
      clock.advance(passed - clock.time);
      await new Promise<void>((resolve) => { queueMicrotask(resolve); });
      await Promise.resolve();
      expect([passed, late]).toEqual([passed, expected]);
    }
  });

  test("the end of the stream fails all requests at once, and later ones", async () => {
    const { iq, ends, state, clock, stanzas } = setUp();
    const outcomes = [1, 2, 3].map(() => outcomeOf(iq.request({ type: "get", payload: query })));
    state.isOpen = false;
    ends.emit({});
    expect(await Promise.all(outcomes)).toEqual(["ERR_STREAM_CLOSED", "ERR_STREAM_CLOSED", "ERR_STREAM_CLOSED"]);
    expect(await outcomeOf(iq.request({ type: "get", payload: query }))).toBe("ERR_STREAM_CLOSED");
    expect([clock.tasks.size, stanzas.size]).toEqual([0, 0]);
  });

  test("requests that share a signal share a listener: all of them are aborted, and none stays behind", async () => {
    const { iq, reply, lastId } = setUp();
    const { signal, abort } = listened();
    const answered = iq.request({ type: "get", to: juliet, payload: query, signal });
    const id = lastId();
    const others = Array.from({ length: 20 }, () => iq.request({ type: "get", to: juliet, payload: query, signal }));
    expect(signal.listeners).toBe(1);
    reply({ id, from: juliet });
    await answered;
    abort();
    for (const other of others) await expect(other).rejects.toMatchObject({ code: "ERR_ABORTED" });
    expect(signal.listeners).toBe(0);
    const { signal: another } = listened();
    const last = iq.request({ type: "get", to: juliet, payload: query, signal: another });
    expect(another.listeners).toBe(1);
    reply({ from: juliet });
    await last;
    expect(another.listeners).toBe(0);
  });

  test("an aborted request fails with ERR_ABORTED, before and after it was sent", async () => {
    const { iq, clock, sent } = setUp();
    const controller = new AbortController();
    const outcome = outcomeOf(iq.request({ type: "get", payload: query, signal: controller.signal }));
    controller.abort();
    expect(await outcome).toBe("ERR_ABORTED");
    expect(await outcomeOf(iq.request({ type: "get", payload: query, signal: controller.signal }))).toBe("ERR_ABORTED");
    expect([clock.tasks.size, sent.length, iq.openCount]).toEqual([0, 1, 0]);
  });
});

describe("requests from others", () => {
  const ask = (attrs: Record<string, string | undefined>, ...children: XmlNode[]): XmlElement => xml(clientNamespace, "iq", { type: "get", id: "1", from: "juliet@capulet.example/balcony", ...attrs }, ...children);

  test("F24 what nobody handles is answered service-unavailable, whatever it is", () => {
    const { stanzas, sent } = setUp();
    for (const stanza of [ask({}, query), ask({ type: "set" }, query), ask({}), ask({ from: undefined }, query)]) stanzas.emit(stanza);
    expect(sent).toHaveLength(4);
    for (const answer of sent) expect(answer).toMatchObject({ attrs: { type: "error", id: "1" }, children: [{ name: "error", children: [{ name: "service-unavailable" }] }] });
    expect(sent.map((answer) => answer.attrs["to"])).toEqual(["juliet@capulet.example/balcony", "juliet@capulet.example/balcony", "juliet@capulet.example/balcony", undefined]);
  });

  test("requests without an id, results and errors that nobody waits for are never answered", () => {
    const { stanzas, sent } = setUp();
    for (const attrs of [{ id: undefined }, { type: "result" }, { type: "error" }, { type: "other" }, { from: "@" }]) stanzas.emit(ask(attrs, query));
    expect(sent).toEqual([]);
  });

  test("a handler answers for its namespace; one that declines or throws looks like nobody", () => {
    const { iq, stanzas, sent } = setUp();
    const remove = iq.handle("urn:x", ({ type, from }) => {
      if (type === "set") throw new TransportError("ERR_STREAM_PROTOCOL", "a bug");
      return from === undefined ? undefined : xml("urn:x", "answer");
    });
    stanzas.emit(ask({}, query));
    stanzas.emit(ask({ from: undefined }, query));
    stanzas.emit(ask({ type: "set" }, query));
    remove();
    stanzas.emit(ask({}, query));
    expect(sent.map((answer) => answer.attrs["type"])).toEqual(["result", "error", "error", "error"]);
  });

  test.each<[string, unknown]>([
    ["a name that is none", { ns: "urn:x", name: "two words", attrs: {}, children: [] }], ["no children", { ns: "urn:x", name: "command", attrs: {} }],
    ["no element", 5], ["characters that XML does not have", "\u0000"],
  ])("an answer that cannot be written is an error to the asker, who would wait for it in vain: %s", async (_, answer) => {
    const { iq, stanzas, sent } = setUp();
    iq.handle("urn:x", () => answer as XmlElement);
    stanzas.emit(ask({}, query));
    await Promise.resolve();
    expect(sent).toMatchObject([{ attrs: { type: "error", id: "1", to: "juliet@capulet.example/balcony" }, children: [{ children: [{ name: "service-unavailable" }] }] }]);
  });
});

describe("a stanza that breaks a limit", () => {
  const broken = (type: string, attrs: string): XmlElement =>
    (readXmlDocument(`<iq xmlns='jabber:client' type='${type}' ${attrs}><query xmlns='urn:x'><x xmlns='a b'/></query></iq>`) as { readonly element: XmlElement }).element;

  test("P12 as an answer it fails the request with a typed error: without its content it would look like an empty result", async () => {
    const { iq, stanzas, lastId } = setUp();
    const answer = iq.request({ type: "get", to: juliet, payload: query });
    stanzas.emit(broken("result", `id='${lastId()}' from='${juliet}'`));
    await expect(answer).rejects.toMatchObject({ code: "ERR_STREAM_LIMIT", details: { condition: "policy-violation" } });
    expect(iq.openCount).toBe(0);
    const refused = iq.request({ type: "get", to: juliet, payload: query });
    stanzas.emit(broken("error", `id='${lastId()}' from='${juliet}'`));
    await expect(refused).rejects.toMatchObject({ code: "ERR_STANZA_ERROR", details: { condition: "undefined-condition" } });
  });

  test("P12 F01 from somebody else it does not use the request up", async () => {
    const { iq, stanzas, lastId, reply } = setUp();
    const answer = iq.request({ type: "get", to: juliet, payload: query });
    stanzas.emit(broken("result", `id='${lastId()}' from='mallory@x.example'`));
    reply({ from: juliet }, query);
    expect(await answer).toBe(query);
  });

  test("P12 F24 as a request it is refused as if nobody were listening", () => {
    const { iq, stanzas, sent } = setUp();
    let handled = 0;
    iq.handle("urn:x", () => { handled++; return null; });
    stanzas.emit(broken("set", `id='7' from='${juliet}'`));
    expect([handled, sent.length, sent[0]?.attrs["type"], sent[0]?.attrs["id"]]).toEqual([0, 1, "error", "7"]);
    expect(findChild(sent[0]?.children[0] as XmlElement, "urn:ietf:params:xml:ns:xmpp-stanzas", "service-unavailable")).toBeDefined();
  });
});

test("P15 H02 of an error nothing is kept but words that an RFC knows", () => {
  const error = xml("jabber:client", "error", { type: "evil" }, xml("urn:ietf:params:xml:ns:xmpp-stanzas", "evil"), xml("urn:x", "evil"), xml("urn:x", "closed-node"));
  expect(stanzaError(xml("jabber:client", "iq", { type: "error" }, error)).details).toEqual({ condition: "undefined-condition", application: "closed-node" });
});
