/** What SCRAM proves and to whom, and what is left of the secrets in between: threats N08, N10, N11, N17, C08, H03. */
import { describe, expect, test, vi } from "vitest";
import { fromBase64, toBase64 } from "../../../src/base/base64.js";
import { utf8, utf8Decode } from "../../../src/base/bytes.js";
import { systemRng } from "../../../src/base/rng.js";
import { findChild, textOf, xml, type XmlElement } from "../../../src/base/xml.js";
import { authenticate } from "../../../src/transport/auth/authenticate.js";
import { chooseMechanism } from "../../../src/transport/auth/mechanisms.js";
import { sasl2Namespace, sasl2Profile, saslNamespace, saslProfile } from "../../../src/transport/auth/sasl.js";
import { readScramChallenge, scramFinish, scramStart, scramVerdict, type ScramFinish } from "../../../src/transport/auth/scram.js";

const nonce = "rOprNGfwEbeRWgbNEkqO";
const challenge = `r=${nonce}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;

test("SCRAM-SHA-512: the example of RFC 7677 with that hash, as OpenSSL computes it", async () => {
  const start = scramStart("user", nonce, { flag: "n" });
  const { message, serverSignature } = await scramFinish("SHA-512", "pencil", start, readScramChallenge(challenge, start));
  expect(message).toBe(`c=biws,r=${nonce}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==`);
  expect(toBase64(serverSignature)).toBe("ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==");
});

test("N08 an error is one at the beginning of the last word only: what stands behind the proof does not undo it", () => {
  const finish: ScramFinish = { message: "", serverSignature: utf8("signature") };
  const proof = `v=${toBase64(finish.serverSignature)}`;
  expect([scramVerdict(`${proof},e=none`, finish), scramVerdict(`${proof};`, finish), scramVerdict(`${proof} ,`, finish)]).toEqual(["proven", "unproven", "unproven"]);
});

describe("the last word of the exchange", () => {
  const said = (ns: string, name: string, text: string): XmlElement =>
    (ns === sasl2Namespace && name === "success" ? xml(ns, name, {}, xml(ns, "additional-data", {}, toBase64(utf8(text)))) : xml(ns, name, {}, toBase64(utf8(text))));

  /** Runs the exchange; `last` makes the server's last word of the right signature. */
  async function outcome(ns: string, last: (signature: string) => XmlElement): Promise<unknown> {
    const profile = ns === sasl2Namespace ? sasl2Profile([]) : saslProfile;
    const sent: XmlElement[] = [];
    const first = (): string => {
      const [begun] = sent as [XmlElement];
      return utf8Decode(fromBase64(textOf(findChild(begun, sasl2Namespace, "initial-response") ?? begun)) ?? utf8("")) ?? "";
    };
    const offer = (): string => `r=${/r=(.*)$/.exec(first())?.[1] ?? ""}x,s=QSXCR+Q6sek8bf92,i=4096`;
    const next = async (): Promise<XmlElement> => {
      if (sent.length === 1) return said(ns, "challenge", offer());
      if (sent.length > 2) return xml(ns, "success");
      const start = { ...scramStart("user", "", { flag: "n" }), nonce: /r=(.*)$/.exec(first())?.[1] ?? "", bare: first().slice(3) };
      return last(`v=${toBase64((await scramFinish("SHA-1", "pencil", start, readScramChallenge(offer(), start))).serverSignature)}`);
    };
    const run = authenticate({ write: (element) => { sent.push(element); return Promise.resolve(); }, next }, profile, {
      kind: "scram", name: "SCRAM-SHA-1", hash: "SHA-1", binding: { flag: "n" }, offered: "", proofRequired: false,
    }, { username: "user", password: "pencil" }, systemRng());
    return run.then(() => "proven", (error: unknown) => (error as { code: string }).code);
  }

  test.each([saslNamespace, sasl2Namespace])("N08 %s: success that holds an error in the place of the proof is no login", async (ns) => {
    expect(await outcome(ns, (proof) => said(ns, "success", proof))).toBe("proven");
    expect(await outcome(ns, () => said(ns, "success", "e=invalid-proof"))).toBe("ERR_AUTH_REJECTED");
    expect(await outcome(ns, () => said(ns, "success", ""))).toBe("ERR_AUTH_SERVER");
  });

  test("N11 the proof may come in a challenge of its own before SASL 2, and not within it", async () => {
    expect(await outcome(saslNamespace, (proof) => said(saslNamespace, "challenge", proof))).toBe("proven");
    expect(await outcome(saslNamespace, () => said(saslNamespace, "challenge", "e=other-error"))).toBe("ERR_AUTH_REJECTED");
    expect(await outcome(sasl2Namespace, (proof) => said(sasl2Namespace, "challenge", proof))).toBe("ERR_STREAM_PROTOCOL");
  });
});

test("N10 a platform that can bind in one way only says so too", () => {
  const binding = (type: string): ReturnType<typeof utf8> | undefined => (type === "tls-server-end-point" ? utf8("x") : undefined);
  expect(chooseMechanism({ mechanisms: ["SCRAM-SHA-1"], bindings: undefined, strict: false }, { floor: "SCRAM-SHA-1", secure: true, binding })).toMatchObject({ binding: { flag: "y" } });
});

test("C08 H03 no key of the derivation can be taken out of the platform, and nothing of the password is left behind it", async () => {
  const imported: { readonly key: Uint8Array; readonly extractable: boolean }[] = [];
  const { subtle } = globalThis.crypto;
  const original = subtle.importKey.bind(subtle) as (...call: readonly unknown[]) => Promise<CryptoKey>;
  const spy = vi.spyOn(subtle, "importKey").mockImplementation(((...call: readonly [string, Uint8Array, unknown, boolean, readonly string[]]) => {
    imported.push({ key: call[1], extractable: call[3] });
    return original(...call);
  }) as unknown as typeof subtle.importKey);
  try {
    const start = scramStart("user", nonce, { flag: "n" });
    await scramFinish("SHA-256", "pencil", start, readScramChallenge(challenge, start));
  } finally {
    spy.mockRestore();
  }
  expect(imported.map(({ extractable }) => extractable)).toEqual([false, false, false, false, false]);
  expect(imported.map(({ key }) => key.every((byte) => byte === 0))).toEqual([true, true, true, true, true]);
});
