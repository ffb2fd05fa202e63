/** F24 V01: whoever a policy, being unavailable, or a block hides us from gets no other answer to a proposal of contacts than from a client that is not there. */
import { expect, test } from "vitest";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import { juliet, romeo, testWorld, when } from "../../support/facade-world.js";

test("F24 V01 a proposal tells nobody that we are there who is not to see it", async () => {
  const world = testWorld();
  const client = await world.other(romeo);
  const answers = new Map<string, string>();
  const handle = world.server.handle.bind(world.server);
  world.server.handle = (session, stanza) => {
    const { id = "", type = "" } = stanza.attrs;
    if (stanza.name === "iq" && (type === "result" || type === "error")) answers.set(id, type === "error" ? JSON.stringify(stanza) : type);
    handle(session, stanza);
  };
  const [session] = [...world.server.sessions].filter(({ account }) => account === romeo);
  let asked = 0;
  const ask = async (payload: XmlElement, type: string): Promise<string> => {
    const id = `asked-${String(++asked)}`;
    session?.deliver(xml("jabber:client", "iq", { type, id, from: `${juliet}/phone`, to: session.jid }, payload));
    await expect.poll(() => answers.has(id)).toBe(true);
    const answer = answers.get(id) ?? "";
    return answer.includes("service-unavailable") ? "nobody" : answer;
  };
  const rosterx = "http://jabber.org/protocol/rosterx";
  const both = async (): Promise<readonly string[]> => [
    await ask(xml("http://jabber.org/protocol/disco#info", "query"), "get"), await ask(xml(rosterx, "x", {}, xml(rosterx, "item", { action: "add", jid: "a@b" })), "set")];
  expect(await both()).toEqual(["result", "result"]);
  await client.presence.policy({ contacts: { [juliet]: "offline" }, others: "available" }, { withoutPrivacyLists: "degrade" });
  await when(client.presence.currentPolicy, () => client.presence.currentPolicy.getSnapshot()?.state.kind === "in-force");
  expect(await both()).toEqual(["nobody", "nobody"]);
  await client.presence.policy(undefined);
  await client.presence.set("unavailable");
  expect(await both()).toEqual(["nobody", "nobody"]);
  await client.presence.set({ show: "available" });
  await (await client.blocking()).block([juliet]);
  expect(await both()).toEqual(["nobody", "nobody"]);
  await client.close();
}, 20_000);
