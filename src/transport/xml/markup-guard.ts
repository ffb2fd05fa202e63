/**
 * A lexical scan in front of the XML parser: it finds the first markup that a stream may not hold, before the parser has
 * swallowed any of it. A general parser reports a DOCTYPE at its end, and an unterminated `&` never.
 * Spec: RFC 6120 section 11.1 (no comments, processing instructions, DTDs, entities beyond the predefined five).
 * Not here: well-formedness of anything else; that is the parser's.
 * @module
 */

/** What is wrong, as a stream error condition of RFC 6120 section 4.9.3. */
export type MarkupProblem = "restricted-xml" | "not-well-formed";

/** The first character index at which a piece of input must not be read further, and why. */
export interface MarkupOffence {
  readonly index: number;
  readonly problem: MarkupProblem;
}

const cdataOpening = "[CDATA[";
const declarationOpening = "?xml";
// "&#x10FFFF;" with some leading zeros; anything longer is no reference that a sane writer makes.
const referenceLengthMax = 24;
const referenceCharacter = /[#A-Za-z0-9]/;
const whiteSpace = /[ \t\r\n]/;

/** Where the scan stands between two pieces of input. */
type Place =
  | { readonly kind: "text" }
  | { readonly kind: "opened" } // just after "<"
  | { readonly kind: "cdata-opening"; readonly seen: number }
  | { readonly kind: "cdata"; readonly brackets: number } // trailing "]" seen, at most 2
  | { readonly kind: "declaration-opening"; readonly seen: number }
  | { readonly kind: "reference"; readonly seen: number };

const inText: Place = { kind: "text" };

/** Scans one stream, piece by piece, in linear time. */
export class MarkupGuard {
  #place: Place = inText;
  // An XML declaration may stand at the very beginning only.
  #atStart = true;

  /** Looks at the next piece. `undefined`: all of it may be parsed. */
  scan(piece: string): MarkupOffence | undefined {
    let index = 0;
    while (index < piece.length) {
      if (this.#place.kind === "text") {
        index = this.#skipText(piece, index);
        continue;
      }
      if (this.#place.kind === "cdata") {
        index = this.#skipCdata(piece, index, this.#place.brackets);
        continue;
      }
      const problem = this.#step(piece.charAt(index));
      if (problem !== undefined) return { index, problem };
      index++;
    }
    return undefined;
  }

  #skipText(piece: string, from: number): number {
    markup.lastIndex = from;
    const found = markup.exec(piece);
    const index = found === null ? piece.length : found.index;
    if (index > from) this.#atStart = false;
    if (found === null) return index;
    this.#place = found[0] === "<" ? { kind: "opened" } : { kind: "reference", seen: 0 };
    return index + 1;
  }

  #skipCdata(piece: string, from: number, bracketsBefore: number): number {
    let brackets = bracketsBefore;
    for (let index = from; index < piece.length; index++) {
      const character = piece.charAt(index);
      if (character === "]") brackets = Math.min(2, brackets + 1);
      else if (character === ">" && brackets === 2) {
        this.#place = inText;
        return index + 1;
      } else brackets = 0;
    }
    this.#place = { kind: "cdata", brackets };
    return piece.length;
  }

  /** One character in a place that is neither text nor CDATA. */
  #step(character: string): MarkupProblem | undefined {
    const place = this.#place;
    switch (place.kind) {
      case "opened":
        return this.#afterOpening(character);
      case "cdata-opening":
        if (character !== cdataOpening.charAt(place.seen)) return "restricted-xml";
        this.#place = place.seen + 1 === cdataOpening.length ? { kind: "cdata", brackets: 0 } : { kind: "cdata-opening", seen: place.seen + 1 };
        return undefined;
      case "declaration-opening":
        if (place.seen === declarationOpening.length) {
          this.#place = inText;
          return whiteSpace.test(character) ? undefined : "restricted-xml";
        }
        if (character !== declarationOpening.charAt(place.seen)) return "restricted-xml";
        this.#place = { kind: "declaration-opening", seen: place.seen + 1 };
        return undefined;
      case "reference":
        if (character === ";" && place.seen > 0) this.#place = inText;
        else if (place.seen < referenceLengthMax && referenceCharacter.test(character)) this.#place = { kind: "reference", seen: place.seen + 1 };
        else return "not-well-formed";
        return undefined;
      default:
        return undefined;
    }
  }

  #afterOpening(character: string): MarkupProblem | undefined {
    const declarationAllowed = this.#atStart;
    this.#atStart = false;
    if (character === "!") this.#place = { kind: "cdata-opening", seen: 0 };
    else if (character !== "?") this.#place = inText;
    else if (declarationAllowed) this.#place = { kind: "declaration-opening", seen: 1 };
    else return "restricted-xml";
    return undefined;
  }
}

const markup = /[<&]/g;
