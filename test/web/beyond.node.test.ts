/** The warning of the web application that a chat leads into another network: shown with a store that knows of nothing, too. */
import { afterEach, expect, test } from "vitest";
import { Scope } from "../../examples/web/src/lib/scope.js";
import { watchBeyond } from "../../examples/web/src/views/beyond.js";
import { bareJid } from "../../src/base/jid.js";
import { childElements, xml } from "../../src/base/xml.js";
import { iqResult } from "../simulation/stanzas.js";
import { calm, FacadeWorld } from "../support/facade-world.js";

const info = "http://jabber.org/protocol/disco#info";
const nick = "nick@irc.example";
let there: FacadeWorld | undefined;
afterEach(async () => { await there?.end(); });

/** A tab of an account with one gateway in reach. */
async function tab(): Promise<{ readonly world: FacadeWorld; readonly client: Parameters<typeof watchBeyond>[0]["client"] }> {
  const world = new FacadeWorld({ autoConnect: true });
  there = world;
  const { server } = world;
  const handle = server.handle.bind(server);
  server.handle = (session, stanza) => {
    if (stanza.attrs["to"] !== "irc.example" || childElements(stanza)[0]?.ns !== info) handle(session, stanza);
    else session.deliver(iqResult(stanza, session.jid, xml(info, "query", {}, xml(info, "identity", { category: "gateway", type: "irc" }))));
  };
  const { client } = await world.open();
  await client.ready();
  return { world, client };
}

test("a chat that is opened with a fresh store shows the warning as soon as the domain has answered", async () => {
  const { client } = await tab();
  const shown: (string | undefined)[] = [];
  const prepared = client.conversation(nick).prepare();
  watchBeyond({ client, scope: new Scope() }, nick, prepared, (beyond) => { shown.push(beyond?.type); });
  expect(shown).toEqual([undefined]);
  await expect.poll(() => shown.at(-1)).toBe("irc");
});

test("it appears, and goes, with the events, whatever has become of the preparation; nothing is rendered once the view is closed", async () => {
  const { world, client } = await tab();
  const learn = (type: string | undefined): Promise<void> | undefined => world.host?.client.core.gatewayMemory.learn([[bareJid("irc.example"), type]]);
  const scope = new Scope();
  const shown: (string | undefined)[] = [];
  watchBeyond({ client, scope }, nick, new Promise(() => undefined), (beyond) => { shown.push(beyond?.type); });
  await calm();
  await learn("irc");
  await calm();
  await learn(undefined);
  await calm();
  expect(shown).toEqual([undefined, "irc", undefined]);
  scope.end();
  await learn("irc");
  await calm();
  expect(shown).toHaveLength(3);
  let late = 0;
  watchBeyond({ client, scope }, nick, Promise.reject(new TypeError("offline")), () => { late += 1; });
  await calm();
  expect(late).toBe(0);
});

test("what another tab's leader has learned without a word to this one is shown once the preparation has settled", async () => {
  const { world, client } = await tab();
  const shown: (string | undefined)[] = [];
  let settle: () => void = () => undefined;
  const silent = { conversation: client.conversation.bind(client), onEvent: () => () => undefined } as unknown as typeof client;
  watchBeyond({ client: silent, scope: new Scope() }, nick, new Promise((_, reject) => { settle = () => { reject(new TypeError("no devices")); }; }), (beyond) => { shown.push(beyond?.type); });
  await world.host?.client.core.gatewayMemory.learn([[bareJid("irc.example"), "irc"]]);
  await calm();
  expect(shown).toEqual([undefined]);
  settle();
  await calm();
  expect(shown).toEqual([undefined, "irc"]);
});
