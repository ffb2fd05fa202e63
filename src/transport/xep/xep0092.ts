/** XEP-0092 Software Version, v1.1: the answer. */
import { xml, type XmlElement } from "../../base/xml.js";
import { versionNamespace } from "./namespaces.js";

/** What a client may say of itself. */
export interface SoftwareVersion {
  readonly name: string;
  readonly version?: string;
  readonly os?: string;
}

export function encodeVersion({ name, version, os }: SoftwareVersion): XmlElement {
  const field = (field: string, text: string | undefined): readonly XmlElement[] => (text === undefined ? [] : [xml(versionNamespace, field, {}, text)]);
  return xml(versionNamespace, "query", {}, ...field("name", name), ...field("version", version), ...field("os", os));
}
