/**
 * The hash over what an entity says it can do, ours and received ones.
 * Spec: XEP-0115 v1.6 #ver-gen, #ver-proc. Threats F23. SHA-1 is what the XEP prescribes; whoever can compute second preimages of it can lie about
 * capabilities, nothing else hangs on it.
 * Not here: where hashes come from (caps.ts, caps-directory.ts).
 * @module
 */
import { sha1 } from "@noble/hashes/legacy.js";
import { toBase64 } from "../../base/base64.js";
import { utf8 } from "../../base/bytes.js";
import { findChildren, isElement, textOf, type XmlElement } from "../../base/xml.js";
import { dataFormNamespace, discoInfoNamespace } from "../xep/namespaces.js";

const formTypeField = "FORM_TYPE";

// i;octet: UTF-8 bytes, which is the order of code points and not of UTF-16 units.
function compareOctets(a: string, b: string): number {
  const left = utf8(a);
  const right = utf8(b);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = (left[i] as number) - (right[i] as number);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

const hasRepeats = (sorted: readonly string[]): boolean => sorted.some((entry, i) => i > 0 && entry === sorted[i - 1]);

/**
 * The verification string of an answer to disco#info, in base64; `undefined` for a list that must not be shared, whatever its hash: repeated
 * identities, features or forms, a form with several names (#ver-proc, 3.3-3.6), or a value that holds "<", which would make two different
 * lists look alike (#security-poisoning).
 */
export function capsHashOf(query: XmlElement): string | undefined {
  const identities = findChildren(query, discoInfoNamespace, "identity").map(({ attrs }) =>
    [attrs["category"] ?? "", attrs["type"] ?? "", attrs["xml:lang"] ?? "", attrs["name"] ?? ""].join("/")).sort(compareOctets);
  const features = findChildren(query, discoInfoNamespace, "feature").map(({ attrs }) => attrs["var"] ?? "").sort(compareOctets);
  const forms = findChildren(query, dataFormNamespace, "x").map(formEntries);
  const named = forms.filter((form) => form !== "ignored");
  if (hasRepeats(identities) || hasRepeats(features) || named.some((form) => form === "ill-formed")) return undefined;
  const sorted = (named as (readonly string[])[]).sort(([a = ""], [b = ""]) => compareOctets(a, b));
  if (hasRepeats(sorted.map(([name = ""]) => name))) return undefined;
  const entries = [...identities, ...features, ...sorted.flat()];
  if (entries.some((entry) => entry.includes("<"))) return undefined;
  return toBase64(sha1(utf8(entries.map((entry) => `${entry}<`).join(""))));
}

/** The name of the form, then each field with its values. Forms without a name, or whose name is not a hidden field, do not count (#ver-proc, 3.6). */
function formEntries(form: XmlElement): readonly string[] | "ignored" | "ill-formed" {
  const fields = findChildren(form, dataFormNamespace, "field");
  const valuesOf = (field: XmlElement): string[] => findChildren(field, dataFormNamespace, "value").map(textOf);
  const types = fields.filter((field) => field.attrs["var"] === formTypeField);
  const [type] = types;
  if (type?.attrs["type"] !== "hidden") return "ignored";
  const names = new Set(types.flatMap(valuesOf));
  const [name] = names;
  if (name === undefined || names.size > 1) return "ill-formed";
  const others = fields.filter((field) => field.attrs["var"] !== formTypeField).map((field) => ({ name: field.attrs["var"] ?? "", values: valuesOf(field).sort(compareOctets) }));
  others.sort((a, b) => compareOctets(a.name, b.name));
  return [name, ...others.flatMap((field) => [field.name, ...field.values])];
}

/** The one form that clients add (XEP-0232), and what its fields are called. */
const softwareForm = "urn:xmpp:dataforms:softwareinfo";
const softwareField = /^(?:FORM_TYPE|[a-z_]{1,64})$/;
const token = /^[^/:\s]+$/;

/**
 * The hash does not say where identities end, features and forms begin (#security-poisoning): a feature that is passed off as the name of a form
 * is hidden, with the same hash. So what counts as which must be plain from its looks.
 */
function isPlain(query: XmlElement): boolean {
  const identities = findChildren(query, discoInfoNamespace, "identity");
  const features = findChildren(query, discoInfoNamespace, "feature");
  const forms = findChildren(query, dataFormNamespace, "x");
  return identities.length > 0
    && identities.every(({ attrs }) => token.test(attrs["category"] ?? "") && token.test(attrs["type"] ?? "") && !(attrs["xml:lang"] ?? "").includes("/"))
    && !features.some(({ attrs }) => /^[^/:]+\/[^/]+\//.test(attrs["var"] ?? ""))
    && forms.every((form) => {
      const entries = formEntries(form);
      return entries === "ignored" || (entries[0] === softwareForm
        && findChildren(form, dataFormNamespace, "field").every(({ attrs }) => softwareField.test(attrs["var"] ?? "")));
    });
}

/** True if `element` is an answer to disco#info that `ver` is the hash of, and can be the hash of no other. */
export function provesCaps(element: XmlElement | undefined, ver: string): boolean {
  return isElement(element, discoInfoNamespace, "query") && isPlain(element) && capsHashOf(element) === ver;
}
