/** Publishing to PEP on servers that differ, and reading from it. @module */
import { describe, expect, test } from "vitest";
import { UsageError } from "../../../src/base/errors.js";
import { bareJid } from "../../../src/base/jid.js";
import { xml } from "../../../src/base/xml.js";
import { TransportError } from "../../../src/transport/errors.js";
import { satisfies } from "../../../src/transport/features/pep-model.js";
import { Pep, type Publication } from "../../../src/transport/features/pep.js";
import { ejabberdDialect, FakePepServer, prosodyDialect, type PepDialect } from "../../support/fake-pep-server.js";

const me = bareJid("romeo@example.org");
const other = bareJid("juliet@example.org");
const node = "urn:example:node";
const payload = xml("urn:example", "thing");
const many: Publication = { node, id: "1", payload, policy: { accessModel: "open", items: "many" } };
const one: Publication = { node, id: "current", payload, policy: { accessModel: "open", items: "one" } };
const right = { access_model: "open", persist_items: "true" };

function setUp(dialect: PepDialect): { server: FakePepServer; pep: Pep } {
  const server = new FakePepServer(me, dialect);
  return { server, pep: new Pep(server) };
}
const configOf = (server: FakePepServer): Record<string, string> => Object.fromEntries(server.node(node)?.config ?? []);
const steps = (server: FakePepServer): string[] => server.log.map((line) => line.split(" ")[0] as string);

test("T17 a node counts as right only if everybody may read it, it keeps its items, and has room for them", () => {
  const isRight = (fields: Readonly<Record<string, string>>, policy = many.policy): boolean =>
    satisfies(new Map(Object.entries({ ...right, ...fields }).map(([name, value]) => [`pubsub#${name}`, [value]])), policy);
  for (const fields of [{}, { max_items: "max" }, { max_items: "10" }, { persist_items: "1" }]) expect(isRight(fields)).toBe(true);
  for (const fields of [{ access_model: "presence" }, { persist_items: "false" }, { persist_items: "0" }, { max_items: "9" }, { max_items: "many" }]) expect(isRight(fields)).toBe(false);
  expect(isRight({ max_items: "1" }, one.policy)).toBe(true);
});

describe("publishing", () => {
  test("T17 Prosody: one publication with all options, then the configuration is read back", async () => {
    const { server, pep } = setUp(prosodyDialect);
    expect(await pep.publish(many)).toEqual({ configuration: "confirmed" });
    expect(server.log).toEqual(["publish access_model=open persist_items=true max_items=max", "configure"]);
    expect(configOf(server)).toEqual({ ...right, max_items: "max" });
  });

  test("T17 ejabberd: options that it does not take make us create the node with its configuration", async () => {
    const { server, pep } = setUp(ejabberdDialect);
    expect(await pep.publish(many)).toEqual({ configuration: "confirmed" });
    expect(server.log).toEqual([
      "publish access_model=open persist_items=true max_items=max",
      "create access_model=open persist_items=true max_items=max",
      "publish access_model=open persist_items=true",
      "configure",
    ]);
    expect(configOf(server)).toEqual({ ...right, max_items: "max" });
  });

  test("T17 ejabberd: a node that another client left with one item is configured before anything is published to it", async () => {
    const { server, pep } = setUp(ejabberdDialect);
    server.place(me, node, { ...right, max_items: "1" }, { 7: payload });
    expect(await pep.publish(many)).toEqual({ configuration: "confirmed" });
    expect([...(server.node(node)?.items.keys() ?? [])]).toEqual(["7", "1"]);
    expect(configOf(server)).toEqual({ ...right, max_items: "max" });
  });

  test("T17 ejabberd: a single-item node needs no option beyond those it takes", async () => {
    const { server, pep } = setUp(ejabberdDialect);
    expect(await pep.publish(one)).toEqual({ configuration: "confirmed" });
    expect(steps(server)).toEqual(["publish", "configure"]);
  });

  test("T17 precondition-not-met: the form is read, what differs is set, and the item is published again once", async () => {
    const { server, pep } = setUp(prosodyDialect);
    server.place(me, node, { access_model: "presence", persist_items: "true", max_items: "1" });
    expect(await pep.publish(many)).toEqual({ configuration: "confirmed" });
    expect(steps(server)).toEqual(["publish", "configure", "configure", "publish", "configure"]);
    expect(configOf(server)).toEqual({ ...right, max_items: "max" });
  });

  test("T17 a node that cannot be configured: published without options at last, and the report says so; no loop", async () => {
    const { server, pep } = setUp({ ...prosodyDialect, frozenConfiguration: true });
    server.place(me, node, { access_model: "presence", persist_items: "true", max_items: "1" });
    expect(await pep.publish(many)).toEqual({ configuration: "unconfirmed" });
    expect(server.node(node)?.items.size).toBe(1);
    expect(server.log.filter((line) => line.startsWith("publish"))).toHaveLength(3);
    expect(server.log.length).toBeLessThan(12);
  });

  test.each([[1_000, "1000"], [100, "100"], [10, "10"]])("T17 a server that takes at most %i items gets exactly that", async (maxItemsMax, expected) => {
    const { server, pep } = setUp({ ...prosodyDialect, maxItemsMax });
    expect(await pep.publish(many)).toEqual({ configuration: "confirmed" });
    expect(configOf(server)["max_items"]).toBe(expected);
  });

  test("T17 a server that takes no number at all still gets the item, on a node we report as unconfirmed", async () => {
    const { server, pep } = setUp({ ...prosodyDialect, maxItemsMax: 5 });
    expect(await pep.publish(many)).toEqual({ configuration: "unconfirmed" });
    expect(server.node(node)?.items.size).toBe(1);
  });

  test("T17 a server without publish-options: the node is created right, the item is published bare", async () => {
    const { server, pep } = setUp({ ...prosodyDialect, noPublishOptions: true });
    expect(await pep.publish(many)).toEqual({ configuration: "confirmed" });
    expect(server.log.filter((line) => line.startsWith("publish")).at(-1)).toBe("publish");
    expect(configOf(server)).toEqual({ ...right, max_items: "max" });
  });

  test("T17 a server that ignores the options is found out by reading back, and repaired", async () => {
    const { server } = setUp(prosodyDialect);
    // publish-options are optional in XEP-0060: a server that does not know them drops them in silence.
    const withoutOptions = new Pep({ request: (iq) => server.request({ ...iq, payload: {
      ...iq.payload, children: iq.payload.children.filter((child) => typeof child !== "object" || child.name !== "publish-options"),
    } }) });
    expect(await withoutOptions.publish(many)).toEqual({ configuration: "confirmed" });
    expect(configOf(server)).toEqual({ ...right, max_items: "max" });
  });

  test("T17 a confirmed node is not looked at again on the same stream, unless the server reports a mismatch", async () => {
    const { server, pep } = setUp(prosodyDialect);
    await pep.publish(many);
    server.log.length = 0;
    await pep.publish({ ...many, id: "2" });
    expect(steps(server)).toEqual(["publish"]);
    server.node(node)?.config.set("access_model", "whitelist");
    server.log.length = 0;
    expect(await pep.publish(many)).toEqual({ configuration: "confirmed" });
    expect(configOf(server)["access_model"]).toBe("open");
    expect(steps(server).at(-1)).toBe("configure");
  });

  // 1: the publication; 2: and the creation; 6: and every attempt but the last.
  test.each([1, 2, 6])("T17 item-not-found to %i requests, as from a server whose creation of nodes got stuck, still ends with the right node", async (times) => {
    const { server, pep } = setUp(ejabberdDialect);
    let stuck = times;
    server.before = ({ type }) => {
      if (type === "set" && stuck-- > 0) throw new TransportError("ERR_STANZA_ERROR", "refused", { details: { condition: "item-not-found" } });
    };
    expect(await pep.publish(many)).toEqual({ configuration: "confirmed" });
    expect(server.node(node)?.items.size).toBe(1);
    expect(configOf(server)["access_model"]).toBe("open");
  });

  test("T17 a server that never has the node is given up after a fixed number of requests, and later is worth another try", async () => {
    const { server, pep } = setUp(ejabberdDialect);
    let requests = 0;
    server.before = () => {
      requests++;
      throw new TransportError("ERR_STANZA_ERROR", "refused", { details: { condition: "item-not-found" } });
    };
    await expect(pep.publish(many)).rejects.toMatchObject({ code: "ERR_PUBLISH_FAILED", retryable: true });
    expect(requests).toBeLessThan(12);
  });

  test.each(["forbidden", "not-authorized", "service-unavailable", "policy-violation"])("a refusal with %s is an error at once, not a ladder", async (condition) => {
    const { server, pep } = setUp(prosodyDialect);
    let requests = 0;
    server.before = () => {
      requests++;
      throw new TransportError("ERR_STANZA_ERROR", "refused", { details: { condition } });
    };
    await expect(pep.publish(many)).rejects.toMatchObject({ code: "ERR_PUBLISH_FAILED", retryable: false, details: { condition } });
    expect(requests).toBe(1);
  });

  test("a broken link is reported as what it is, and an abort as well", async () => {
    const { server, pep } = setUp(prosodyDialect);
    server.before = () => { throw new TransportError("ERR_IQ_TIMEOUT", "late", { retryable: true }); };
    await expect(pep.publish(many)).rejects.toMatchObject({ code: "ERR_IQ_TIMEOUT" });
    server.before = () => { throw new UsageError("ERR_ABORTED", "aborted"); };
    await expect(pep.publish(many)).rejects.toMatchObject({ code: "ERR_ABORTED" });
  });
});

describe("reading", () => {
  const question = { owner: other, node, wanted: { maxItems: 1 } } as const;

  test("T17 an error is not an empty answer: only item-not-found and an empty node are", async () => {
    const { server, pep } = setUp(ejabberdDialect);
    expect(await pep.items(question)).toEqual({ kind: "none" });
    server.place(other, node, {});
    expect(await pep.items(question)).toEqual({ kind: "none" });
    const forbidding = setUp(prosodyDialect).pep;
    expect(await forbidding.items(question)).toEqual({ kind: "unavailable", retryable: false });
    expect(await forbidding.items({ ...question, owner: me })).toEqual({ kind: "none" });
  });

  test.each([
    ["forbidden", "ERR_STANZA_ERROR", false], ["not-authorized", "ERR_STANZA_ERROR", false], ["service-unavailable", "ERR_STANZA_ERROR", false],
    ["remote-server-timeout", "ERR_STANZA_ERROR", true], ["internal-server-error", "ERR_STANZA_ERROR", true],
  ] as const)("%s is unavailable, and may pass or not", async (condition, code, retryable) => {
    const { server, pep } = setUp(prosodyDialect);
    server.before = () => { throw new TransportError(code, "no", { details: { condition } }); };
    expect(await pep.items(question)).toEqual({ kind: "unavailable", retryable });
  });

  test("a lost link is unavailable for now; giving up is the caller's own error", async () => {
    const { server, pep } = setUp(prosodyDialect);
    server.before = () => { throw new TransportError("ERR_STREAM_CLOSED", "gone", { retryable: true }); };
    expect(await pep.items(question)).toEqual({ kind: "unavailable", retryable: true });
    server.before = () => { throw new UsageError("ERR_ABORTED", "aborted"); };
    await expect(pep.items(question)).rejects.toMatchObject({ code: "ERR_ABORTED" });
  });

  test("an answer about another node, or none at all, is malformed", async () => {
    const answer = (about: string): Pep => new Pep({
      request: () => Promise.resolve(xml("http://jabber.org/protocol/pubsub", "pubsub", {}, xml("http://jabber.org/protocol/pubsub", "items", { node: about }))),
    });
    expect(await answer("urn:example:elsewhere").items(question)).toEqual({ kind: "malformed" });
    expect(await answer(node).items(question)).toEqual({ kind: "none" });
    expect(await new Pep({ request: () => Promise.resolve(undefined) }).items(question)).toEqual({ kind: "malformed" });
  });
});
