/** XEP-0030: questions and answers. @module */
import { describe, expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { xml } from "../../../src/base/xml.js";
import { discoverItems } from "../../../src/transport/features/disco-items.js";
import { discoverInfo } from "../../../src/transport/features/disco.js";
import type { IqQuestion, IqRequester } from "../../../src/transport/features/iq-requester.js";
import { decodeDiscoInfo, encodeDiscoInfo } from "../../../src/transport/xep/xep0030.js";
import { element } from "../../support/xml.js";

const info = "http://jabber.org/protocol/disco#info";
const server = bareJid("example.org");
const answer = `<query xmlns='${info}'><identity category='server' type='im' name='Prosody'/><identity category='pubsub'/><feature var='b'/><feature/>
  <feature var='a'/><feature var='b'/><x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE'><value>urn:x</value></field></x><other xmlns='urn:y'/></query>`;

function scripted(reply: string | undefined): IqRequester & { readonly asked: IqQuestion[] } {
  const asked: IqQuestion[] = [];
  return { asked, request: (iq) => { asked.push(iq); return Promise.resolve(reply === undefined ? undefined : element(reply)); } };
}

describe("disco#info", () => {
  test("an answer is read: unusable identities and features are skipped one by one, repeated ones count once", async () => {
    const iq = scripted(answer);
    const found = await discoverInfo(iq, { to: server, node: "n" });
    expect(found.identities).toEqual([{ category: "server", type: "im", name: "Prosody" }]);
    expect([...found.features]).toEqual(["b", "a"]);
    expect(found.forms.map((form) => form.get("FORM_TYPE"))).toEqual([["urn:x"]]);
    expect(iq.asked).toEqual([{ type: "get", to: server, payload: xml(info, "query", { node: "n" }) }]);
  });

  test("P15 an answer that is none is a typed error", async () => {
    for (const reply of [undefined, "<query xmlns='urn:example'/>"]) {
      await expect(discoverInfo(scripted(reply), { to: server })).rejects.toMatchObject({ code: "ERR_STREAM_PROTOCOL" });
    }
  });

  test("what is written is read back alike", () => {
    const written = { identities: [{ category: "client", type: "pc", name: "X", lang: "en" }], features: new Set(["a", "b"]) };
    expect(decodeDiscoInfo(encodeDiscoInfo(written, "n"))).toEqual({ ...written, forms: [] });
  });

  test("H04 feature names like __proto__ are ordinary names", () => {
    const found = decodeDiscoInfo(element(`<query xmlns='${info}'><feature var='__proto__'/><x xmlns='jabber:x:data'><field var='__proto__'><value>v</value></field></x></query>`));
    expect(found?.features.has("__proto__")).toBe(true);
    expect(found?.forms[0]?.get("__proto__")).toEqual(["v"]);
    expect(({} as Record<string, unknown>)["v"]).toBeUndefined();
  });
});

describe("disco#items", () => {
  const itemsNamespace = "http://jabber.org/protocol/disco#items";

  test("items are read, those without a usable address skipped one by one, and no more than a thousand", async () => {
    const iq = scripted(`<query xmlns='${itemsNamespace}'><item jid='A.example' name='N' node='n'/><item/><item jid='a@@b'/><other/>${"<item jid='b.example'/>".repeat(1_001)}</query>`);
    const found = await discoverItems(iq, { to: server, node: "x" });
    expect(found.slice(0, 2)).toEqual([{ jid: "a.example", node: "n", name: "N" }, { jid: "b.example" }]);
    expect(found).toHaveLength(998); // the first thousand, without the two that are unusable
    expect(iq.asked).toEqual([{ type: "get", to: server, payload: xml(itemsNamespace, "query", { node: "x" }) }]);
  });

  test("P15 an answer that is none is a typed error", async () => {
    for (const reply of [undefined, "<query xmlns='urn:example'/>"]) {
      await expect(discoverItems(scripted(reply), { to: server })).rejects.toMatchObject({ code: "ERR_STREAM_PROTOCOL" });
    }
  });
});
