/** The caller's own words in an error for him. Not for what came from a server, nor for secrets. @module */

/** Long enough to be recognised. */
const quotedLengthMax = 60;

/** `text` in quotation marks, cut short, with nothing in it that would break a line. */
export const quoted = (text: string): string => JSON.stringify(text.length > quotedLengthMax ? `${text.slice(0, quotedLengthMax)}…` : text);
