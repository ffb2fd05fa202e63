/** F08: what was published for a few, when something is published for more, or for fewer: on servers that check publish-options, and on those that do not. */
import { describe, expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { serializeXml, xml } from "../../../src/base/xml.js";
import { TransportError } from "../../../src/transport/errors.js";
import type { IqRequester } from "../../../src/transport/features/iq-requester.js";
import { PersonalEventsService } from "../../../src/transport/features/personal-events.js";
import { ejabberdDialect, FakePepServer, prosodyDialect } from "../../support/fake-pep-server.js";

const account = bareJid("romeo@verona.example");
const node = "http://jabber.org/protocol/geoloc";
const secret = { street: "my home" };

/** A server that drops publish-options in silence. */
const ignoring = (server: FakePepServer): IqRequester => ({
  request: (iq) => server.request({ ...iq, payload: { ...iq.payload, children: iq.payload.children.filter((child) => typeof child === "string" || child.name !== "publish-options") } }),
});

const makes = [
  ["Prosody", prosodyDialect, (server: FakePepServer): IqRequester => server], ["ejabberd", ejabberdDialect, (server: FakePepServer): IqRequester => server],
  ["a server without publish-options", prosodyDialect, ignoring],
] as const;

describe.each(makes)("%s", (_make, dialect, seen) => {
  function setUp(): { readonly server: FakePepServer; readonly service: PersonalEventsService; readonly lies: () => string; readonly model: () => string | undefined } {
    const server = new FakePepServer(account, dialect);
    const lies = (): string => [...(server.node(node)?.items.values() ?? [])].map((each) => serializeXml(each)).join();
    return { server, service: new PersonalEventsService({ iq: seen(server), account }), lies, model: () => server.node(node)?.config.get("access_model") };
  }

  test.each([["everyone", "open"], ["contacts", "presence"]] as const)("F08 what was for oneself is never in the node once it is open to %s, wherever the link breaks", async (audience, model) => {
    for (let steps = 0; ; steps++) {
      const world = setUp();
      await world.service.publish("location", secret, "self");
      const held: (string | undefined)[] = [];
      let left = steps;
      world.server.before = () => {
        if (world.lies().includes("my home")) held.push(world.model());
        if (left-- === 0) throw new TransportError("ERR_STREAM_CLOSED", "the link broke", { retryable: true });
      };
      const outcome = await world.service.publish("location", { country: "Italy" }, audience).then(() => "published", () => "broken");
      if (world.lies().includes("my home")) held.push(world.model());
      expect(new Set(held)).toEqual(new Set(["whitelist"]));
      if (outcome === "broken") continue;
      expect([world.lies().includes("Italy"), world.model()]).toEqual([true, model]);
      break;
    }
  });

  test("F08 what is taken back for contacts takes away what was for oneself before they can look", async () => {
    const world = setUp();
    await world.service.publish("location", secret, "self");
    const held: (string | undefined)[] = [];
    world.server.before = () => { if (world.lies().includes("my home")) held.push(world.model()); };
    await world.service.publish("location", undefined, "contacts");
    expect([new Set(held), world.lies().includes("my home"), world.model()]).toEqual([new Set(["whitelist"]), false, "presence"]);
  });

  test("F08 where a node has room for several items, those for oneself do not stay beside the new one", async () => {
    const world = setUp();
    world.server.place(account, node, { access_model: "whitelist", persist_items: "true", max_items: "10" }, { other: xml(node, "geoloc", {}, xml(node, "street", {}, "my home")) });
    await world.service.publish("location", { country: "Italy" }, "everyone");
    expect([world.lies().includes("my home"), world.lies().includes("Italy"), world.model()]).toEqual([false, true, "open"]);
  });

  test("F08 for oneself after for everyone, and again: each time the node is closed before anything comes into it", async () => {
    const world = setUp();
    const held: (string | undefined)[] = [];
    world.server.before = () => { if (world.lies().includes("my home")) held.push(world.model()); };
    for (const audience of ["everyone", "self", "everyone", "self"] as const) {
      await world.service.publish("location", audience === "self" ? secret : { country: "Italy" }, audience);
      expect(world.model()).toBe(audience === "self" ? "whitelist" : "open");
    }
    expect(new Set(held)).toEqual(new Set(["whitelist"]));
  });

  test("F08 two calls at the same moment, one for everyone and one for oneself: the node is never open with what is for oneself", async () => {
    const world = setUp();
    await world.service.publish("location", secret, "self");
    const held: (string | undefined)[] = [];
    world.server.before = () => { if (world.lies().includes("my home")) held.push(world.model()); };
    await Promise.all([world.service.publish("location", { country: "Italy" }, "everyone"), world.service.publish("location", secret, "self")]);
    held.push(world.model());
    expect([new Set(held), world.lies().includes("my home")]).toEqual([new Set(["whitelist"]), true]);
  });
});
