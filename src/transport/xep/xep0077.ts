/**
 * XEP-0077 In-Band Registration, v2.4, with services other than the own server: what a service wants to know, and the answers to it.
 * Not here: with whom this may be done at all (features/registration.ts). The same elements, sent to the own server, change the password or
 * delete the account.
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { formTextLengthMax, formValueLengthMax } from "../../base/limits.js";
import { findChild, isElement, xml, type XmlElement } from "../../base/xml.js";
import { cleanText } from "./clean-text.js";
import { childText, given } from "./fields.js";
import { dataFormNamespace, outOfBandNamespace, registrationNamespace } from "./namespaces.js";
import { answeredFields, readForm, submitForm, type DataForm, type FormAnswers, type FormField } from "./xep0004-form.js";

/** What all offers have in common. */
export interface RegistrationOfferBase {
  /** Who offers it, and who gets the answers. */
  readonly service: BareJid;
  /** We are registered already: the answers replace what is on record, all of them. */
  readonly registered: boolean;
  /** For display, cleaned; may have several lines. */
  readonly instructions?: string;
  /** A page to register on, http or https. Opened by nobody but the user. */
  readonly url?: string;
}
/**
 * What a service wants to know (#precedence). `form`: a data form; `fields`: the fields of XEP-0077 itself, brought into the same shape;
 * `elsewhere`: not over XMPP, see `instructions` and `url`.
 */
export type RegistrationOffer =
  | (RegistrationOfferBase & { readonly kind: "form" | "fields"; readonly form: DataForm })
  | (RegistrationOfferBase & { readonly kind: "elsewhere" });

const names = [
  "username", "nick", "password", "name", "first", "last", "email", "address", "city", "state", "zip", "phone", "url", "date", "misc", "text", "key",
] as const;
const formTypes: readonly string[] = [registrationNamespace];

/** Asks what is needed. */
export const registrationRequest = (): XmlElement => xml(registrationNamespace, "query");
/** Ends a registration. The only child, as #usecases-cancel wants it. */
export const removalRequest = (): XmlElement => xml(registrationNamespace, "query", {}, xml(registrationNamespace, "remove"));

/** Reads the answer of `service`; `undefined` if it is none, or if its form is not one for registration. */
export function decodeRegistration(element: XmlElement | undefined, service: BareJid): RegistrationOffer | undefined {
  if (!isElement(element, registrationNamespace, "query")) return undefined;
  const text = (name: string): string | undefined => childText(element, registrationNamespace, name);
  const instructions = cleanText(text("instructions") ?? "", formTextLengthMax, "lines");
  const base: RegistrationOfferBase = {
    service, registered: text("registered") !== undefined,
    ...(instructions === "" ? {} : { instructions }), ...given({ url: webAddress(findChild(element, outOfBandNamespace, "x")) }),
  };
  const dataForm = findChild(element, dataFormNamespace, "x");
  if (dataForm !== undefined) {
    const form = readForm(dataForm);
    const [type] = form?.fields.find(({ name }) => name === "FORM_TYPE")?.values ?? formTypes;
    return form === undefined || !formTypes.includes(type ?? "") ? undefined : { ...base, kind: "form", form };
  }
  const fields = names.flatMap((name): FormField[] => {
    const value = text(name);
    return value === undefined ? [] : [legacyField(name, value)];
  });
  if (fields.some(({ values }) => values.some((value) => value.length > formValueLengthMax))) return undefined;
  return fields.length === 0 ? { ...base, kind: "elsewhere" } : { ...base, kind: "fields", form: { fields } };
}

function legacyField(name: (typeof names)[number], value: string): FormField {
  const type = name === "password" ? "text-private" : name === "key" ? "hidden" : "text-single"; // the key goes back as it came (#key)
  return { name, type, label: name, required: name !== "key", values: value === "" || type === "text-private" ? [] : [value], options: [] };
}

/** The answers to `offer`; they must have no problem (`checkAnswers`). */
export function encodeRegistration(offer: Exclude<RegistrationOffer, { readonly kind: "elsewhere" }>, answers: FormAnswers): XmlElement {
  return offer.kind === "form"
    ? xml(registrationNamespace, "query", {}, submitForm(offer.form, answers))
    : xml(registrationNamespace, "query", {}, ...answeredFields(offer.form, answers).map(({ field, values }) => xml(registrationNamespace, field.name, {}, values[0])));
}

function webAddress(element: XmlElement | undefined): string | undefined {
  const text = childText(element, outOfBandNamespace, "url")?.trim() ?? "";
  if (text.length > formValueLengthMax || !URL.canParse(text)) return undefined;
  const { protocol, href, username, password } = new URL(text);
  // A name before the host makes an address look like another one.
  return /^https?:$/.test(protocol) && username === "" && password === "" ? href : undefined;
}
