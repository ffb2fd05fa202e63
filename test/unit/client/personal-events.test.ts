/** The facade of personal events: whose events are told, and what servers are told that we want. Threats F08, V06. @module */
import { expect, test } from "vitest";
import { PersonalEvents } from "../../../src/client/presence/personal-events.js";
import type { PersonalEvent } from "../../../src/transport/features/personal-events.js";
import { offline } from "../../support/no-stream.js";
import { account, begun, fakeConnection, presenceWorld } from "../../support/presence-world.js";

const mood = "http://jabber.org/protocol/mood";
const code = (call: Promise<unknown>): Promise<unknown> => call.then(() => "fulfilled", (error: unknown) => (error as { readonly code?: string }).code ?? error);
const event = (from: string, payload = `<mood xmlns='${mood}'><happy/></mood>`): string =>
  `<message from='${from}'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='${mood}'><item id='current'>${payload}</item></items></event></message>`;

test("V06 events of contacts and of our own devices are told; strangers say nothing, and nonsense of theirs is not worth a report", () => {
  const world = presenceWorld({ "juliet@x": "none" });
  const personal = new PersonalEvents({ ...world, account, emit: (each) => { world.events.push(each); }, onError: () => undefined, offline });
  const told: PersonalEvent[] = [];
  personal.onEvent((each) => { told.push(each); });
  const fake = fakeConnection();
  personal.attach(fake.connection);
  for (const from of ["juliet@x", account, "stranger@x"]) fake.deliver(event(from));
  expect(told.map(({ kind, from, value }) => [kind, from, value])).toEqual([["mood", "juliet@x", { mood: "happy" }], ["mood", account, { mood: "happy" }]]);
  for (const from of ["juliet@x", "stranger@x"]) fake.deliver(event(from, "<x xmlns='urn:x'/>"));
  expect(world.events).toEqual([{ kind: "malformed", what: "personal-event", from: "juliet@x" }]);
});

test("opening it announces once that we want the events, to those who see us", async () => {
  const world = presenceWorld();
  const fake = await begun(world);
  const before = world.capabilities.element().attrs["ver"];
  expect(world.capabilities.info.features.has(`${mood}+notify`)).toBe(false);
  const open = (): PersonalEvents => new PersonalEvents({ ...world, account, emit: () => undefined, onError: () => undefined, offline });
  open();
  open();
  await expect.poll(() => fake.sent).toEqual(["<presence/>"]);
  expect(fake.stanzas.at(-1)?.children.at(-1)).toMatchObject({ name: "c" });
  expect(world.capabilities.element().attrs["ver"]).not.toBe(before);
});

test("without a stream there is a typed error, and names that would become other elements are refused", async () => {
  const world = presenceWorld();
  const personal = new PersonalEvents({ ...world, account, emit: () => undefined, onError: () => undefined, offline });
  await expect(personal.publish("mood", { mood: "happy" })).rejects.toMatchObject({ code: "ERR_OFFLINE", retryable: true });
  await expect(personal.read("a@x", "mood")).rejects.toMatchObject({ code: "ERR_OFFLINE" });
  const fake = fakeConnection();
  personal.attach(fake.connection);
  for (const name of ["text", "x y", "__proto__", "", "X"]) {
    await expect(personal.publish("mood", { mood: name })).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    await expect(personal.publish("activity", { general: "working", specific: name })).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
  }
  for (const name of ["", "x".repeat(129)]) await expect(personal.publish("nickname", name)).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
  expect(fake.asked).toEqual([]);
  await personal.publish("nickname", "\u{1f339}".repeat(128)).catch(() => undefined); // what the server says is another matter
  expect(fake.asked.length).toBeGreaterThan(0);
  personal.detach();
  await expect(personal.avatar("a@x", { id: "0".repeat(40), bytes: 1 })).rejects.toMatchObject({ code: "ERR_OFFLINE" });
});

test("H04 what is no value of its kind is refused before it can become something else on the wire", async () => {
  const world = presenceWorld();
  const personal = new PersonalEvents({ ...world, account, emit: () => undefined, onError: () => undefined, offline });
  const fake = fakeConnection();
  personal.attach(fake.connection);
  const publish = personal.publish.bind(personal) as (kind: string, value: unknown, options?: object) => Promise<void>;
  const wrong: readonly (readonly [string, unknown])[] = [
    ["mood", "in_love"], ["mood", undefined], ["mood", null], ["mood", {}], ["mood", { general: "working" }], ["activity", { specific: "reading" }],
    ["nickname", { name: "Rom" }], ["nickname", 5], ["tune", "Y"], ["avatar", []], ["moood", { mood: "happy" }], ["__proto__", {}],
  ];
  for (const [kind, value] of wrong) expect([kind, await code(publish(kind, value))]).toEqual([kind, "ERR_INVALID_ARGUMENT"]);
  expect(await code(publish("mood", { mood: "happy" }, { audience: "friends" }))).toBe("ERR_INVALID_ARGUMENT");
  expect(await code((personal.read as (jid: string, kind: string) => Promise<unknown>).call(personal, "a@x", "moood"))).toBe("ERR_INVALID_ARGUMENT");
  for (const [kind, value] of [["location", { latitude: 1 }], ["location", { lat: NaN }], ["location", { lon: 181 }], ["location", { timestamp: NaN }], ["tune", { title: 5 }], ["tune", { rating: 11 }]] as const) {
    expect([kind, value, await code(publish(kind, value))]).toEqual([kind, value, "ERR_INVALID_ARGUMENT"]); // left out, they would take back what was published before
  }
  expect(await code(personal.publishAvatar(undefined as never))).toBe("ERR_INVALID_ARGUMENT");
  for (const data of [undefined, "abc", [1]]) expect(await code(personal.publishAvatar({ data: data as never }))).toBe("ERR_INVALID_ARGUMENT");
  expect(fake.asked).toEqual([]);
});
