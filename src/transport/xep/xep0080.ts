/** XEP-0080 User Location, v1.9. @module */
import { UsageError } from "../../base/errors.js";
import { isElement, xml, type XmlElement } from "../../base/xml.js";
import { given } from "./fields.js";
import { locationNamespace } from "./namespaces.js";
import { decodeFields, encodeFields, shortText, type RecordShape } from "./text-fields.js";
import { formatDateTime, parseDateTime } from "./xep0203.js";

/** Where somebody is, or says so. */
export interface Location {
  /** Decimal degrees, north and east positive. */
  readonly lat?: number;
  readonly lon?: number;
  /** Metres above sea level. */
  readonly alt?: number;
  /** Metres by which `lat` and `lon` may be wrong. */
  readonly accuracy?: number;
  /** Decimal degrees from north. */
  readonly bearing?: number;
  /** Metres per second. */
  readonly speed?: number;
  readonly area?: string;
  readonly building?: string;
  readonly country?: string;
  readonly countrycode?: string;
  readonly description?: string;
  readonly floor?: string;
  readonly locality?: string;
  readonly postalcode?: string;
  readonly region?: string;
  readonly room?: string;
  readonly street?: string;
  readonly text?: string;
  /** A link; others' are `https:`, `http:`, `geo:` or `xmpp:` only. */
  readonly uri?: string;
  /** When it was so, in milliseconds since the epoch. */
  readonly timestamp?: number;
}

const shape: RecordShape = {
  texts: ["area", "building", "country", "countrycode", "description", "floor", "locality", "postalcode", "region", "room", "street", "text", "uri"],
  numbers: { lat: [-90, 90], lon: [-180, 180], alt: [-1e6, 1e9], accuracy: [0, 1e9], bearing: [0, 360], speed: [0, 3e8] },
};

/** `<geoloc/>`; without a location it takes the last one back. @throws UsageError as `encodeFields` does */
export function encodeLocation(location: Location | undefined): XmlElement {
  const { timestamp, ...fields } = location ?? {};
  const element = encodeFields(locationNamespace, "geoloc", fields, shape);
  if (timestamp === undefined) return element;
  // The years that XEP-0082 can write.
  if (!(timestamp >= 0 && timestamp < 253_402_300_800_000)) throw new UsageError("ERR_INVALID_ARGUMENT", "the timestamp must be milliseconds since the epoch");
  return { ...element, children: [...element.children, xml(locationNamespace, "timestamp", {}, formatDateTime(timestamp))] };
}

/** Reads `<geoloc/>`: its location, `"none"` if it is taken back, `undefined` if it is no location. */
export function decodeLocation(element: XmlElement | undefined): Location | "none" | undefined {
  if (!isElement(element, locationNamespace, "geoloc")) return undefined;
  const location = { ...decodeFields(element, shape), ...given({ timestamp: parseDateTime(shortText(element, locationNamespace, "timestamp") ?? "") }) };
  return Object.keys(location).length === 0 ? "none" : location;
}
