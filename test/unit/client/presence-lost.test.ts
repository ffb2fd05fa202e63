/**
 * What we said of ourselves and the server had not handled when the connection went: by the time the session goes on it may not be true any more, or
 * more than is allowed. So nothing of it is sent again by the stream; what is to be said then is said then. Threats V01.
 * @module
 */
import { describe, expect, test } from "vitest";
import { PlainAnnouncer } from "../../../src/client/presence/plain-announcer.js";
import { friend, PolicyWorld } from "../../support/policy-world.js";
import { begun, type FakeConnection, fakeConnection, type PresenceWorld, presenceWorld } from "../../support/presence-world.js";

const gateway = "gw.verona.example";
const settled = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 0); });

/** The session goes on; of what was said on `former` the server has handled so many stanzas. */
async function goesOn(world: PresenceWorld, former: FakeConnection, handled: number): Promise<FakeConnection> {
  world.presence.detach();
  const resumed = fakeConnection({ continued: true, handled });
  expect(former.resent).toBe(0);
  world.presence.attach(resumed.connection);
  await settled();
  return resumed;
}

describe("what the user says of himself", () => {
  test("V01 is said as it is by then, and what has arrived is not said again", async () => {
    const world = presenceWorld();
    const fake = await begun(world);
    await world.presence.set({ show: "chat" });
    expect((await goesOn(world, fake, fake.stanzas.length)).sent).toEqual([]);
    expect((await goesOn(world, fake, fake.stanzas.length - 1)).sent).toEqual(["<presence><show>chat</show></presence>"]);
  });

  test("V01 also that he is gone", async () => {
    const world = presenceWorld();
    const fake = await begun(world);
    await world.presence.set({ show: "chat" });
    world.presence.detach();
    await world.presence.set("unavailable");
    expect((await goesOn(world, fake, 1)).sent).toEqual(['<presence type="unavailable"/>']);
    const again = await begun(world);
    await world.presence.set({ show: "away" });
    await world.presence.set("unavailable");
    expect((await goesOn(world, again, 1)).sent).toEqual(['<presence type="unavailable"/>']);
    expect((await goesOn(world, await begun(world), 0)).sent).toEqual([]); // nothing was said in this session
  });
});

describe("what is directed to somebody", () => {
  test("V01 is what may be said by then", async () => {
    const world = presenceWorld();
    const fake = await begun(world);
    let show: "chat" | "xa" = "chat";
    await world.presence.use(Object.assign(new PlainAnnouncer(() => []), { limit: () => ({ show }) }));
    await world.presence.direct(gateway, { show: "available" });
    show = "xa";
    expect((await goesOn(world, fake, 0)).sent).toEqual([`<presence to="${gateway}"><show>xa</show></presence>`]);
    const again = await begun(world);
    await world.presence.direct(gateway, { show: "chat" });
    expect((await goesOn(world, again, again.stanzas.length)).sent).toEqual([]);
  });

  test("V01 and what was taken back is taken back again until that has arrived", async () => {
    const world = presenceWorld();
    const fake = await begun(world);
    await world.presence.direct(gateway, { show: "chat" });
    await world.presence.undirect(gateway);
    const [upTo, gone] = [fake.stanzas.length, `<presence to="${gateway}" type="unavailable"/>`];
    const resumed = await goesOn(world, fake, upTo - 1);
    expect(resumed.sent).toEqual([gone]);
    expect((await goesOn(world, resumed, resumed.stanzas.length)).sent).toEqual([]);
  });
});

test("V01 under a policy whoever may see less by then is shown nothing of it", async () => {
  const world = new PolicyWorld();
  await world.open();
  await world.policy.set({ others: "available" });
  await world.connect();
  world.own = { kind: "available", show: "chat" };
  await world.announcer?.changed(world.own);
  await world.policy.set({ contacts: { [friend]: "chat" }, others: "available" });
  await world.comes(friend);
  expect(world.said().at(-1)).toBe("friend: chat");
  world.disconnect();
  await world.policy.set({ contacts: { [friend]: "offline" }, others: "available" });
  await world.connect({ continued: true, handled: 0 });
  expect(world.said().filter((text) => /^(all|friend):/.test(text)).slice(0, 1)).toEqual(["all: gone"]); // through the list that lets him through
  expect([world.reached(), world.policy.state.getSnapshot().kind]).toEqual([["sister", "team"], "in-force"]);
});
