/** A block and presence that was directed to whoever is blocked. Threats V04. @module */
import { expect, test } from "vitest";
import { childElements, type XmlElement } from "../../../src/base/xml.js";
import { romeo, testWorld } from "../../support/facade-world.js";

const settled = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 60); });

async function setUp() {
  const world = testWorld();
  const client = await world.other(romeo);
  const got: string[] = [];
  const handle = world.server.handle.bind(world.server);
  world.server.handle = (session, stanza: XmlElement) => {
    const { to, type } = stanza.attrs;
    const [payload] = childElements(stanza);
    if (stanza.name === "presence" && to !== undefined) got.push(`${type ?? "available"} ${to}`);
    if (payload?.name === "block") got.push(`block ${childElements(payload).map(({ attrs }) => attrs["jid"]).join(" ")}`);
    handle(session, stanza);
  };
  return { client, got };
}

test.each([
  ["tybalt@verona.example", ["tybalt@verona.example", "tybalt@verona.example/phone"]],
  ["capulet.example", ["capulet.example", "guard@capulet.example", "guard@capulet.example/gate"]],
  ["tybalt@verona.example/phone", ["tybalt@verona.example/phone"]],
])("V04 who is blocked as %s is told before that what was directed to him is over, on every address that the block covers, and never anything again", async (blocked, covered) => {
  const { client, got } = await setUp();
  for (const to of [...covered, "aim.verona.example"]) await client.presence.direct(to, { show: "available" });
  await settled();
  got.length = 0;
  await (await client.blocking()).block([blocked]);
  expect(got).toEqual([...covered.map((to) => `unavailable ${to}`), `block ${blocked}`]);
  client.core.capabilities.add(["urn:x"]);
  await settled();
  expect(got.slice(covered.length + 1)).toEqual(["available aim.verona.example"]);
  expect(client.presence.directedTo).toEqual(["aim.verona.example"]);
}, 20_000);

test("V04 a resource that is blocked is told, too, if its bare address was directed presence", async () => {
  const { client, got } = await setUp();
  await client.presence.direct("tybalt@verona.example", { show: "available" });
  await (await client.blocking()).block(["tybalt@verona.example/phone"]);
  expect(got).toEqual(["available tybalt@verona.example", "unavailable tybalt@verona.example/phone", "block tybalt@verona.example/phone"]);
}, 20_000);
