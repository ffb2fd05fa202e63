/** SCRAM, password preparation and the choice of a mechanism, pure: threats N07-N09, N11-N13. */
import { describe, expect, test } from "vitest";
import { fromBase64, toBase64 } from "../../../src/base/base64.js";
import { utf8, utf8Decode } from "../../../src/base/bytes.js";
import { systemRng } from "../../../src/base/rng.js";
import { textOf, xml, type XmlElement } from "../../../src/base/xml.js";
import { authenticate } from "../../../src/transport/auth/authenticate.js";
import type { MechanismName } from "../../../src/transport/auth/mechanism-names.js";
import { chooseMechanism, type BindingType, type Mechanism, type Offer } from "../../../src/transport/auth/mechanisms.js";
import { preparePassword } from "../../../src/transport/auth/prepare.js";
import { saslNamespace, saslProfile } from "../../../src/transport/auth/sasl.js";
import { proveOffer, readScramChallenge, scramFinish, scramStart, scramVerdict, type ScramHash } from "../../../src/transport/auth/scram.js";

const rfc5802 = {
  hash: "SHA-1", nonce: "fyko+d2lbbFgONRv9qkxdawL", challenge: "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
  proof: "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", final: "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
} as const;
const rfc7677 = {
  hash: "SHA-256", nonce: "rOprNGfwEbeRWgbNEkqO", challenge: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  proof: "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
  final: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
} as const;

const unbound = { flag: "n" } as const;
const scramOf = (hash: ScramHash): Mechanism => ({ kind: "scram", name: `SCRAM-${hash}`, hash, binding: unbound, offered: "", proofRequired: false });

describe("SCRAM", () => {
  test.each([rfc5802, rfc7677])("the example of the specification for $hash", async ({ hash, nonce, challenge, proof, final }) => {
    const start = scramStart("user", nonce, unbound);
    expect(start.message).toBe(`n,,n=user,r=${nonce}`);
    const finish = await scramFinish(hash, "pencil", start, readScramChallenge(challenge, start));
    expect(finish.message).toBe(proof);
    expect(scramVerdict(final, finish)).toBe("proven");
  });

  test("N13 the password is prepared before it is derived from", async () => {
    const start = scramStart("user", rfc5802.nonce, unbound);
    expect((await scramFinish("SHA-1", "\uff50en\u00adc\u200dil", start, readScramChallenge(rfc5802.challenge, start))).message).toBe(rfc5802.proof);
  });

  test("N13 comma and equals sign in a user name are escaped", () => {
    expect(scramStart("a=b,c", "x", unbound).bare).toBe("n=a=3Db=2Cc,r=x");
  });

  const start = scramStart("user", "own", unbound);
  const challenge = (over: { r?: string; s?: string; i?: string; tail?: string }): string =>
    `r=${over.r ?? "ownAndTheirs"},s=${over.s ?? toBase64(new Uint8Array(8))},i=${over.i ?? "4096"}${over.tail ?? ""}`;
  const reason = (text: string): unknown => {
    try {
      readScramChallenge(text, start);
      return "accepted";
    } catch (error) {
      return (error as { code: string; details: { reason: unknown } }).code === "ERR_AUTH_SERVER" ? (error as { details: { reason: unknown } }).details.reason : error;
    }
  };

  test.each([
    ["foreign", { r: "theirs" }, "nonce"], ["ours and nothing more", { r: "own" }, "nonce"], ["empty", { r: "" }, "syntax"],
  ])("N09 a nonce that is %s is refused", (_, over, expected) => { expect(reason(challenge(over))).toBe(expected); });

  test.each([["1", "iterations"], ["4095", "iterations"], ["4096", "accepted"], ["4097", "accepted"], ["999999", "accepted"], ["1000000", "accepted"], ["1000001", "iterations"],
    ["2000000000", "iterations"], ["0", "syntax"], ["-4096", "syntax"], ["4096.5", "syntax"], ["1e9", "syntax"], ["04096", "syntax"]])("N09 %s iterations: %s", (i, expected) => {
    expect(reason(challenge({ i }))).toBe(expected);
  });

  test("N09 the salt has at least 8 bytes", () => {
    for (const [length, expected] of [[0, "syntax"], [7, "salt"], [8, "accepted"], [9, "accepted"]] as const) {
      expect(reason(challenge({ s: toBase64(new Uint8Array(length)) }))).toBe(expected);
    }
    expect(reason(challenge({ s: "AAA" }))).toBe("salt");
  });

  test("N09 a mandatory extension that nobody knows is refused, an optional one is ignored, and nothing else may stand behind", () => {
    expect(reason(`m=x,${challenge({})}`)).toBe("syntax");
    expect(reason(challenge({ tail: ",x=y" }))).toBe("accepted");
    for (const tail of [",", " ", ",x", ",xy=z", ",x=y,", "\n", ",x=y".repeat(17)]) expect(reason(challenge({ tail }))).toBe("syntax");
  });

  test("N17 C08 a platform that cannot derive the proof is a permanent failure, and the password is not in it", async () => {
    const begun = scramStart("user", rfc5802.nonce, unbound);
    const impossible = scramFinish("SHA-3" as ScramHash, "pencil", begun, readScramChallenge(rfc5802.challenge, begun));
    const error: unknown = await impossible.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "ERR_CRYPTO_UNAVAILABLE", retryable: false });
    expect(error).not.toHaveProperty("cause");
    expect(String((error as Error).stack)).not.toContain("pencil");
  });

  test("N08 only the right server signature proves the server", async () => {
    const begun = scramStart("user", rfc5802.nonce, unbound);
    const finish = await scramFinish("SHA-1", "pencil", begun, readScramChallenge(rfc5802.challenge, begun));
    for (const text of ["", "v=", "v=AAAA", "v=rmF9pqV8S7suAoZWja4dJRkFsKA=", "rmF9pqV8S7suAoZWja4dJRkFsKQ=", "v=rmF9pqV8S7suAoZWja4dJRkFsKQ", "x=y,v=rmF9pqV8S7suAoZWja4dJRkFsKQ="]) expect(scramVerdict(text, finish)).toBe("unproven");
    expect(scramVerdict("e=invalid-proof", finish)).toBe("rejected");
  });
});

describe("passwords", () => {
  test("N13 spaces are mapped, invisible characters dropped, forms composed and widths folded", () => {
    expect(preparePassword("a\u00a0b\u3000c\u1680d")).toBe("a b c d");
    expect(preparePassword("I\u00adX")).toBe("IX");
    expect(preparePassword("pa\u0308ss")).toBe("p\u00e4ss");
    expect(preparePassword("\uff21\u2168")).toBe("AIX");
    expect(preparePassword("日本 Passwort")).toBe("日本 Passwort");
  });

  test("N13 whatever the specification calls a space is one, and whatever it maps to nothing goes", () => {
    const spaces = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"; // RFC 3454 table C.1.2
    expect(preparePassword(`a${spaces}b`)).toBe(`a${" ".repeat(spaces.length)}b`);
    const nothing = "\u00ad\u034f\u1806\u180b\u180c\u180d\u200b\u200c\u200d\u2060\ufe00\ufe07\ufe0f\ufeff"; // table B.1
    expect(preparePassword(`a${nothing}b`)).toBe("ab");
  });

  test.each(["", "\u00ad", "a\u0000b", "a\u0007", "a\u007f", "a\u0085", "\ud800", "a\udfffb", "\u2028", "\ue000", "\uf8ff", "\ufffd", "\ufdd0", "\u{1ffff}"])("N13 %j is no password", (text) => {
    expect(() => preparePassword(text)).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }) as Error);
  });
});

describe("mechanisms", () => {
  const all = ["PLAIN", "ANONYMOUS", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "DIGEST-MD5", "SCRAM-SHA-1-PLUS"];
  const choose = (offered: readonly string[], floor: MechanismName = "SCRAM-SHA-1", secure = true): string => {
    try {
      return chooseMechanism({ mechanisms: offered, bindings: undefined, strict: false }, { floor, secure, binding: () => undefined }).name;
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  test("N07 the strongest is chosen, never one below the floor, never ANONYMOUS", () => {
    expect(choose(all)).toBe("SCRAM-SHA-512");
    expect(choose(["SCRAM-SHA-1", "SCRAM-SHA-256"])).toBe("SCRAM-SHA-256");
    expect(choose(["SCRAM-SHA-1"])).toBe("SCRAM-SHA-1");
    expect(choose(["SCRAM-SHA-1"], "SCRAM-SHA-256")).toBe("ERR_AUTH_MECHANISM");
    for (const offered of [["PLAIN"], ["ANONYMOUS"], [], ["DIGEST-MD5"], ["scram-sha-1"]]) expect(choose(offered)).toBe("ERR_AUTH_MECHANISM");
    expect(choose(["ANONYMOUS"], "PLAIN")).toBe("ERR_AUTH_MECHANISM");
  });

  test("N12 PLAIN only with that floor and only on verified TLS", () => {
    expect(choose(["PLAIN"], "PLAIN")).toBe("PLAIN");
    expect(choose(["PLAIN"], "PLAIN", false)).toBe("ERR_AUTH_MECHANISM");
    expect(choose(["PLAIN", "SCRAM-SHA-1"], "PLAIN")).toBe("SCRAM-SHA-1");
  });
});

describe("channel binding", () => {
  const exporter = utf8("exporter");
  const endPoint = utf8("end point");
  const platform = (able: readonly BindingType[]) => (type: BindingType) => (able.includes(type) ? (type === "tls-exporter" ? exporter : endPoint) : undefined);
  const both: readonly BindingType[] = ["tls-exporter", "tls-server-end-point"];
  const choose = (offer: Partial<Offer>, able: readonly BindingType[] = both, floor: MechanismName = "SCRAM-SHA-1"): unknown => {
    try {
      const chosen = chooseMechanism({ mechanisms: ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"], bindings: undefined, strict: false, ...offer }, { floor, secure: true, binding: platform(able) });
      return chosen.kind === "plain" ? "PLAIN" : `${chosen.name} ${chosen.binding.flag === "p" ? chosen.binding.type : chosen.binding.flag}${chosen.proofRequired ? " proof" : ""}`;
    } catch (error) {
      return (error as { details: { reason?: unknown } }).details.reason;
    }
  };

  test("N10 the strongest kind that both sides can is used with the strongest hash", () => {
    expect(choose({ bindings: ["tls-server-end-point", "tls-exporter"] })).toBe("SCRAM-SHA-256 tls-exporter");
    expect(choose({ bindings: ["tls-server-end-point", "tls-unique"] })).toBe("SCRAM-SHA-256 tls-server-end-point");
    expect(choose({ bindings: ["tls-exporter"], mechanisms: ["SCRAM-SHA-256", "SCRAM-SHA-1-PLUS"] })).toBe("SCRAM-SHA-1 tls-exporter");
    expect(choose({ bindings: ["tls-exporter"], mechanisms: ["SCRAM-SHA-256", "SCRAM-SHA-1-PLUS"] }, both, "SCRAM-SHA-256")).toBe("SCRAM-SHA-256 n");
  });

  test("N10 the flag says exactly what the client could and what it saw", () => {
    expect(choose({ mechanisms: ["SCRAM-SHA-1"] })).toBe("SCRAM-SHA-1 y");
    expect(choose({ mechanisms: ["SCRAM-SHA-1"] }, [])).toBe("SCRAM-SHA-1 n");
    expect(choose({ bindings: ["tls-exporter"] }, [])).toBe("SCRAM-SHA-256 n");
    expect(choose({})).toBe("SCRAM-SHA-256 n");
  });

  test("N10 a list of kinds that somebody has emptied must be proven, or is refused within SASL 2", () => {
    expect(choose({ bindings: ["tls-unique"] })).toBe("SCRAM-SHA-256 n proof");
    expect(choose({ bindings: ["tls-unique"], mechanisms: ["SCRAM-SHA-1"] })).toBe("SCRAM-SHA-1 y"); // no kind was to be had anyway
    expect(choose({ strict: true })).toBe("channel-binding");
    expect(choose({ strict: true }, [])).toBe("SCRAM-SHA-256 n"); // who cannot bind, as a browser, loses nothing
    expect(choose({ strict: true, bindings: ["tls-exporter"], mechanisms: ["SCRAM-SHA-256"] })).toBe("channel-binding");
    expect(choose({ strict: true, bindings: ["tls-exporter"] })).toBe("SCRAM-SHA-256 tls-exporter");
    expect(choose({ strict: true, mechanisms: ["SCRAM-SHA-1"] })).toBe("SCRAM-SHA-1 y");
    expect(choose({ strict: true, bindings: ["tls-exporter"] }, [])).toBe("SCRAM-SHA-256 n");
  });

  test("N10 the proof covers the kind and the data of the channel", async () => {
    const begun = scramStart("user", rfc5802.nonce, { flag: "p", type: "tls-exporter", data: exporter });
    expect(begun.message).toBe(`p=tls-exporter,,n=user,r=${rfc5802.nonce}`);
    const { message } = await scramFinish("SHA-1", "pencil", begun, readScramChallenge(rfc5802.challenge, begun));
    expect(utf8Decode(fromBase64(/^c=([^,]*),/.exec(message)?.[1] ?? "") ?? utf8(""))).toBe("p=tls-exporter,,exporter");
    expect(scramStart("user", "x", { flag: "y" }).message).toBe("y,,n=user,r=x");
  });

  test("N10 the hash over the offer (XEP-0474) is checked whenever it is sent, and missed where it is needed", async () => {
    const chosen = chooseMechanism({ mechanisms: ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"], bindings: ["tls-server-end-point", "tls-exporter"], strict: true }, { floor: "SCRAM-SHA-1", secure: true, binding: platform(both) });
    if (chosen.kind !== "scram") throw new TypeError("not SCRAM");
    const begun = scramStart("user", "own", chosen.binding);
    const said = (tail: string) => readScramChallenge(`r=ownAndTheirs,s=QSXCR+Q6sek8bf92,i=4096${tail}`, begun);
    // The example of XEP-0474 section 4.3.
    await proveOffer(chosen, said(",h=G6k/rBLDqgOhRRaCuuatSDFkJ08="));
    await proveOffer(chosen, said(",x=1,h=G6k/rBLDqgOhRRaCuuatSDFkJ08=,y=2"));
    await proveOffer(chosen, said(""));
    for (const tail of [",h=G6k/rBLDqgOhRRaCuuatSDFkJ09=", ",h=", ",h=AAAA"]) await expect(proveOffer(chosen, said(tail))).rejects.toMatchObject({ code: "ERR_AUTH_SERVER", details: { reason: "offer" } });
    await expect(proveOffer({ ...chosen, proofRequired: true }, said(""))).rejects.toMatchObject({ code: "ERR_AUTH_SERVER", details: { reason: "offer" } });
  });
});

describe("the exchange", () => {
  /** A server that answers by `script`; each entry makes an element of what the client sent last. */
  async function exchange(hash: ScramHash, script: readonly ((sent: string) => XmlElement)[]): Promise<{ outcome: string; sent: string[] }> {
    const sent: string[] = [];
    let turn = 0;
    const link = {
      write: (element: XmlElement) => { sent.push(utf8Decode(fromBase64(textOf(element)) ?? utf8("?")) ?? "?"); return Promise.resolve(); },
      next: () => Promise.resolve((script[turn++] ?? (() => xml(saslNamespace, "nothing")))(sent.at(-1) ?? "")),
    };
    const run = authenticate(link, saslProfile, scramOf(hash), { username: "user", password: "pencil" }, systemRng());
    return { outcome: await run.then(() => "proven", (error: unknown) => (error as { code: string }).code), sent };
  }
  const encoded = (name: string, text: string): XmlElement => xml(saslNamespace, name, {}, toBase64(utf8(text)));
  let authMessage: { bare: string; challenge: string };
  const challenge = (sent: string): XmlElement => {
    const bare = sent.slice(3);
    const text = `r=${/r=(.*)$/.exec(bare)?.[1] ?? ""}server,s=QSXCR+Q6sek8bf92,i=4096`;
    authMessage = { bare, challenge: text };
    return encoded("challenge", text);
  };
  const proof = (hash: ScramHash) => async (): Promise<string> => {
    const nonce = /r=(.*)$/.exec(authMessage.bare)?.[1] ?? "";
    const start = { nonce, bare: authMessage.bare, binding: utf8("n,,"), message: `n,,${authMessage.bare}` };
    return `v=${toBase64((await scramFinish(hash, "pencil", start, readScramChallenge(authMessage.challenge, start))).serverSignature)}`;
  };

  test.each(["SHA-1", "SHA-256", "SHA-512"] as const)("N08 SCRAM-%s: with the proof in <success/> or in a challenge of its own both sides are proven", async (hash) => {
    for (const own of [false, true]) {
      const written: XmlElement[] = [];
      const replies: (() => Promise<XmlElement> | XmlElement)[] = [
        () => challenge(utf8Decode(fromBase64(textOf(written[0] as XmlElement)) ?? utf8("")) ?? ""),
        async () => encoded(own ? "challenge" : "success", await proof(hash)()),
        () => xml(saslNamespace, "success"),
      ];
      const link = {
        write: (element: XmlElement) => { written.push(element); return Promise.resolve(); },
        next: async () => (replies.shift() as () => Promise<XmlElement> | XmlElement)(),
      };
      await authenticate(link, saslProfile, scramOf(hash), { username: "user", password: "pencil" }, systemRng());
      expect(written).toHaveLength(own ? 3 : 2);
    }
  });

  test("N08 success without or with a wrong signature is a server that proved nothing", async () => {
    expect((await exchange("SHA-256", [challenge, () => xml(saslNamespace, "success")])).outcome).toBe("ERR_AUTH_SERVER");
    expect((await exchange("SHA-256", [challenge, () => encoded("success", "v=AAAA")])).outcome).toBe("ERR_AUTH_SERVER");
    expect((await exchange("SHA-256", [challenge, () => encoded("challenge", "v=AAAA")])).outcome).toBe("ERR_AUTH_SERVER");
  });

  test("N13 PLAIN prepares the password as SCRAM does", async () => {
    const sent: XmlElement[] = [];
    const link = { write: (element: XmlElement) => { sent.push(element); return Promise.resolve(); }, next: () => Promise.resolve(xml(saslNamespace, "success")) };
    await authenticate(link, saslProfile, { kind: "plain", name: "PLAIN" }, { username: "jos\u00e9", password: "\uff49\u00ad\u00a0x" }, systemRng());
    expect(utf8Decode(fromBase64(textOf(sent[0] as XmlElement)) ?? utf8("?"))).toBe("\0jos\u00e9\0i x");
  });

  test("N09 each exchange has a nonce of its own", async () => {
    const begun = await Promise.all(Array.from({ length: 3 }, () => exchange("SHA-1", [])));
    const nonces = begun.map(({ sent }) => /^n,,n=user,r=([0-9a-f]{32})$/.exec(sent[0] ?? "")?.[1]);
    expect([new Set(nonces).size, nonces.includes(undefined)]).toEqual([3, false]);
  });

  test("N09 the proof is not computed for a challenge that is refused", async () => {
    const { outcome, sent } = await exchange("SHA-1", [() => encoded("challenge", "r=other,s=QSXCR+Q6sek8bf92,i=4096")]);
    expect([outcome, sent.length]).toEqual(["ERR_AUTH_SERVER", 1]);
  });

  test("N11 success at once, a second challenge or anything else out of order is fatal", async () => {
    expect((await exchange("SHA-1", [() => xml(saslNamespace, "success")])).outcome).toBe("ERR_STREAM_PROTOCOL");
    expect((await exchange("SHA-1", [() => xml("urn:x", "challenge")])).outcome).toBe("ERR_STREAM_PROTOCOL");
    expect((await exchange("SHA-1", [challenge, () => xml("urn:x", "success")])).outcome).toBe("ERR_STREAM_PROTOCOL");
  });

  test("N17 permanent and temporary failures are told apart; texts from outside stay outside", async () => {
    const failing = (...children: XmlElement[]) => exchange("SHA-1", [() => xml(saslNamespace, "failure", {}, ...children)]);
    expect((await failing(xml(saslNamespace, "not-authorized"))).outcome).toBe("ERR_AUTH_REJECTED");
    expect((await failing(xml(saslNamespace, "temporary-auth-failure"))).outcome).toBe("ERR_AUTH_TEMPORARY");
    expect((await failing()).outcome).toBe("ERR_AUTH_REJECTED");
  });
});
