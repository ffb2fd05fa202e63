/** What a form, a registration and a gateway's prompt may hold, each at its limit and one above it: threats F20, H06. */
import { describe, expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { formFieldsMax, formLabelLengthMax, formOptionsMax, formTextLengthMax, formValueLengthMax, formValuesMax } from "../../../src/base/limits.js";
import { checkAnswers, readForm, type DataForm } from "../../../src/transport/xep/xep0004-form.js";
import { decodeRegistration } from "../../../src/transport/xep/xep0077.js";
import { decodePrompt } from "../../../src/transport/xep/xep0100.js";
import { element } from "../../support/xml.js";

const form = (inside: string): DataForm | undefined => readForm(element(`<x xmlns='jabber:x:data' type='form'>${inside}</x>`));
const field = (type: string, name: string, inside = ""): string => `<field type='${type}' var='${name}'>${inside}</field>`;
const value = (text: string): string => `<value>${text}</value>`;
const times = (n: number, make: (i: number) => string): string => Array.from({ length: n }, (_, i) => make(i)).join("");

describe("H06 a form is read at its limits, and refused as a whole above them", () => {
  test.each<[string, number, (n: number) => string]>([
    ["fields", formFieldsMax, (n) => times(n, (i) => field("text-single", `f${String(i)}`))],
    ["options", formOptionsMax, (n) => field("list-single", "l", times(n, (i) => `<option>${value(String(i))}</option>`))],
    ["values", formValuesMax, (n) => field("hidden", "h", times(n, (i) => value(String(i))))],
    ["characters of a value", formValueLengthMax, (n) => field("hidden", "h", value("x".repeat(n)))],
    ["characters of an option", formValueLengthMax, (n) => field("list-single", "l", `<option>${value("x".repeat(n))}</option>`)],
    ["characters of a name", formValueLengthMax, (n) => field("hidden", "x".repeat(n))],
  ])("%s: at most %i", (_, max, inside) => {
    expect([max - 1, max, max + 1].map((n) => form(inside(n)) !== undefined)).toEqual([true, true, false]);
  });

  test("fields of XEP-0077 and the address of a page too", () => {
    const offer = (inside: string): ReturnType<typeof decodeRegistration> => decodeRegistration(element(`<query xmlns='jabber:iq:register'>${inside}</query>`), bareJid("gw.example"));
    const named = (n: number): string => `<username>${"x".repeat(n)}</username>`;
    expect([formValueLengthMax, formValueLengthMax + 1].map((n) => offer(named(n))?.kind)).toEqual(["fields", undefined]);
    const page = (n: number): string | undefined => offer(`<x xmlns='jabber:x:oob'><url>https://gw.example/${"x".repeat(n - 19)}</url></x>`)?.url;
    expect([formValueLengthMax, formValueLengthMax + 1].map((n) => page(n)?.length)).toEqual([formValueLengthMax, undefined]);
  });
});

describe("F20 what is shown of it is cut", () => {
  const cut = (max: number): number[] => [max - 1, max, max];
  const around = (max: number): string[] => [max - 1, max, max + 1].map((n) => `a b${"\u2019".repeat(n - 3)}`);

  test("labels, of fields and of options, also where they are made of a name or a value", () => {
    const labels = around(formLabelLengthMax).map((text) => {
      const [given, named, list] = form(`<field type='boolean' var='a' label='${text}'/>${field("boolean", text)}${field("list-single", "l", `<option label='${text}'>${value("1")}</option><option>${value(text)}</option>`)}`)?.fields ?? [];
      return [given?.label, named?.label, ...(list?.options ?? []).map(({ label }) => label)].map((label) => label?.length);
    });
    expect(labels).toEqual(cut(formLabelLengthMax).map((length) => [length, length, length, length]));
  });

  test("text between the questions, which may be as long as a value; and so many lines of instructions", () => {
    const [fixed] = form(field("fixed", "", value("\u2019".repeat(formTextLengthMax))))?.fields ?? [];
    expect(fixed?.values[0]).toHaveLength(formTextLengthMax);
    const lines = (n: number): number | undefined => form(times(n, () => "<instructions>x</instructions>"))?.instructions?.split("\n").length;
    expect([formValuesMax - 1, formValuesMax, formValuesMax + 1].map(lines)).toEqual(cut(formValuesMax));
  });

  test("what a gateway says of the names of its network", () => {
    const said = (max: number, name: "prompt" | "desc"): (number | undefined)[] => around(max).map((text) => {
      const { prompt, description } = decodePrompt(element(`<query xmlns='jabber:iq:gateway'><${name}>${text}</${name}></query>`)) ?? {};
      return (name === "prompt" ? prompt : description)?.length;
    });
    expect(said(formLabelLengthMax, "prompt")).toEqual(cut(formLabelLengthMax));
    expect(said(formTextLengthMax, "desc")).toEqual(cut(formTextLengthMax));
  });
});

test("H06 an answer is sent at its limits, and is too long above them", () => {
  const asked = form(`${field("text-multi", "lines")}${field("text-single", "one")}`) as DataForm;
  const problems = (answers: Readonly<Record<string, string | readonly string[]>>): unknown => checkAnswers(asked, answers).map(({ problem }) => problem);
  expect([formValuesMax, formValuesMax + 1].map((n) => problems({ lines: Array.from({ length: n }, () => "x") }))).toEqual([[], ["too-long"]]);
  expect([formValueLengthMax, formValueLengthMax + 1].map((n) => problems({ one: "x".repeat(n) }))).toEqual([[], ["too-long"]]);
});
