/** XEP-0077 and forms to fill in: read with suspicion, sent only when they fit, never to the own server. */
import { describe, expect, test } from "vitest";
import { type BareJid, bareJid } from "../../../src/base/jid.js";
import { serializeXml } from "../../../src/base/xml.js";
import type { IqQuestion, IqRequester } from "../../../src/transport/features/iq-requester.js";
import { isOtherService, RegistrationService } from "../../../src/transport/features/registration.js";
import { checkAnswers, readForm } from "../../../src/transport/xep/xep0004-form.js";
import { decodeRegistration, type RegistrationOffer } from "../../../src/transport/xep/xep0077.js";
import { element } from "../../support/xml.js";

const account = bareJid("romeo@verona.example");
const gateway = bareJid("aim.verona.example");
const register = "jabber:iq:register";
const query = (inside: string): string => `<query xmlns='${register}'>${inside}</query>`;
const form = (fields: string, type = "form"): string => `<x xmlns='jabber:x:data' type='${type}'>${fields}</x>`;
const field = (type: string, name: string, inside = "", label = ""): string => `<field type='${type}' var='${name}'${label === "" ? "" : ` label='${label}'`}>${inside}</field>`;
const value = (text: string): string => `<value>${text}</value>`;
const offered = (inside: string): RegistrationOffer | undefined => decodeRegistration(element(query(inside)), gateway);

function scripted(reply: string | undefined): { readonly service: RegistrationService; readonly asked: IqQuestion[] } {
  const asked: IqQuestion[] = [];
  const iq: IqRequester = { request: (question) => { asked.push(question); return Promise.resolve(reply === undefined ? undefined : element(reply)); } };
  return { asked, service: new RegistrationService({ iq, account }) };
}

describe("what a service wants to know", () => {
  test("fields of XEP-0077 in one shape, without the password on record; instructions and names are cleaned (F20, H02)", () => {
    const offer = offered("<registered/><instructions>Say\u202e who\nyou are</instructions><username>romeo</username><password>hunter2</password><key>k1</key><evil/><email/>");
    expect(offer).toMatchObject({ kind: "fields", service: gateway, registered: true, instructions: "Say who\nyou are" });
    expect(offer?.kind === "fields" ? offer.form.fields.map(({ name, type, values, required }) => [name, type, values, required]) : []).toEqual([
      ["username", "text-single", ["romeo"], true], ["password", "text-private", [], true], ["email", "text-single", [], true], ["key", "hidden", ["k1"], false],
    ]);
    expect(JSON.stringify(offer)).not.toContain("hunter2");
  });

  test("a form comes before fields (#precedence); labels are cleaned, hidden values and offered values stay as they are", () => {
    const offer = offered(`<instructions>x</instructions><username/>${form(
      `<title>Sign \u202eup</title><instructions>one</instructions><instructions>two</instructions>${field("hidden", "FORM_TYPE", value(register))}${field("hidden", "ticket", value(" a\u202eb "))}`
      + `${field("fixed", "", value("Who\u200b are you?"))}${field("text-single", "user", "<required/><desc>your\u2066 name</desc>", "Us\u200ber")}`
      + `${field("list-single", "net", `<option label='E\u202eU'>${value("eu ")}</option><option>${value("us")}</option>`)}${field("text-private", "pin", value("1234"))}${field("strange", "odd")}`)}`);
    expect(offer).toMatchObject({ kind: "form", form: { title: "Sign up", instructions: "one\ntwo" } });
    const fields = offer?.kind === "form" ? offer.form.fields : [];
    expect(fields.map(({ name, type, label, values }) => [name, type, label, values])).toEqual([
      ["FORM_TYPE", "hidden", "FORM_TYPE", [register]], ["ticket", "hidden", "ticket", [" a\u202eb "]], ["", "fixed", "", ["Who are you?"]],
      ["user", "text-single", "User", []], ["net", "list-single", "net", []], ["pin", "text-private", "pin", []], ["odd", "text-single", "odd", []],
    ]);
    expect(fields[3]).toMatchObject({ required: true, description: "your name" });
    expect(fields[4]?.options).toEqual([{ value: "eu ", label: "EU" }, { value: "us", label: "us" }]);
  });

  test("F20 what is to be shown of a form is cut at 4,096 code points", () => {
    for (const [length, kept] of [[4_095, 4_095], [4_096, 4_096], [4_097, 4_096]] as const) {
      const text = `a b${"!".repeat(length - 3)}`;
      expect(offered(`<instructions>${text}</instructions><username/>`)?.instructions).toHaveLength(kept);
      const read = readForm(element(form(`<title>${text}</title><instructions>${text}</instructions>${field("text-single", "x", `<desc>${text}</desc>`)}`)));
      expect([read?.title?.length, read?.instructions?.length, read?.fields[0]?.description?.length]).toEqual([kept, kept, kept]);
    }
  });

  test("elsewhere: only an address for a browser is handed on, and none that hides its host", () => {
    const elsewhere = (url: string): unknown => offered(`<instructions>Visit us</instructions><x xmlns='jabber:x:oob'><url>${url}</url></x>`);
    expect(elsewhere("https://gw.example/join?x=1")).toEqual({ kind: "elsewhere", service: gateway, registered: false, instructions: "Visit us", url: "https://gw.example/join?x=1" });
    for (const url of ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "https://bank.example@evil.example/", "https://bank.example:x@evil.example", "no", "", `https://gw.example/${"x".repeat(4_096)}`]) {
      expect(elsewhere(url)).toEqual({ kind: "elsewhere", service: gateway, registered: false, instructions: "Visit us" });
    }
  });

  test.each([
    ["another element", "<query xmlns='urn:x'/>"], ["a form that is not to be filled in", query(form("", "result"))],
    ["a form for something else", query(form(field("hidden", "FORM_TYPE", value("jabber:iq:register:cancel"))))],
    ["a form without a type of its own", query(form(field("hidden", "FORM_TYPE", "")))],
    ["too many fields", query(form(Array.from({ length: 129 }, (_, i) => field("text-single", `f${i.toString()}`)).join("")))],
    ["too many options", query(form(field("list-single", "l", "<option><value>1</value></option>".repeat(513))))],
    ["too many values", query(form(field("hidden", "l", value("1").repeat(257))))],
    ["a value that is too long", query(form(field("hidden", "h", value("x".repeat(4_097)))))],
    ["an option that is too long", query(form(field("list-single", "l", `<option>${value("x".repeat(4_097))}</option>`)))],
    ["a name that is too long", query(form(field("hidden", "x".repeat(4_097))))],
    ["a field that is too long", query(`<username>${"x".repeat(4_097)}</username>`)],
  ])("H06 H08 %s is refused as a whole", async (_, reply) => {
    await expect(scripted(reply).service.offer(gateway)).rejects.toMatchObject({ code: "ERR_STREAM_PROTOCOL" });
  });

  test("H04 fields with the names of object members are ordinary fields; repeated and unnamed ones are left out; long texts are cut", () => {
    const read = readForm(element(form(`${field("text-single", "__proto__", "<required/>")}${field("text-single", "constructor")}${field("boolean", "constructor")}${field("text-single", "")}${field("text-single", "l", "", "x".repeat(999))}`)));
    expect(read?.fields.map(({ name, type }) => [name, type])).toEqual([["__proto__", "text-single"], ["constructor", "text-single"], ["l", "text-single"]]);
    expect(read?.fields[2]?.label).toHaveLength(256);
    expect(read === undefined ? [] : checkAnswers(read, {})).toEqual([{ field: "__proto__", problem: "missing" }]);
  });
});

describe("answers", () => {
  const read = (fields: string): Extract<RegistrationOffer, { kind: "form" | "fields" }> => {
    const offer = offered(form(`${field("hidden", "FORM_TYPE", value(register))}${fields}`));
    if (offer?.kind !== "form") throw new TypeError("the form of this test is not one");
    return offer;
  };
  const everything = read(`${field("text-single", "name", "<required/>")}${field("boolean", "bool")}${field("jid-single", "jid")}${field("list-single", "one", "<option><value>a</value></option><option><value>b</value></option>")}`
    + `${field("list-multi", "many", "<option><value>a</value></option><option><value>b</value></option>")}${field("text-multi", "lines")}${field("hidden", "ticket", value("t1"))}${field("text-single", "kept", value("as it was"))}`);

  test.each([
    [{}, [["name", "missing"]]], [{ name: "" }, [["name", "missing"]]], [{ name: "x", other: "y" }, [["other", "no-such-field"]]], [{ name: "x", ticket: "forged" }, [["ticket", "no-such-field"]]],
    [{ name: "x", bool: "maybe" }, [["bool", "not-boolean"]]], [{ name: "x", jid: "a@@b" }, [["jid", "not-an-address"]]], [{ name: "x", one: "c" }, [["one", "not-offered"]]],
    [{ name: "x", one: ["a", "b"] }, [["one", "one-value-only"]]], [{ name: "x", many: ["a", "c"] }, [["many", "not-offered"]]], [{ name: "x".repeat(4_097) }, [["name", "too-long"]]],
    [{ name: "x", bool: true, jid: "a@b", one: "b", many: ["a", "b"], lines: "1\n2" }, []],
  ])("%j: %j", (answers, problems) => {
    expect(checkAnswers(everything.form, answers).map(({ field: name, problem }) => [name, problem])).toEqual(problems);
  });

  test("a form is sent back filled in, hidden values as they came; with a problem nothing is sent", async () => {
    const { service, asked } = scripted(undefined);
    await expect(service.submit(everything, { bool: "maybe" })).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT", details: { problems: 2 } });
    expect(asked).toEqual([]);
    await service.submit(everything, { name: "Romeo", bool: false, lines: "1\n2", many: ["b"] });
    expect(asked.map(({ type, to }) => [type, to])).toEqual([["set", gateway]]);
    expect(serializeXml(asked[0]?.payload ?? element("<x/>"))).toBe(query(form(
      `<field var="FORM_TYPE" type="hidden">${value(register)}</field><field var="name" type="text-single">${value("Romeo")}</field><field var="bool" type="boolean">${value("0")}</field>`
      + `<field var="many" type="list-multi">${value("b")}</field><field var="lines" type="text-multi">${value("1")}${value("2")}</field><field var="ticket" type="hidden">${value("t1")}</field>`
      + `<field var="kept" type="text-single">${value("as it was")}</field>`, "submit")).replaceAll("'", '"'));
  });

  test("fields are sent as fields, never both (#extensibility)", async () => {
    const { service, asked } = scripted(undefined);
    const offer = offered("<username/><password/><key>k1</key>");
    if (offer === undefined) throw new TypeError("no offer");
    await service.submit(offer, { username: "Romeo", password: "sesame" });
    expect(serializeXml(asked[0]?.payload ?? element("<x/>"))).toBe(query("<username>Romeo</username><password>sesame</password><key>k1</key>").replaceAll("'", '"'));
    await expect(service.submit({ kind: "elsewhere", service: gateway, registered: false }, {})).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
  });
});

describe("the own server", () => {
  const own = ["verona.example", "romeo@verona.example", "juliet@verona.example", "verona.example/registration", "romeo@verona.example/orchard", "veron%61.example", "verona。example"];

  test.each(own)("%s is asked nothing: the same request would change the password or end the account", async (address) => {
    const { service, asked } = scripted(query("<username/>"));
    const to = address as BareJid; // also what no parser of ours would give
    await expect(service.offer(to)).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    await expect(service.cancel(to)).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    await expect(service.submit({ kind: "fields", service: to, registered: false, form: { fields: [] } }, {})).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    expect(asked).toEqual([]);
  });

  test("one domain in two spellings of IDNA is one domain", () => {
    expect(isOtherService(bareJid("xn--bcher-kva.example"), bareJid("romeo@bücher.example"))).toBe(false);
    expect(isOtherService(bareJid("bücher.example"), bareJid("romeo@xn--bcher-kva.example"))).toBe(false);
    expect(isOtherService(gateway, account)).toBe(true);
    expect(isOtherService(bareJid("aim@gw.example"), account)).toBe(false);
    expect(isOtherService("gw.example/aim" as BareJid, account)).toBe(false);
  });

  test("every request carries the address of the service", async () => {
    const { service, asked } = scripted(query("<username/>"));
    await service.offer(gateway);
    await service.cancel(gateway);
    expect(asked.map(({ type, to, payload }) => [type, to, serializeXml(payload)])).toEqual([
      ["get", gateway, `<query xmlns="${register}"/>`], ["set", gateway, `<query xmlns="${register}"><remove/></query>`],
    ]);
  });
});
