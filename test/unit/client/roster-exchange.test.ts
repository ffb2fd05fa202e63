/** The roster as JSON, out and in. */
import { describe, expect, test } from "vitest";
import { iqTimeoutMs } from "../../../src/base/limits.js";
import type { XmlElement } from "../../../src/base/xml.js";
import { account, item, juliet, nurse, query, refusal, result, RosterWorld, settle } from "../../support/roster-world.js";

const tybalt = "tybalt@capulet.example";
const jidOf = (stanza: XmlElement): string => ((stanza.children[0] as XmlElement).children[0] as XmlElement).attrs["jid"] ?? "";

/** The server takes everything, but for those in `refused`, until `done` has settled. */
async function serve<T>(world: RosterWorld, done: Promise<T>, refused: readonly string[] = []): Promise<T> {
  const answered = new Set(world.stream.sent);
  const state = { over: false };
  void done.catch(() => undefined).then(() => { state.over = true; });
  while (!state.over) {
    await settle();
    for (const stanza of [...world.stream.sent]) {
      if (answered.has(stanza) || stanza.name !== "iq") continue;
      answered.add(stanza);
      const isSet = stanza.attrs["type"] === "set";
      world.stream.arrive(isSet && refused.includes(jidOf(stanza)) ? refusal(stanza, "not-allowed") : result(stanza));
    }
  }
  return done;
}

async function ready(...items: XmlElement[]): Promise<RosterWorld> {
  const world = await RosterWorld.open();
  await world.online(query("v1", ...items));
  return world;
}

test("an export is plain JSON without subscriptions, and goes into another roster", async () => {
  const from = await ready(item(juliet, { name: "Juliet", subscription: "both" }, "B", "A"), item(nurse, { subscription: "to" }));
  const text = JSON.stringify(from.roster.export());
  expect(JSON.parse(text)).toEqual({ version: 1, contacts: [{ jid: juliet, name: "Juliet", groups: ["A", "B"] }, { jid: nurse, groups: [] }] });
  const world = await ready(item(nurse, { name: "kept", subscription: "none" }));
  const done = world.roster.import(JSON.parse(text));
  expect(await serve(world, done)).toEqual({ added: 1, changed: 0, unchanged: 1, malformed: 0, refused: [] });
  expect(world.view).toEqual(["juliet Juliet [A,B] none", "nurse kept [] none"]);
  expect(world.sent.filter((stanza) => stanza.includes('type="set"'))).toHaveLength(1); // what is so already is not written
  expect(world.sent.filter((stanza) => stanza.startsWith("<presence"))).toEqual([]);
});

test("F22 no import grants anything; it asks only if it is told to, and only those whom nobody has asked", async () => {
  const world = await ready(item(juliet, { subscription: "both" }), item(nurse, { ask: "subscribe" }));
  const data = { version: 1, contacts: [juliet, nurse, tybalt].map((jid) => ({ jid, subscription: "both", approved: true, ask: "subscribe" })) };
  const done = world.roster.import(data, { subscribe: true });
  expect(await serve(world, done)).toMatchObject({ added: 1, unchanged: 2 });
  expect(world.sent.filter((stanza) => stanza.startsWith("<presence"))).toEqual([`<presence to="${tybalt}" type="subscribe"/>`]);
});

test("what the server refuses is named; the rest goes on", async () => {
  const world = await ready(item(juliet, { name: "old" }));
  const done = world.roster.import({ version: 1, contacts: [{ jid: nurse }, { jid: tybalt }, { jid: juliet, name: "new" }] });
  expect(await serve(world, done, [nurse])).toEqual({ added: 1, changed: 1, unchanged: 0, malformed: 0, refused: [{ jid: nurse, condition: "not-allowed" }] });
  expect(world.view).toEqual(["juliet new [] none", "tybalt - [] none"]);
});

test("the end of the stream ends an import, and it can be repeated", async () => {
  const world = await ready();
  const data = { version: 1, contacts: Array.from({ length: 50 }, (_, i) => ({ jid: `c${String(i)}@e.example` })) };
  const done = expect(world.roster.import(data)).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED" });
  await expect.poll(() => world.stream.sent.length).toBeGreaterThan(1);
  expect(world.stream.sent.length).toBeLessThanOrEqual(9); // a few at a time
  await world.cut();
  await done;
  await world.online(query("v1"));
  const again = world.roster.import(data);
  expect(await serve(world, again)).toMatchObject({ added: 50 });
});

test("one that is not answered in time ends it: nothing more is sent behind the rejection", async () => {
  const world = await ready();
  const done = expect(world.roster.import({ version: 1, contacts: Array.from({ length: 50 }, (_, i) => ({ jid: `c${String(i)}@e.example` })) })).rejects.toMatchObject({ code: "ERR_IQ_TIMEOUT" });
  await expect.poll(() => world.stream.sent.length).toBe(9);
  world.clock.advance(1_000);
  world.stream.arrive(...world.stream.sent.slice(2, 9).map((stanza) => result(stanza)));
  await expect.poll(() => world.stream.sent.length).toBe(16);
  world.clock.advance(iqTimeoutMs - 500);
  await done;
  world.stream.arrive(...world.stream.sent.slice(9).map((stanza) => result(stanza)));
  await settle();
  expect(world.stream.sent).toHaveLength(16);
});

describe("H04 what comes in is checked entry by entry", () => {
  test("entries that cannot be read, and second ones of an address, are counted and left out", async () => {
    const world = await ready();
    const contacts = [
      { jid: juliet, groups: ["A"] }, { jid: "JULIET@capulet.example", name: "again" }, { jid: "a@b@c" }, { jid: `${nurse}/kitchen` }, { jid: 1 }, {}, null, "x", [],
      { jid: nurse, name: 1 }, { jid: nurse, groups: "A" }, { jid: nurse, groups: [1] }, { jid: nurse, groups: null }, { jid: nurse, groups: [""] }, { jid: nurse, name: "\ud800" },
      { jid: nurse, groups: Array.from({ length: 101 }, String) }, { jid: tybalt, name: "\u202eT" },
    ];
    const done = world.roster.import({ version: 1, contacts });
    expect(await serve(world, done)).toMatchObject({ added: 2, malformed: 15 });
    expect(world.view).toEqual(["juliet - [A] none", "tybalt T [] none"]);
  });

  test("fields with the names of inherited properties do nothing", async () => {
    const world = await ready();
    const data: unknown = JSON.parse('{"version":1,"contacts":[{"jid":"juliet@capulet.example","__proto__":{"name":"polluted","groups":["x"]}}],"__proto__":{"version":9}}');
    const done = world.roster.import(data);
    await serve(world, done);
    expect(world.view).toEqual(["juliet - [] none"]);
    const inherited = world.roster.import({ version: 1, contacts: [Object.assign(Object.create({ name: "inherited" }) as object, { jid: nurse })] });
    await serve(world, inherited);
    expect(world.roster.get(nurse)).not.toHaveProperty("name");
    expect(({} as Record<string, unknown>)["name"]).toBeUndefined();
  });

  test.each([[undefined], [null], ["x"], [[]], [{ version: 2, contacts: [] }], [{ version: 1 }], [{ version: 1, contacts: {} }], [{ version: 1, contacts: new Array(10_001) }]])(
    "what is no export is refused as a whole: %s", async (data) => {
      const world = await ready();
      await expect(world.roster.import(data)).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    });
});

test("as many entries as a roster may have contacts are read", async () => {
  const world = await ready();
  const done = world.roster.import({ version: 1, contacts: Array.from({ length: 10_000 }, () => ({ jid: juliet })) });
  expect(await serve(world, done)).toMatchObject({ added: 1, malformed: 9_999 });
});

test("an account that stands in what it imports is passed over, and the rest is imported", async () => {
  const world = await ready();
  const done = world.roster.import({ version: 1, contacts: [{ jid: account, name: "Me" }, { jid: nurse }] }, { subscribe: true });
  expect(await serve(world, done)).toEqual({ added: 1, changed: 0, unchanged: 1, malformed: 0, refused: [] });
  expect(world.view).toMatchObject([expect.stringContaining("nurse")]);
});
