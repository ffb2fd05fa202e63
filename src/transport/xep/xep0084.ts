/**
 * XEP-0084 User Avatar, v1.1.4: what images there are, and their data. Images at other addresses (`url`) are left out: fetching one tells its
 * server who looks at it. Not here: whether the data is what the metadata says (features/personal-events.ts).
 * @module
 */
import type { Bytes } from "../../base/bytes.js";
import { fromBase64, toBase64 } from "../../base/base64.js";
import { avatarFormatsMax } from "../../base/limits.js";
import { findChildren, isElement, textOf, xml, type XmlElement } from "../../base/xml.js";
import { given, parseInteger } from "./fields.js";
import { avatarDataNamespace, avatarMetadataNamespace } from "./namespaces.js";

/** One image of an avatar. */
export interface AvatarInfo {
  /** SHA-1 of the data, 40 lower-case hex digits: also the id of the item that holds it. */
  readonly id: string;
  /** Bytes of the data. */
  readonly bytes: number;
  /** As in `image/png`; a claim until the data was seen. */
  readonly type: string;
  readonly width?: number;
  readonly height?: number;
}

/** `<metadata/>`; without images it says that there is no avatar any more. */
export function encodeAvatarMetadata(images: readonly AvatarInfo[] = []): XmlElement {
  return xml(avatarMetadataNamespace, "metadata", {}, ...images.map(({ id, bytes, type, width, height }) =>
    xml(avatarMetadataNamespace, "info", { id, bytes, type, width, height })));
}

/** Reads `<metadata/>`: its images, unusable ones left out, `"none"` if there is no avatar, `undefined` if it is no metadata. */
export function decodeAvatarMetadata(element: XmlElement | undefined): readonly AvatarInfo[] | "none" | undefined {
  if (!isElement(element, avatarMetadataNamespace, "metadata")) return undefined;
  const infos = findChildren(element, avatarMetadataNamespace, "info").slice(0, avatarFormatsMax);
  const images = infos.flatMap((info) => decodeInfo(info) ?? []);
  return images.length === 0 ? (infos.length === 0 ? "none" : undefined) : images;
}

function decodeInfo({ attrs }: XmlElement): AvatarInfo | undefined {
  const id = attrs["id"]?.toLowerCase() ?? "";
  const bytes = parseInteger(attrs["bytes"], 1, 0xffff_ffff);
  const type = attrs["type"] ?? "";
  if (!/^[0-9a-f]{40}$/.test(id) || bytes === undefined || !/^image\/[a-z0-9.+-]{1,64}$/.test(type) || attrs["url"] !== undefined) return undefined;
  return { id, bytes, type, ...given({ width: parseInteger(attrs["width"], 1, 65_535), height: parseInteger(attrs["height"], 1, 65_535) }) };
}

/** `<data/>` */
export function encodeAvatarData(data: Uint8Array): XmlElement {
  return xml(avatarDataNamespace, "data", {}, toBase64(data));
}

/** The bytes in `<data/>`; `undefined` if there are none, or more than `bytesMax`. */
export function decodeAvatarData(element: XmlElement | undefined, bytesMax: number): Bytes | undefined {
  if (!isElement(element, avatarDataNamespace, "data")) return undefined;
  const text = textOf(element);
  // With line breaks every 60 characters and some more.
  if (text.length > (bytesMax * 4) / 3 * 1.1 + 64) return undefined;
  const data = fromBase64(text);
  return data === undefined || data.length === 0 || data.length > bytesMax ? undefined : data;
}
