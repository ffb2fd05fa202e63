/**
 * XEP-0004 Data Forms, v2.13: forms for people to fill in. What may be shown is cleaned, what is sent back stays as it came, and everything is
 * bounded: a form comes from outside (threats F20, H06, H08).
 * Not here: forms between programs (xep0004.ts).
 * @module
 */
import { parseJid } from "../../base/jid.js";
import { formFieldsMax, formLabelLengthMax, formOptionsMax, formTextLengthMax, formValueLengthMax, formValuesMax } from "../../base/limits.js";
import { findChild, findChildren, isElement, textOf, xml, type XmlElement } from "../../base/xml.js";
import { cleanText } from "./clean-text.js";
import { given, parseBoolean } from "./fields.js";
import { dataFormNamespace } from "./namespaces.js";

const fieldTypes = [
  "boolean", "fixed", "hidden", "jid-multi", "jid-single", "list-multi", "list-single", "text-multi", "text-private", "text-single",
] as const;
/** XEP-0004 section 3.3. */
export type FormFieldType = (typeof fieldTypes)[number];

/** One of the values that a list offers. */
export interface FormOption {
  /** Sent back as it is. */
  readonly value: string;
  /** For display, cleaned. */
  readonly label: string;
}

/** One question of a form. */
export interface FormField {
  /** Empty for text between the questions (`fixed`) that has no name. */
  readonly name: string;
  readonly type: FormFieldType;
  /** For display, cleaned; the name if the form gives none. */
  readonly label: string;
  /** For display, cleaned. */
  readonly description?: string;
  readonly required: boolean;
  /** What the form has filled in. Nothing for `text-private`: a secret that somebody else has stored is not handed round (threats H02). */
  readonly values: readonly string[];
  readonly options: readonly FormOption[];
}

/** A form to fill in. */
export interface DataForm {
  /** For display, cleaned. */
  readonly title?: string;
  /** For display, cleaned; may have several lines. */
  readonly instructions?: string;
  readonly fields: readonly FormField[];
}

/** Answers by the name of the field. What is not answered keeps the value that the form came with. */
export type FormAnswers = Readonly<Record<string, string | boolean | readonly string[]>>;

/** Why an answer cannot be sent. */
export interface FormProblem {
  readonly field: string;
  readonly problem: "missing" | "no-such-field" | "not-offered" | "not-boolean" | "not-an-address" | "one-value-only" | "too-long";
}

const short = (text: string | undefined): text is string => text !== undefined && text.length <= formValueLengthMax;
const shown = (name: string, element: XmlElement): string | undefined => {
  const texts = findChildren(element, dataFormNamespace, name).slice(0, formValuesMax).map(textOf);
  return cleanText(texts.join("\n"), formTextLengthMax, "lines") || undefined;
};

/** Reads a form; `undefined` if the element is none, is not to be filled in, or passes a limit. Unnamed and repeated fields are left out. */
export function readForm(element: XmlElement | undefined): DataForm | undefined {
  if (!isElement(element, dataFormNamespace, "x") || element.attrs["type"] !== "form") return undefined;
  const elements = findChildren(element, dataFormNamespace, "field");
  if (elements.length > formFieldsMax) return undefined;
  const fields: FormField[] = [];
  const names = new Set<string>();
  for (const each of elements) {
    const field = readField(each);
    if (field === undefined) return undefined;
    if (names.has(field.name) || (field.name === "" && field.type !== "fixed")) continue;
    if (field.name !== "") names.add(field.name);
    fields.push(field);
  }
  return { ...given({ title: shown("title", element), instructions: shown("instructions", element) }), fields };
}

function readField(element: XmlElement): FormField | undefined {
  const { var: name = "", label } = element.attrs;
  const type = fieldTypes.find((each) => each === element.attrs["type"]) ?? "text-single";
  const values = findChildren(element, dataFormNamespace, "value").map(textOf);
  const options = findChildren(element, dataFormNamespace, "option");
  if (!short(name) || values.length > formValuesMax || options.length > formOptionsMax || !values.every(short)) return undefined;
  const offered = options.map(readOption);
  if (offered.some((option) => !short(option.value))) return undefined;
  return {
    name, type, label: cleanText(label ?? "", formLabelLengthMax) || cleanText(name, formLabelLengthMax),
    ...given({ description: shown("desc", element) }),
    required: findChild(element, dataFormNamespace, "required") !== undefined,
    values: type === "text-private" ? [] : type === "fixed" ? values.map((value) => cleanText(value, formTextLengthMax, "lines")) : values,
    options: offered,
  };
}

function readOption(element: XmlElement): FormOption {
  const [value = ""] = findChildren(element, dataFormNamespace, "value").map(textOf);
  return { value, label: cleanText(element.attrs["label"] ?? "", formLabelLengthMax) || cleanText(value, formLabelLengthMax) };
}

/** The field's values once `answers` are put in, as the wire has them. */
function valuesOf(field: FormField, answers: FormAnswers): readonly string[] {
  const answer = Object.hasOwn(answers, field.name) ? answers[field.name] : undefined;
  if (answer === undefined) return field.values;
  if (typeof answer === "boolean") return [answer ? "1" : "0"];
  const values = typeof answer === "string" ? [answer] : answer;
  return field.type === "text-multi" ? values.flatMap((value) => value.split(/\r\n?|\n/)) : values;
}

function problemOf(field: FormField, values: readonly string[]): FormProblem["problem"] | undefined {
  if (field.required && !values.some((value) => value !== "")) return "missing";
  if (values.length > formValuesMax || !values.every(short)) return "too-long";
  if (values.length > 1 && !field.type.endsWith("-multi") && field.type !== "hidden") return "one-value-only";
  const given = values.filter((value) => value !== "");
  if (field.type === "boolean" && given.some((value) => parseBoolean(value) === undefined)) return "not-boolean";
  if (field.type.startsWith("jid-") && given.some((value) => parseJid(value) === undefined)) return "not-an-address";
  if (field.type.startsWith("list-") && given.some((value) => !field.options.some((option) => option.value === value))) return "not-offered";
  return undefined;
}

/** What is wrong with `answers`; nothing if they can be sent. */
export function checkAnswers(form: DataForm, answers: FormAnswers): readonly FormProblem[] {
  const open = form.fields.filter(({ type }) => type !== "fixed" && type !== "hidden");
  const strays = Object.keys(answers).filter((name) => !open.some((field) => field.name === name));
  return [
    ...strays.map((field): FormProblem => ({ field, problem: "no-such-field" })),
    ...open.flatMap((field): FormProblem[] => {
      const problem = problemOf(field, valuesOf(field, answers));
      return problem === undefined ? [] : [{ field: field.name, problem }];
    }),
  ];
}

/** Each field that is sent, with its values: those that nobody has answered and that are empty are not. */
export function answeredFields(form: DataForm, answers: FormAnswers): readonly { readonly field: FormField; readonly values: readonly string[] }[] {
  return form.fields.filter((field) => field.type !== "fixed")
    .map((field) => ({ field, values: valuesOf(field, answers) })).filter(({ values }) => values.length > 0);
}

/** The form filled in. `answers` must have no {@link checkAnswers problem}. */
export function submitForm(form: DataForm, answers: FormAnswers): XmlElement {
  return xml(dataFormNamespace, "x", { type: "submit" }, ...answeredFields(form, answers).map(({ field, values }) =>
    xml(dataFormNamespace, "field", { var: field.name, type: field.type }, ...values.map((value) => xml(dataFormNamespace, "value", {}, value)))));
}
