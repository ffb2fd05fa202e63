/** What was directed to somebody and taken back stays taken back: without a connection, while it is said again, behind a farewell. Threats V01, F24. @module */
import { describe, expect, test } from "vitest";
import { PlainAnnouncer } from "../../../src/client/presence/plain-announcer.js";
import { TransportError } from "../../../src/transport/errors.js";
import { begun, type FakeConnection, fakeConnection, type PresenceWorld, presenceWorld } from "../../support/presence-world.js";

const gateway = "gw.verona.example";
const gone = (to: string): string => `<presence to="${to}" type="unavailable"/>`;
const shown = { show: "available" } as const;
const settled = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 0); });

function goesOn(world: PresenceWorld): FakeConnection {
  const resumed = fakeConnection({ continued: true, start: "resumed" });
  world.presence.attach(resumed.connection);
  return resumed;
}

/** Presence is directed to `told`, under an announcer that from now on allows what `allow` says. */
async function limited(told: readonly string[]) {
  const world = presenceWorld();
  const fake = await begun(world);
  let show: "chat" | "xa" = "chat";
  await world.presence.use(Object.assign(new PlainAnnouncer(() => []), { limit: () => ({ show }) }));
  for (const to of told) await world.presence.direct(to, shown);
  fake.sent.length = 0;
  return { world, fake, allow: (next: "chat" | "xa"): void => { show = next; } };
}

/** What is said to `to` is taken by the socket, which says so only when it is let. */
function slow(fake: FakeConnection, to: string): () => void {
  const { stream } = fake.connection;
  const send = stream.sendTracked.bind(stream);
  let release: () => void = () => undefined;
  const taken = new Promise<void>((resolve) => { release = resolve; });
  stream.sendTracked = (stanza) => {
    const { sequence, written } = send(stanza);
    return { sequence, written: stanza.attrs["to"] === to && stanza.attrs["type"] === undefined ? taken : written };
  };
  return release;
}

describe("between two connections of one session", () => {
  test.each(["undirect", "unavailable"] as const)("V01 %s: what was directed is withdrawn as soon as the session goes on, once, and not said again", async (how) => {
    const world = presenceWorld();
    await begun(world);
    await world.presence.direct(gateway, shown);
    world.presence.detach();
    await (how === "undirect" ? world.presence.undirect(gateway) : world.presence.set("unavailable"));
    expect([world.presence.audience(gateway as never), world.presence.directedTo]).toEqual([false, []]);
    const resumed = goesOn(world);
    await settled();
    world.capabilities.add(["urn:x"]);
    await settled();
    expect(resumed.sent.filter((text) => text.includes(gateway))).toEqual([gone(gateway)]);
    world.presence.detach();
    const again = goesOn(world);
    await settled();
    expect(again.sent).toEqual([]);
  });

  test("V01 a fresh session knows nobody: nothing is withdrawn there, and nothing behind it", async () => {
    const world = presenceWorld();
    await begun(world);
    await world.presence.direct(gateway, shown);
    world.presence.detach();
    await world.presence.undirect(gateway);
    expect((await begun(world)).sent).toEqual([]);
    world.presence.detach();
    const resumed = goesOn(world);
    await settled();
    expect(resumed.sent).toEqual([]);
  });

  test("V01 what is directed anew is not withdrawn any more", async () => {
    const world = presenceWorld();
    const fake = await begun(world);
    await world.presence.direct(gateway, shown);
    fake.broken = true;
    await expect(world.presence.undirect(gateway)).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED" });
    fake.broken = false;
    await world.presence.direct(gateway, shown);
    world.presence.detach();
    const resumed = goesOn(world);
    await settled();
    expect([resumed.sent, world.presence.directedTo]).toEqual([[], [gateway]]);
  });

  test("H07 a withdrawal or a farewell that the stream does not take is made up for when the session goes on", async () => {
    for (const end of [(world: PresenceWorld) => world.presence.undirect(gateway).catch(() => undefined), (world: PresenceWorld, fake: FakeConnection) => world.presence.farewell(fake.connection)]) {
      const world = presenceWorld();
      const fake = await begun(world);
      await world.presence.direct(gateway, shown);
      fake.broken = true;
      await end(world, fake);
      world.presence.detach();
      const resumed = goesOn(world);
      await settled();
      expect(resumed.sent[0]).toBe(gone(gateway));
    }
  });

  test("V01 rules or capabilities that change there reach directed presence when the session goes on", async () => {
    const world = presenceWorld();
    const fake = await begun(world);
    await world.presence.direct(gateway, shown);
    world.presence.detach();
    world.capabilities.add(["urn:x"]);
    await settled();
    const resumed = goesOn(world);
    await settled();
    expect(resumed.sent).toEqual(["<presence to=\"gw.verona.example\"/>", "<presence/>"]);
    expect(resumed.stanzas[0]).not.toEqual(fake.stanzas.at(-1));
  });

  test("V01 H07 less than before that the stream does not take is said when the session goes on, once", async () => {
    const { world, fake, allow } = await limited(["a@x"]);
    fake.broken = true;
    allow("xa");
    await expect(world.presence.reviewDirected()).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED" });
    world.presence.detach();
    for (const expected of [['<presence to="a@x"><show>xa</show></presence>'], []]) {
      const resumed = goesOn(world);
      await settled();
      expect(resumed.sent.filter((text) => text.includes("a@x"))).toEqual(expected);
      world.presence.detach();
    }
  });
});

test("V01 one who cannot be told less keeps nobody else from being told", async () => {
  const { world, fake, allow } = await limited(["a@x", "b@x"]);
  const { stream } = fake.connection;
  const send = stream.sendTracked.bind(stream);
  stream.sendTracked = (stanza) => {
    if (stanza.attrs["to"] === "a@x") throw new TransportError("ERR_STANZA_TOO_LARGE", "too large");
    return send(stanza);
  };
  allow("xa");
  await expect(world.presence.reviewDirected()).rejects.toMatchObject({ code: "ERR_STANZA_TOO_LARGE" });
  expect(fake.sent).toEqual(['<presence to="b@x"><show>xa</show></presence>']);
});

describe("while it is said again", () => {
  test.each(["undirect", "unavailable"] as const)("V01 %s: who was withdrawn meanwhile is neither shown anything nor remembered", async (how) => {
    const world = presenceWorld();
    const fake = await begun(world);
    await world.presence.direct("a@x", shown);
    await world.presence.direct("b@x", shown);
    fake.sent.length = 0;
    const release = slow(fake, "a@x");
    world.capabilities.add(["urn:x"]);
    await settled();
    await (how === "undirect" ? world.presence.undirect("b@x") : world.presence.set("unavailable"));
    release();
    await settled();
    world.capabilities.add(["urn:y"]);
    await settled();
    expect([fake.sent.filter((text) => text.includes("b@x")), world.presence.directedTo.includes("b@x" as never)]).toEqual([[gone("b@x")], false]);
  });

  test("who was told something else meanwhile keeps that", async () => {
    const world = presenceWorld();
    const fake = await begun(world);
    await world.presence.direct("a@x", shown);
    await world.presence.direct("b@x", shown);
    fake.sent.length = 0;
    const release = slow(fake, "a@x");
    world.capabilities.add(["urn:x"]);
    await settled();
    await world.presence.direct("b@x", { show: "dnd" });
    release();
    await settled();
    expect(fake.sent.filter((text) => text.includes("b@x"))).toEqual(['<presence to="b@x"><show>dnd</show></presence>']);
  });
});

test("H07 a farewell behind which the session goes on is not the end: what the user says of himself is shown again", async () => {
  const world = presenceWorld();
  const fake = await begun(world);
  await world.presence.set({ show: "away" });
  await world.presence.farewell(fake.connection);
  world.presence.detach(); // the link died before the stream was closed
  const resumed = goesOn(world);
  await settled();
  expect([world.presence.own.getSnapshot(), resumed.sent]).toEqual([{ kind: "available", show: "away" }, ["<presence><show>away</show></presence>"]]);
});

describe("a farewell that does not arrive, behind which the session goes on", () => {
  test.each(["not taken", "lost"])("V01 %s: a user who is unavailable by then is withdrawn", async (how) => {
    const world = presenceWorld();
    const fake = await begun(world);
    fake.broken = how === "not taken";
    await world.presence.farewell(fake.connection);
    world.presence.detach();
    await world.presence.set("unavailable");
    const resumed = fakeConnection({ continued: true, handled: 1 });
    world.presence.attach(resumed.connection);
    await settled();
    expect(resumed.sent).toEqual(['<presence type="unavailable"/>']);
  });

  test.each(["not taken", "lost"])("%s: contacts are asked for anew, for what was known of them is forgotten", async (how) => {
    const world = presenceWorld({ "juliet@verona.example": "both" });
    const fake = await begun(world);
    fake.deliver("<presence from='juliet@verona.example/x'/>");
    fake.broken = how === "not taken";
    await world.presence.farewell(fake.connection);
    world.presence.detach();
    expect(world.presence.getSnapshot().size).toBe(0);
    const resumed = fakeConnection({ continued: true, handled: 1 });
    world.presence.attach(resumed.connection);
    await settled();
    await world.presence.set({ show: "chat" });
    expect(resumed.sent).toEqual(['<presence type="unavailable"/>', "<presence/>", "<presence><show>chat</show></presence>"]);
  });
});

test("who is unavailable is told nothing of his contacts: what was known of them is forgotten, and told anew when he shows himself", async () => {
  const world = presenceWorld({ "juliet@verona.example": "both" });
  const fake = await begun(world);
  const comes = (): void => { fake.deliver("<presence from='juliet@verona.example/x'/>"); };
  comes();
  await world.presence.set("unavailable");
  expect(world.presence.contact("juliet@verona.example")).toBeUndefined();
  await world.presence.set({ show: "away" });
  comes();
  await world.presence.set({ show: "chat" });
  expect(world.presence.contact("juliet@verona.example")?.available).toBe(true);
});

test("V01 what the server takes back with all of our presence is directed anew at the next review", async () => {
  const world = presenceWorld();
  const fake = await begun(world);
  await world.presence.direct(gateway, shown);
  fake.sent.length = 0;
  await world.presence.reviewDirected(true);
  expect(fake.sent).toEqual([]);
  for (const expected of [[`<presence to="${gateway}"/>`], []]) {
    await world.presence.reviewDirected();
    expect(fake.sent.splice(0)).toEqual(expected);
  }
});

test("what is directed as the user's own presence follows it, on a stream that goes on as well, and ends with it", async () => {
  const world = presenceWorld();
  await world.presence.set({ statuses: { "": "come and talk" } });
  const fake = await begun(world);
  const toGateway = ({ sent }: FakeConnection): string[] => sent.filter((text) => text.includes(gateway)).map((text) => text.replace(/ to="[^"]*"/, ""));
  await world.presence.directOwn(gateway);
  await world.presence.set({ show: "xa", statuses: undefined });
  expect(toGateway(fake)).toEqual(["<presence><status>come and talk</status></presence>", "<presence><show>xa</show></presence>"]);
  world.presence.detach();
  await world.presence.set({ show: "dnd" });
  const resumed = goesOn(world);
  await settled();
  await world.presence.set("unavailable");
  await world.presence.set({ show: "chat" });
  expect(toGateway(resumed)).toEqual(["<presence><show>dnd</show></presence>", '<presence type="unavailable"/>']);
});
