/** XEP-0202 Entity Time, v2.0: the answer. */
import { xml, type XmlElement } from "../../base/xml.js";
import { entityTimeNamespace } from "./namespaces.js";
import { formatDateTime } from "./xep0203.js";

/** A time and where it is that time. */
export interface EntityTime {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly time: number;
  /** Minutes by which the wall clock is ahead of UTC. */
  readonly offsetMinutes: number;
}

export function encodeEntityTime({ time, offsetMinutes }: EntityTime): XmlElement {
  const minutes = Math.abs(Math.round(offsetMinutes));
  const two = (value: number): string => String(value).padStart(2, "0");
  const offset = minutes === 0 ? "Z" : `${offsetMinutes < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  return xml(entityTimeNamespace, "time", {}, xml(entityTimeNamespace, "tzo", {}, offset), xml(entityTimeNamespace, "utc", {}, formatDateTime(time)));
}
