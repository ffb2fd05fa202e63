import { expect, test } from "vitest";

import { UsageError } from "../../../src/base/errors.js";
import { bareJid, domainOf, isFullJid, localOf, parseBareJid, parseJid, resourceOf, toBare } from "../../../src/base/jid.js";

const longest = "a".repeat(1023);

test.each([
  ["", "nothing"],
  ["@", "two empty parts"],
  ["a@", "an empty domain"],
  ["@b", "an empty localpart"],
  ["a@b/", "an empty resource"],
  ["/r", "only a resource"],
  ["a@b@c", "two at signs before the slash"],
  ["a b@c", "a space in the localpart"],
  ["a:b@c", "a colon in the localpart"],
  ["a@b c", "a space in the domain"],
  ["a@b..c", "an empty label"],
  ["a@.", "a domain that is one dot"],
  ["a\u0000@b", "NUL in the localpart"],
  ["a@b\u0000", "NUL in the domain"],
  ["a@b/\u0000", "NUL in the resource"],
  ["a@b/\u001b[2J", "an escape sequence in the resource"],
  ["a\u202e@b", "a direction override"],
  ["a\u200b@b", "a zero-width space"],
  ["a\u2066@b", "a direction isolate"],
  ["a\u061c@b", "a letter mark"],
  ["a\u00ad@b", "a soft hyphen"],
  ["a@b\u2069.example", "an isolate in a domain"],
  ["a\ud800@b", "a lone surrogate"],
  ["a\ufe52@b\uff0fc", "a full-width slash, which is a slash after mapping"],
  [`${"a".repeat(1024)}@b`, "a localpart of 1,024 bytes"],
  [`a@${"b".repeat(1024)}`, "a domain of 1,024 bytes"],
  [`a@b/${"c".repeat(1024)}`, "a resource of 1,024 bytes"],
  [`${"\u00e4".repeat(512)}@b`, "a localpart of 1,024 bytes in 512 characters"],
  ["x".repeat(3072), "3,072 bytes"],
])("P16 a malformed address is refused: %j (%s)", (text) => {
  expect(parseJid(text)).toBeUndefined();
  expect(parseBareJid(text)).toBeUndefined();
  expect(() => bareJid(text)).toThrow(UsageError);
});

test("P16 each part may have 1,023 bytes", () => {
  expect(parseJid(`${longest}@${longest}/${longest}`)).toBe(`${longest}@${longest}/${longest}`);
});

test("P16 what follows the first slash is the resource, at signs and slashes included", () => {
  const jid = parseJid("romeo@verona.example/a@b/c");
  expect(jid).toBe("romeo@verona.example/a@b/c");
  if (jid === undefined) return;
  expect(toBare(jid)).toBe("romeo@verona.example");
  expect(resourceOf(jid)).toBe("a@b/c");
  expect(domainOf(jid)).toBe("verona.example");
  expect(localOf(jid)).toBe("romeo");
});

test("F21 addresses that mean the same become the same string; resources keep their case", () => {
  expect(parseJid("ROMEO@Verona.Example./Orchard")).toBe("romeo@verona.example/Orchard");
  expect(parseJid("ro\u006d\u0065\u0301o@x.example")).toBe(parseJid("rom\u00e9o@x.example"));
  expect(parseJid("\uff52omeo@x.example")).toBe("romeo@x.example");
});

test("a domain alone, an IPv6 literal and a localpart without resource are addresses", () => {
  expect(parseJid("verona.example")).toBe("verona.example");
  expect(parseJid("a@[::1]")).toBe("a@[::1]");
  const domain = parseJid("verona.example");
  expect(domain !== undefined && localOf(domain)).toBeUndefined();
  expect(domain !== undefined && isFullJid(domain)).toBe(false);
});

test("H04 what is no text is no address, whatever it looks like as one", () => {
  for (const each of [undefined, null, 5, {}, ["romeo@verona.example"], { toString: () => "romeo@verona.example" }]) {
    expect(parseJid(each as string)).toBeUndefined();
    expect(() => bareJid(each as string)).toThrow(expect.objectContaining({ code: "ERR_INVALID_JID" }) as Error);
  }
});

test("an address from the application must be bare, and the error does not repeat it (H01)", () => {
  expect(bareJid("Romeo@verona.example")).toBe("romeo@verona.example");
  const secret = "very private name@/";
  try {
    bareJid(secret);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    expect((error as UsageError).code).toBe("ERR_INVALID_JID");
    expect(JSON.stringify(error) + String(error)).not.toContain("private");
  }
  expect(() => bareJid("romeo@verona.example/orchard")).toThrow(UsageError);
});

test("parsing is idempotent", () => {
  for (const text of ["ROMEO@Verona.Example/Orchard", "\u00c4@b.example", "\ufb01@x.example", "a@\uff22.example"]) {
    const once = parseJid(text);
    expect(once).toBeDefined();
    expect(parseJid(once ?? "")).toBe(once);
  }
});

test("F21 the quick way for plain addresses gives what preparing them gives", () => {
  for (const address of ["a@b", "romeo@montague.example", "a.b_c-d@x-1.example", "a@b.", "a@.b", "a@b..c", "a@", "@b", "a b@c", "A@b", "a@B", "a@b/c", "a@@b", "a'@b", `${"a".repeat(65)}@b`, `a@${"b".repeat(64)}`]) {
    const upper = parseJid(address.toUpperCase()); // takes the long way
    expect(parseJid(address.toLowerCase())).toBe(address.includes("/") ? upper?.replace("/C", "/c") : upper);
  }
});
