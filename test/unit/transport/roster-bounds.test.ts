/** Names in a roster at the limit of their length, and one above it: threats F20, H06. */
import { expect, test } from "vitest";
import { rosterNameLengthMax } from "../../../src/base/limits.js";
import { xml } from "../../../src/base/xml.js";
import { decodeRoster } from "../../../src/transport/xep/rfc6121-roster.js";

const ns = "jabber:iq:roster";
const read = (name: string, group: string): NonNullable<ReturnType<typeof decodeRoster>>["items"][number] | undefined =>
  decodeRoster(xml(ns, "query", {}, xml(ns, "item", { jid: "juliet@capulet.example", name }, xml(ns, "group", {}, group))))?.items[0];

test("H06 a contact is listed with groups of up to 1,023 characters, and left out with a longer one", () => {
  expect([-1, 0, 1].map((more) => read("x", "g".repeat(rosterNameLengthMax + more)) !== undefined)).toEqual([true, true, false]);
});

test("F20 a name that is shown cut is kept as it came up to 1,023 characters", () => {
  expect([-1, 0, 1].map((more) => read("n".repeat(rosterNameLengthMax + more), "g")?.rawName?.length)).toEqual([rosterNameLengthMax - 1, rosterNameLengthMax, undefined]);
});
