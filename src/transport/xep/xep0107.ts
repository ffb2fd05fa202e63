/** XEP-0107 User Mood, v1.2.1. The names of moods are those of its table and whatever else comes in their form. @module */
import { childElements, isElement, xml, type XmlElement } from "../../base/xml.js";
import { given } from "./fields.js";
import { moodNamespace } from "./namespaces.js";
import { shortText } from "./text-fields.js";

/** How somebody feels. */
export interface Mood {
  /** As in the table of the specification: `happy`, `in_love`, ... */
  readonly mood: string;
  readonly text?: string | undefined;
}

/** Form of the names that XEP-0107 and XEP-0108 give to moods and activities. */
export const feelingName: RegExp = /^[a-z][a-z_]{0,63}$/;

/** `<mood/>`; without a mood it takes the last one back. */
export function encodeMood(mood: Mood | undefined): XmlElement {
  if (mood === undefined) return xml(moodNamespace, "mood");
  return xml(moodNamespace, "mood", {}, xml(moodNamespace, mood.mood),
    mood.text === undefined ? undefined : xml(moodNamespace, "text", {}, mood.text));
}

/** Reads `<mood/>`: its mood, `"none"` if it is taken back, `undefined` if it is no mood. */
export function decodeMood(element: XmlElement | undefined): Mood | "none" | undefined {
  if (!isElement(element, moodNamespace, "mood")) return undefined;
  const name = childElements(element).find((child) => child.ns === moodNamespace && child.name !== "text")?.name;
  if (name === undefined) return "none";
  return feelingName.test(name) ? { mood: name, ...given({ text: shortText(element, moodNamespace, "text") }) } : undefined;
}
