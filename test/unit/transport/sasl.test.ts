/** What servers say when they refuse a login, in both dresses of SASL, and where the password comes from: threats N11, N17, H02. */
import { describe, expect, test } from "vitest";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import { askPassword } from "../../../src/transport/auth/password-source.js";
import { receiveSasl, sasl2Namespace, sasl2Profile, saslNamespace, saslProfile } from "../../../src/transport/auth/sasl.js";
import { TransportError } from "../../../src/transport/errors.js";

const saslCondition = (name: string): XmlElement => xml(saslNamespace, name);

describe.each([["SASL", saslProfile, sasl2Namespace], ["SASL 2", sasl2Profile([]), saslNamespace]] as const)("%s", (_, profile, foreign) => {
  const answered = (element: XmlElement, expected: readonly ("challenge" | "success")[] = ["challenge", "success"]): Promise<XmlElement> =>
    receiveSasl({ write: () => Promise.resolve(), next: () => Promise.resolve(element) }, profile, expected);
  const refused = (...children: XmlElement[]): Promise<XmlElement> => answered(xml(profile.namespace, "failure", {}, ...children));

  // RFC 6120 section 6.5, all but the one that passes.
  test.each([
    "aborted", "account-disabled", "credentials-expired", "encryption-required", "incorrect-encoding", "invalid-authzid", "invalid-mechanism",
    "malformed-request", "mechanism-too-weak", "not-authorized",
  ])("N17 a login refused with %s is permanent, and the reason is told", async (condition) => {
    await expect(refused(saslCondition(condition))).rejects.toMatchObject({ code: "ERR_AUTH_REJECTED", retryable: false, details: { condition } });
  });

  test("N17 only a temporary failure may pass, and only where it is one of the conditions of SASL", async () => {
    const temporary = "temporary-auth-failure";
    await expect(refused(saslCondition(temporary))).rejects.toMatchObject({ code: "ERR_AUTH_TEMPORARY", retryable: true, details: { condition: temporary } });
    await expect(refused(xml("urn:x", temporary), saslCondition("not-authorized"))).rejects.toMatchObject({ code: "ERR_AUTH_REJECTED", retryable: false, details: { condition: "not-authorized" } });
  });

  test("N17 H02 what is no condition is none, and nothing of it is kept", async () => {
    for (const children of [[], [saslCondition("text")], [saslCondition("hunter2")], [xml("urn:x", "not-authorized")]]) {
      await expect(refused(...children)).rejects.toMatchObject({ code: "ERR_AUTH_REJECTED", retryable: false, details: { condition: "undefined-condition" } });
    }
  });

  test("N11 nothing of another protocol is an answer, and nothing that is not due", async () => {
    const disorder = { code: "ERR_STREAM_PROTOCOL", details: { reason: "sasl-order" } };
    for (const name of ["failure", "success", "challenge", "continue"]) await expect(answered(xml(foreign, name))).rejects.toMatchObject(disorder);
    await expect(answered(xml(profile.namespace, "challenge"), ["success"])).rejects.toMatchObject(disorder);
    expect((await answered(xml(profile.namespace, "success"), ["success"])).name).toBe("success");
  });

  test("N11 text that cannot be read is none", () => {
    const text = (content: string): string => profile.text(xml(profile.namespace, "challenge", {}, content));
    expect([text(" dj0x\n"), text(""), text("="), text("?"), text("/w==")]).toEqual(["v=1", "", "", "", ""]);
  });
});

test("N11 further steps are refused where a server may ask for them, and out of order where it may not", async () => {
  const next = (profile: typeof saslProfile): Promise<XmlElement> =>
    receiveSasl({ write: () => Promise.resolve(), next: () => Promise.resolve(xml(profile.namespace, "continue")) }, profile, ["success"]);
  await expect(next(sasl2Profile([]))).rejects.toMatchObject({ code: "ERR_AUTH_MECHANISM", retryable: false, details: { reason: "further-steps" } });
  await expect(next(saslProfile)).rejects.toMatchObject({ code: "ERR_STREAM_PROTOCOL" });
});

describe("the password", () => {
  const { signal } = new AbortController();

  test.each<[string, () => unknown]>([
    ["threw", () => { throw new RangeError("hunter2"); }], ["threw", () => Promise.reject(new RangeError("hunter2"))], ["no-string", () => undefined], ["no-string", () => Promise.resolve(2)],
    ["unusable", () => ""], ["unusable", () => "\u00ad"], ["unusable", () => Promise.resolve("hunter2\n")],
  ])("N17 H02 a source of which it has to be said: %s, is a permanent failure that says so and no more", async (reason, source) => {
    const error: unknown = await askPassword(source as () => string, signal).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "ERR_AUTH_PASSWORD_SOURCE", retryable: false, details: { reason } });
    expect(error).not.toHaveProperty("cause");
    expect((error as Error).message.includes("empty or holds control characters")).toBe(reason === "unusable");
  });

  test("N17 is handed on as it was given, and what the source says of itself is believed", async () => {
    expect(await askPassword(() => " I\u00adX ", signal)).toBe(" I\u00adX ");
    const busy = new TransportError("ERR_AUTH_TEMPORARY", "the vault is locked", { retryable: true });
    await expect(askPassword(() => Promise.reject(busy), signal)).rejects.toBe(busy);
    await expect(askPassword(() => { throw busy; }, signal)).rejects.toBe(busy);
    await askPassword(({ signal: given }) => { expect(given).toBe(signal); return "x"; }, signal);
  });
});
