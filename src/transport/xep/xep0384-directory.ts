/**
 * XEP-0384 OMEMO Encryption, v0.9.1 and v0.3 ("legacy"): device lists and bundles as PEP payloads, and the names of their nodes.
 * Spec: #devices, #usecases-setup; v0.3 #devices, #bundles.
 * Not here: signatures and curve checks (crypto/x3dh/bundle.ts), asking for them (omemo-directory.ts).
 * @module
 */
import { fromBase64, toBase64 } from "../../base/base64.js";
import { bundleBytesMax, bundlePreKeysMax, deviceLabelCodePointsMax, deviceListEntriesMax } from "../../base/limits.js";
import { findChild, findChildren, isElement, serializeXml, xml, type XmlElement } from "../../base/xml.js";
import type { Bytes } from "../../base/bytes.js";
import type { DeviceId, ListedDevice, OmemoNamespace, WireBundle } from "../../session/ports.js";
import { base64Of, parseInteger } from "./fields.js";
import { legacyNamespace, omemo2Namespace } from "./namespaces.js";
import { parseDeviceIdText } from "./xep0384.js";
import { currentItemId } from "./xep0384-nodes.js";

/** How one version names the parts of a bundle, and how long its public keys are on the wire. */
interface BundleShape {
  readonly listName: string;
  readonly signedPreKey: string;
  readonly signedPreKeyId: string;
  readonly signature: string;
  readonly identityKey: string;
  readonly preKey: string;
  readonly preKeyId: string;
  readonly keyBytes: number;
}

const shapes: Readonly<Record<OmemoNamespace, BundleShape>> = {
  [omemo2Namespace]: {
    listName: "devices", signedPreKey: "spk", signedPreKeyId: "id", signature: "spks", identityKey: "ik",
    preKey: "pk", preKeyId: "id", keyBytes: 32,
  },
  [legacyNamespace]: {
    listName: "list", signedPreKey: "signedPreKeyPublic", signedPreKeyId: "signedPreKeyId", signature: "signedPreKeySignature",
    identityKey: "identityKey", preKey: "preKeyPublic", preKeyId: "preKeyId", keyBytes: 33,
  },
};

const signatureBytes = 64;

/** The node that holds a device's bundle: one for all devices in omemo:2, one each in legacy. */
export function bundleNode(namespace: OmemoNamespace, device: DeviceId): string {
  return namespace === omemo2Namespace ? `${omemo2Namespace}:bundles` : `${legacyNamespace}.bundles:${device}`;
}

/** The item that holds a device's bundle. */
export function bundleItemId(namespace: OmemoNamespace, device: DeviceId): string {
  return namespace === omemo2Namespace ? String(device) : currentItemId;
}

/** Writes a device list. Labels exist in omemo:2 only. */
export function encodeDeviceList(devices: readonly ListedDevice[], namespace: OmemoNamespace): XmlElement {
  const labelled = namespace === omemo2Namespace;
  return xml(namespace, shapes[namespace].listName, {}, ...devices.map((device) => xml(namespace, "device", {
    id: device.id,
    label: labelled ? device.label : undefined,
    labelsig: labelled && device.labelSignature !== undefined ? toBase64(device.labelSignature) : undefined,
  })));
}

/**
 * Reads a device list. Unusable entries are skipped one by one, repeated ids count once (threats T03).
 * `undefined` if it is no device list of that version, or has more than `entriesMax` entries: by default as many as we look at (threats T02).
 */
export function decodeDeviceList(element: XmlElement, namespace: OmemoNamespace, entriesMax: number = deviceListEntriesMax): ListedDevice[] | undefined {
  if (!isElement(element, namespace, shapes[namespace].listName)) return undefined;
  const entries = findChildren(element, namespace, "device");
  if (entries.length > entriesMax) return undefined;
  const devices = new Map<DeviceId, ListedDevice>();
  for (const entry of entries) {
    const id = parseDeviceIdText(entry.attrs["id"]);
    if (id === undefined || devices.has(id)) continue;
    devices.set(id, namespace === omemo2Namespace ? { id, ...readLabel(entry) } : { id });
  }
  return [...devices.values()];
}

// An over-long label cannot be shortened: its signature covers all of it.
function readLabel(entry: XmlElement): { readonly label?: string; readonly labelSignature?: Bytes } {
  const label = entry.attrs["label"];
  if (label === undefined || Array.from(label).length > deviceLabelCodePointsMax) return {};
  const signature = fromBase64(entry.attrs["labelsig"] ?? "");
  return signature?.length === signatureBytes ? { label, labelSignature: signature } : { label };
}

/** Writes a bundle, children in the order of the schema: peers validate it. */
export function encodeBundle(bundle: WireBundle, namespace: OmemoNamespace): XmlElement {
  const s = shapes[namespace];
  return xml(namespace, "bundle", {},
    xml(namespace, s.signedPreKey, { [s.signedPreKeyId]: bundle.signedPreKeyId }, toBase64(bundle.signedPreKey)),
    xml(namespace, s.signature, {}, toBase64(bundle.signedPreKeySignature)),
    xml(namespace, s.identityKey, {}, toBase64(bundle.identityKey)),
    xml(namespace, "prekeys", {}, ...bundle.preKeys.map(
      (preKey) => xml(namespace, s.preKey, { [s.preKeyId]: preKey.id }, toBase64(preKey.key)),
    )),
  );
}

/**
 * Reads a bundle. Single unusable prekeys are skipped; at most `bundlePreKeysMax` are looked at.
 * `undefined` if identity key, signed prekey, its id or its signature is missing or of a wrong length, if no prekey is
 * left, or above `bundleBytesMax` characters. Prekey ids of 0 are accepted: peers have published them.
 */
export function decodeBundle(element: XmlElement, namespace: OmemoNamespace): WireBundle | undefined {
  if (!isElement(element, namespace, "bundle") || serializeXml(element).length > bundleBytesMax) return undefined;
  const s = shapes[namespace];
  const signed = findChild(element, namespace, s.signedPreKey);
  const signedPreKeyId = parseInteger(signed?.attrs[s.signedPreKeyId], 0, 0x7fff_ffff);
  const signedPreKey = readKey(signed, s);
  const signedPreKeySignature = base64Of(findChild(element, namespace, s.signature), signatureBytes);
  const identityKey = readKey(findChild(element, namespace, s.identityKey), s);
  const preKeys = readPreKeys(element, namespace);
  if (signedPreKeyId === undefined || signedPreKey === undefined || signedPreKeySignature === undefined) return undefined;
  if (identityKey === undefined || preKeys.length === 0) return undefined;
  return { identityKey, signedPreKeyId, signedPreKey, signedPreKeySignature, preKeys };
}

function readPreKeys(element: XmlElement, namespace: OmemoNamespace): { readonly id: number; readonly key: Bytes }[] {
  const s = shapes[namespace];
  const parent = findChild(element, namespace, "prekeys");
  const preKeys = new Map<number, Bytes>();
  for (const entry of parent === undefined ? [] : findChildren(parent, namespace, s.preKey).slice(0, bundlePreKeysMax)) {
    const id = parseInteger(entry.attrs[s.preKeyId], 0, 0x7fff_ffff);
    const key = readKey(entry, s);
    if (id !== undefined && key !== undefined && !preKeys.has(id)) preKeys.set(id, key);
  }
  return [...preKeys].map(([id, key]) => ({ id, key }));
}

// Legacy keys carry libsignal's type byte 05 in front of the 32 bytes.
function readKey(element: XmlElement | undefined, shape: BundleShape): Bytes | undefined {
  const key = base64Of(element, shape.keyBytes);
  return key !== undefined && shape.keyBytes === 33 && key[0] !== 5 ? undefined : key;
}
