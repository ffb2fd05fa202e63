/** The limits that hold where nobody names others: 1 MiB for a stanza behind the login, over both kinds of links (threats P10). */
import { expect, test } from "vitest";
import { stanzaBytesMax } from "../../../src/base/limits.js";
import { isSpoilt } from "../../../src/transport/xml/spoilt.js";
import { frame, read, type Reading } from "../../support/parser-reading.js";

test.each<[string, string, (stanza: string) => Reading]>([
  ["TCP", "<message>", (stanza) => read(stanza)], ["a WebSocket", "<message xmlns='jabber:client'>", (stanza) => frame(stanza)],
])("P10 over %s a stanza of 1 MiB is whole, and one that is a byte larger is spoilt: n-1, n, n+1", (_, start, reading) => {
  const full = `<b>${"x".repeat(1_017)}</b>`.repeat(1_000);
  for (const [bytes, spoilt] of [[stanzaBytesMax - 1, false], [stanzaBytesMax, false], [stanzaBytesMax + 1, true]] as const) {
    const { elements, errors } = reading(`<message>${full}${"x".repeat(bytes - full.length - `${start}</message>`.length)}</message>`);
    expect([errors, elements.map(isSpoilt)]).toEqual([[], [spoilt]]);
  }
});
