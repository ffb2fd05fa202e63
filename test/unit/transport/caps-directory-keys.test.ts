/** F23: nobody chooses a hash that stands for somebody else's address. */
import { expect, test } from "vitest";
import { parseJid, type FullJid } from "../../../src/base/jid.js";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import { CapsDirectory } from "../../../src/transport/features/caps-directory.js";
import type { CapsClaim } from "../../../src/transport/xep/xep0115.js";

const info = "http://jabber.org/protocol/disco#info";
const bob = parseJid("bob@x.example/r") as FullJid;
const eve = parseJid("eve@evil.example/r") as FullJid;
const claim: CapsClaim = { hash: "sha-1", node: "urn:bob", ver: "q07IKJEyjvHSyhy//CH0CxmKi8w=" };
const name = JSON.stringify([claim.hash, claim.node, claim.ver]);

test.each([`${bob} ${name}`, `address ${bob} ${name}`, `hash ${claim.ver}`])("F23 while somebody is asked whose hash is %s, another is asked for himself", async (ver) => {
  const caps = new CapsDirectory();
  const disco = (feature: string): XmlElement => xml(info, "query", {}, xml(info, "identity", { category: "client", type: "pc" }), xml(info, "feature", { var: feature }));
  const asked: (string | undefined)[] = [];
  let answerEve: (answer: XmlElement) => void = () => undefined;
  const iq = {
    request: ({ to }: { readonly to?: string }): Promise<XmlElement> => {
      asked.push(to);
      return to === eve ? new Promise((resolve) => { answerEve = resolve; }) : Promise.resolve(disco("urn:of-bob"));
    },
  };
  const over = new AbortController().signal;
  const eves = caps.ask({ iq, over, jid: eve, claim: { hash: "sha-1", node: "urn:eve", ver } });
  const bobs = caps.ask({ iq, over, jid: bob, claim });
  await Promise.resolve();
  answerEve(disco("urn:of-eve"));
  expect([asked, [...((await bobs)?.features ?? [])]]).toEqual([[eve, bob], ["urn:of-bob"]]);
  await eves;
});
