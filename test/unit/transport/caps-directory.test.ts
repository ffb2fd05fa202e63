/** XEP-0115: the hash of received lists, and what may be shared. Threats F23, H06. @module */
import { describe, expect, test, vi } from "vitest";
import { addressCapsMax, capsRequestsMax, capsRequestsWaitingMax } from "../../../src/base/limits.js";
import { type FullJid, parseJid } from "../../../src/base/jid.js";
import { serializeXml, type XmlElement } from "../../../src/base/xml.js";
import { TransportError } from "../../../src/transport/errors.js";
import { capsNode, OwnCapabilities } from "../../../src/transport/features/caps.js";
import { CapsDirectory } from "../../../src/transport/features/caps-directory.js";
import { capsHashOf, provesCaps } from "../../../src/transport/features/caps-hash.js";
import type { IqQuestion } from "../../../src/transport/features/iq-requester.js";
import type { CapsClaim } from "../../../src/transport/xep/xep0115.js";
import { element } from "../../support/xml.js";

const query = (children: string): XmlElement => element(`<query xmlns='http://jabber.org/protocol/disco#info'>${children}</query>`);
const features = (...names: string[]): string => names.map((name) => `<feature var='${name}'/>`).join("");
const form = (fields: string): string => `<x xmlns='jabber:x:data' type='result'>${fields}</x>`;
const field = (name: string, ...values: string[]): string => `<field var='${name}'>${values.map((value) => `<value>${value}</value>`).join("")}</field>`;
const formType = (name: string): string => `<field var='FORM_TYPE' type='hidden'><value>${name}</value></field>`;
const four = ["http://jabber.org/protocol/caps", "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items", "http://jabber.org/protocol/muc"];
const exodus = query(`<identity category='client' type='pc' name='Exodus 0.9.1'/>${features(...four)}`);
const exodusVer = "QgayPKawpkPSDYmwT/WM94uAlu0=";
const psiForm = form(field("software_version", "0.11") + field("ip_version", "ipv6", "ipv4") + formType("urn:xmpp:dataforms:softwareinfo") + field("os", "Mac") + field("os_version", "10.5.1") + field("software", "Psi"));
const psi = query(`<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/><identity xml:lang='el' category='client' name='Ψ 0.11' type='pc'/>${features(...[...four].reverse())}${psiForm}`);
const psiVer = "q07IKJEyjvHSyhy//CH0CxmKi8w=";

describe("the verification string of a received list", () => {
  test("is that of the examples in XEP-0115 sections 5.2 and 5.3, form included, in any order", () => {
    expect(capsHashOf(exodus)).toBe(exodusVer);
    expect(capsHashOf(psi)).toBe(psiVer);
    expect(provesCaps(psi, psiVer)).toBe(true);
  });

  test("F23 ill-formed lists have none: repeated identities, features and forms, a form with two names, a separator in a value", () => {
    const identity = "<identity category='client' type='pc'/>";
    const bad = [identity + identity, features("a", "a"), form(formType("f")) + form(formType("f")), form("<field var='FORM_TYPE' type='hidden'><value>f</value><value>g</value></field>"), features("a&lt;b")];
    expect(bad.map((children) => capsHashOf(query(children)))).toEqual(bad.map(() => undefined));
    expect(capsHashOf(query(features("a") + form(field("x", "y")) + form("<field var='FORM_TYPE'><value>f</value></field>")))).toBe(capsHashOf(query(features("a"))));
    expect(capsHashOf(query(form("<field var='FORM_TYPE' type='hidden'><value>f</value><value>f</value></field>")))).toBe(capsHashOf(query(form(formType("f")))));
  });

  test("F23 the same hash with features hidden as a form, as an identity, or the identity as a feature proves nothing", () => {
    const [a, b, c, d] = four as [string, string, string, string];
    const identity = "<identity category='client' type='pc' name='Exodus 0.9.1'/>";
    const lies = [
      `${identity}${features(a, b)}${form(formType(c) + field(d))}`,
      `${identity}${features(a, b, c)}${form(formType(d))}`,
      `${identity}<identity category='http:' type='' xml:lang='jabber.org' name='protocol/caps'/>${features(b, c, d)}`,
      features("client/pc//Exodus 0.9.1", a, b, c, d),
      `${identity}${features(a)}${form(formType("urn:xmpp:dataforms:softwareinfo") + field("urn:z"))}`,
      `<identity category='x' type='y'/>${features("client/pc//Exodus 0.9.1")}`,
    ];
    expect(lies.slice(0, 4).map((children) => capsHashOf(query(children)))).toEqual([exodusVer, exodusVer, exodusVer, exodusVer]);
    expect(lies.map((children) => provesCaps(query(children), capsHashOf(query(children)) as string))).toEqual(lies.map(() => false));
    expect(provesCaps(exodus, exodusVer)).toBe(true);
  });
});

const jid = (text: string): FullJid => parseJid(text) as FullJid;
const claim = (ver: string, hash = "sha-1", node = "n"): CapsClaim => ({ ver, hash, node });

class Network {
  readonly directory = new CapsDirectory();
  readonly asked: string[] = [];
  readonly over = new AbortController();
  answers = new Map<string, XmlElement | Error>();
  /** While set, answers wait. */
  gate: Promise<unknown> = Promise.resolve();
  running = 0;
  runningMax = 0;
  readonly iq = {
    request: async ({ to, payload }: IqQuestion): Promise<XmlElement | undefined> => {
      this.asked.push(`${String(to)} ${payload.attrs["node"] ?? ""}`);
      this.runningMax = Math.max(this.runningMax, ++this.running);
      await this.gate;
      this.running--;
      const answer = this.answers.get(String(to));
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };

  ask(address: string, wanted: CapsClaim | undefined, signal?: AbortSignal): ReturnType<CapsDirectory["ask"]> {
    return this.directory.ask({ iq: this.iq, over: this.over.signal, jid: jid(address), claim: wanted, ...(signal === undefined ? {} : { signal }) });
  }
}

describe("F23 capabilities of others", () => {
  test("that are proven are shared by all who show the hash, and asked for once, also at the same moment", async () => {
    const network = new Network();
    network.answers.set("a@x/1", exodus);
    const [one, two] = await Promise.all([network.ask("a@x/1", claim(exodusVer)), network.ask("b@y/2", claim(exodusVer, "sha-1", "other"))]);
    expect(one?.features.has(four[3] as string)).toBe(true);
    expect(two).toBe(one);
    expect(network.directory.known(jid("c@z/3"), claim(exodusVer))).toBe(one);
    expect(network.asked).toEqual([`a@x/1 n#${exodusVer}`]);
  });

  test("that do not prove the hash hold for that address only, and a poisoner keeps nobody from the truth", async () => {
    const network = new Network();
    network.answers.set("evil@x/1", query(`<identity category='client' type='pc'/>${features("evil")}`));
    network.answers.set("good@x/1", exodus);
    const [lie, truth] = await Promise.all([network.ask("evil@x/1", claim(exodusVer)), network.ask("good@x/1", claim(exodusVer))]);
    expect([[...(lie?.features ?? [])], truth?.features.size]).toEqual([["evil"], 4]);
    expect(network.asked).toHaveLength(2);
    const late = new Network();
    late.answers = network.answers;
    await late.ask("evil@x/1", claim(exodusVer));
    expect(late.directory.known(jid("good@x/1"), claim(exodusVer))).toBeUndefined();
    expect([...(late.directory.known(jid("evil@x/1"), claim(exodusVer))?.features ?? [])]).toEqual(["evil"]);
    expect(late.directory.known(jid("evil@x/1"), claim("another"))).toBeUndefined();
  });

  test("with another hash function, or none, are never shared", async () => {
    const network = new Network();
    for (const address of ["a@x/1", "b@x/1"]) network.answers.set(address, exodus);
    await network.ask("a@x/1", claim(exodusVer, "md5"));
    expect(network.directory.known(jid("b@x/1"), claim(exodusVer, "md5"))).toBeUndefined();
    expect(network.directory.known(jid("a@x/1"), claim(exodusVer, "md5"))).toBeDefined();
    await network.ask("b@x/1", undefined);
    expect(network.directory.known(jid("b@x/1"), undefined)).toBeUndefined();
    expect(network.asked[1]).toBe("b@x/1 ");
  });

  test("an address that answers with an error, nonsense, or far too much is one that does not say", async () => {
    const network = new Network();
    network.answers.set("a@x/1", new TransportError("ERR_STANZA_ERROR", "no", { details: { condition: "service-unavailable" } }));
    network.answers.set("b@x/1", element("<query xmlns='urn:other'/>"));
    network.answers.set("c@x/1", query(features(...["x", "y", "z"].map((name) => name.repeat(12_000)))));
    for (const address of ["a@x/1", "b@x/1", "c@x/1", "d@x/1"]) expect(await network.ask(address, claim("v"))).toBeUndefined();
    const room = 16 * 1024 - serializeXml(query(features(""))).length;
    for (const [length, says] of [[room - 1, true], [room, true], [room + 1, false]] as const) {
      network.answers.set("e@x/1", query(features("x".repeat(length))));
      expect((await network.ask("e@x/1", claim(String(length)))) !== undefined).toBe(says);
    }
    network.answers.set("a@x/1", new TransportError("ERR_IQ_TIMEOUT", "late", { retryable: true }));
    await expect(network.ask("a@x/1", claim("v"))).rejects.toMatchObject({ code: "ERR_IQ_TIMEOUT" });
    network.answers.set("a@x/1", exodus);
    expect(await network.ask("a@x/1", claim("v"))).toBeDefined();
  });

  test("a caller who gives up does not stop the others", async () => {
    const network = new Network();
    network.answers.set("a@x/1", exodus);
    let open: (value?: unknown) => void = () => undefined;
    network.gate = new Promise((resolve) => { open = resolve; });
    const caller = new AbortController();
    const [first, second] = [network.ask("a@x/1", claim(exodusVer), caller.signal), network.ask("a@x/1", claim(exodusVer))];
    caller.abort();
    await expect(first).rejects.toMatchObject({ code: "ERR_ABORTED" });
    open();
    expect((await second)?.features.size).toBe(4);
    await expect(network.ask("b@x/1", claim("v"), caller.signal)).rejects.toMatchObject({ code: "ERR_ABORTED" });
    expect(network.asked).toHaveLength(1);
  });

  test("H07 however many wait with one signal, none listens to it itself, for Node takes more than ten for a leak; and it ends all of them", async () => {
    const network = new Network();
    network.gate = new Promise(() => undefined);
    const stop = new AbortController();
    const listening = vi.spyOn(stop.signal, "addEventListener");
    // Half of them wait for somebody else's answer.
    const calls = Array.from({ length: 24 }, (_, i) => network.ask(`a@x/${String(i)}`, claim(i % 2 === 0 ? exodusVer : `v${String(i)}`), stop.signal));
    stop.abort();
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: "ERR_ABORTED" });
    expect(listening).not.toHaveBeenCalled();
  });

  test("H06 requests on their way and in wait are bounded", async () => {
    const network = new Network();
    let open: (value?: unknown) => void = () => undefined;
    network.gate = new Promise((resolve) => { open = resolve; });
    const calls = Array.from({ length: capsRequestsMax + capsRequestsWaitingMax }, (_, i) => network.ask(`a${String(i)}@x/1`, claim(`v${String(i)}`)));
    await expect(network.ask("last@x/1", claim("last"))).rejects.toMatchObject({ code: "ERR_IQ_TOO_MANY", retryable: true });
    open();
    await Promise.all(calls);
    expect([network.runningMax, network.asked.length]).toEqual([capsRequestsMax, calls.length]);
  });
});

test("H06 F23 lists are kept within bounds; the oldest leave", async () => {
  const network = new Network();
  for (let i = 0; i <= addressCapsMax; i++) {
    network.answers.set(`a${String(i)}@x/1`, exodus);
    await network.ask(`a${String(i)}@x/1`, claim("lie"));
  }
  expect(network.directory.known(jid("a0@x/1"), claim("lie"))).toBeUndefined();
  expect(network.directory.known(jid("a1@x/1"), claim("lie"))).toBeDefined();
  const proven = Array.from({ length: 501 }, (_, i) => query(`<identity category='client' type='pc'/>${features(`urn:x:${String(i)}`)}`));
  const claims = proven.map((list) => claim(capsHashOf(list) ?? ""));
  for (const [i, wanted] of claims.entries()) {
    network.answers.set("p@x/1", proven[i] as XmlElement);
    await network.ask("p@x/1", wanted);
  }
  expect([0, 1, 500].map((i) => network.directory.known(jid("q@x/1"), claims[i]) !== undefined)).toEqual([false, true, true]);
});

describe("our own capabilities", () => {
  test("grow once, tell it, and former hashes are still answered", () => {
    const own = new OwnCapabilities();
    let changes = 0;
    own.onChange(() => { changes++; });
    const former = own.element().attrs["ver"] as string;
    own.add(["urn:x+notify"]);
    own.add(["urn:x+notify"]);
    expect([changes, own.info.features.has("urn:x+notify")]).toEqual([1, true]);
    const answer = (ver: string): XmlElement | undefined => own.answer(element(`<query xmlns='http://jabber.org/protocol/disco#info' node='${capsNode}#${ver}'/>`));
    expect(capsHashOf(answer(former) as XmlElement)).toBe(former);
    const now = own.element().attrs["ver"] as string;
    expect([now === former, provesCaps(answer(now), now)]).toEqual([false, true]);
    expect(answer("else")).toBeUndefined();
  });
});
