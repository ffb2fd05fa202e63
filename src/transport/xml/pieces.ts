/** Text on its way into the parser: checked, measured, and cut into pieces small enough that a limit stops the work soon after it is passed. @module */
import type { GuardedParser } from "./guarded-parser.js";
import { heldFactor, XmlRefusal } from "./refusal.js";

const pieceLength = 16 * 1024;
const loneSurrogate = /\p{Surrogate}/u;

/** `text`, which has no half of a pair. @throws XmlRefusal */
export function checkedText(text: string): string {
  if (loneSurrogate.test(text)) throw new XmlRefusal("not-well-formed");
  return text;
}

/** Where the piece ends that begins at `from`. A surrogate pair is not cut: its bytes are counted together. */
export function pieceEnd(text: string, from: number): number {
  const end = Math.min(text.length, from + pieceLength);
  const last = text.charCodeAt(end - 1);
  return end < text.length && last >= 0xd800 && last <= 0xdbff ? end + 1 : end;
}

/** The parser holds what is not complete: no server passes on so long a tag or text. @throws XmlRefusal */
export function refuseLong({ held }: GuardedParser, bytesMax: number): void {
  if (held > bytesMax * heldFactor) throw new XmlRefusal("policy-violation");
}

/** How many bytes `text` has in UTF-8. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // Two bytes below U+0800, three above; a pair is two units of two bytes each.
    length += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return length;
}
