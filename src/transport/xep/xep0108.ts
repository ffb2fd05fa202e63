/** XEP-0108 User Activity, v1.3.1. The names are those of its table and whatever else comes in their form. @module */
import { childElements, isElement, xml, type XmlElement } from "../../base/xml.js";
import { given } from "./fields.js";
import { activityNamespace } from "./namespaces.js";
import { shortText } from "./text-fields.js";
import { feelingName } from "./xep0107.js";

/** What somebody does. */
export interface Activity {
  /** As in the table of the specification: `working`, `traveling`, ... */
  readonly general: string;
  /** More precisely: `in_a_meeting`, `on_a_train`, ... */
  readonly specific?: string | undefined;
  readonly text?: string | undefined;
}

/** `<activity/>`; without an activity it takes the last one back. */
export function encodeActivity(activity: Activity | undefined): XmlElement {
  const element = (name: string, ...children: (XmlElement | string | undefined)[]): XmlElement => xml(activityNamespace, name, {}, ...children);
  if (activity === undefined) return element("activity");
  const { general, specific, text } = activity;
  return element("activity", element(general, specific === undefined ? undefined : element(specific)), text === undefined ? undefined : element("text", text));
}

/** Reads `<activity/>`: its activity, `"none"` if it is taken back, `undefined` if it is no activity. */
export function decodeActivity(element: XmlElement | undefined): Activity | "none" | undefined {
  if (!isElement(element, activityNamespace, "activity")) return undefined;
  const ours = (parent: XmlElement): XmlElement | undefined => childElements(parent).find(({ ns, name }) => ns === activityNamespace && name !== "text");
  const general = ours(element);
  if (general === undefined) return "none";
  if (!feelingName.test(general.name)) return undefined;
  const specific = ours(general)?.name;
  const isName = specific !== undefined && feelingName.test(specific);
  return { general: general.name, ...given({ specific: isName ? specific : undefined, text: shortText(element, activityNamespace, "text") }) };
}
