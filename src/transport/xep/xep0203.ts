/** XEP-0203 Delayed Delivery, v2.0, and the timestamps of XEP-0082, v1.1. @module */
import { parseJid, type Jid } from "../../base/jid.js";
import { findChildren, type XmlElement } from "../../base/xml.js";
import { given } from "./fields.js";
import { delayNamespace } from "./namespaces.js";

/** When a stanza was sent, according to `from`. */
export interface Delay {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly time: number;
  /** Who says so; undefined when the element does not tell. */
  readonly from?: Jid;
}

const dateTime = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/;

/** An XEP-0082 DateTime in milliseconds since 1970-01-01 UTC; `undefined` if it is none, impossible dates included. */
export function parseDateTime(text: string): number | undefined {
  const parts = dateTime.exec(text);
  if (parts === null) return undefined;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [number, number, number, number, number, number];
  const fraction = Math.floor(Number(`0.${parts[7] ?? "0"}`) * 1000);
  const utc = Date.UTC(year, month - 1, day, hour, minute, second, fraction);
  const back = new Date(utc);
  // Date.UTC carries 31 February over into March; a real date comes back unchanged.
  if (back.getUTCMonth() !== month - 1 || back.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) return undefined;
  return utc - offsetMs(parts[8] as string);
}

function offsetMs(zone: string): number {
  if (zone === "Z") return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  return (zone.startsWith("-") ? -minutes : minutes) * 60_000;
}

/** Writes a time in UTC with milliseconds. */
export function formatDateTime(time: number): string {
  return new Date(time).toISOString();
}

/** The delay stamps of a stanza, unusable ones left out. Which of them to believe is up to the caller: anybody can write one. */
export function readDelays(stanza: XmlElement): Delay[] {
  return findChildren(stanza, delayNamespace, "delay").flatMap((element) => {
    const time = parseDateTime(element.attrs["stamp"] ?? "");
    return time === undefined ? [] : [{ time, ...given({ from: parseJid(element.attrs["from"] ?? "") }) }];
  });
}
