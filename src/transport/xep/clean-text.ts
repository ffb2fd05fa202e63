/**
 * Short texts that other people chose to be shown under their name: nicknames, status texts, names in rosters.
 * Spec: threats F20. Characters that turn the reading direction, join invisibly or control a terminal are taken out, the rest is normalized and
 * shortened. Whether a name imitates another one is not decided here: every event carries the full address beside it.
 * @module
 */

// Controls, soft hyphens, zero-width, direction and interlinear marks, separators, invisible operators, tags, lone surrogates. Joiners (U+200C, U+200D) and the
// choice between text and emoji (U+FE0E, U+FE0F) stay: several scripts and emoji need them.
const unwanted = /(?![\t\n\r]|\u200c|\u200d|\ufe0e|\ufe0f)(?:\p{Cc}|\p{Default_Ignorable_Code_Point}|\p{Surrogate}|[\u2028\u2029\ufff9-\ufffb\ufffe\uffff])/gu;

// Nothing to be done: most names.
const plain = /^[!-~]+(?: [!-~]+)*$/;

/**
 * The text without what could deceive, NFC, trimmed, at most `lengthMax` code points. `line`: one line, white space collapsed.
 * Empty if nothing is left.
 */
export function cleanText(text: string, lengthMax: number, form: "line" | "lines" = "line"): string {
  if (text.length <= lengthMax && plain.test(text)) return text;
  // Cut first: what is thrown away must not cost anything. Nothing below makes a text longer than the cut allows, but for NFC, which the second cut sees to.
  const short = text.slice(0, 4 * lengthMax).replace(unwanted, "").normalize("NFC");
  const spaced = form === "line" ? short.replace(/\s+/g, " ") : short.replace(/\r\n?/g, "\n");
  return Array.from(spaced.trim()).slice(0, lengthMax).join("").replace(/^(?:\u200c|\u200d)+|(?:\u200c|\u200d)+$/g, "").trim();
}

// Cyrillic letters that look like Latin ones.
const looksLatin = /^[аеорсухіјѕһԁԛԝӏАВЕЅІЈКМНОРСТУХҮ]+$/u;
const latin = /\p{Script=Latin}/u;
const similar = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}]/u;

/** True if a word of a name could be taken for another one: letters of scripts that look alike are mixed in it, or all of them look Latin and none is. */
export function looksConfusable(name: string): boolean {
  return name.split(/[^\p{L}\p{M}]+/u).some((word) => (latin.test(word) && similar.test(word)) || looksLatin.test(word));
}
