/** The same calls, right and wrong, come to the same in a tab and in a client without tabs (docs/decisions/0013). Which ones are made follows from the seed. */
import { expect, test } from "vitest";
import { SottoError } from "../../../src/base/errors.js";
import type { Client } from "../../../src/client/surface.js";
import { Chance } from "../../faults/chance.js";
import { calm, juliet, nurse, romeo, testWorld } from "../../support/facade-world.js";

type Pool = readonly unknown[];

const jids: Pool = [juliet, nurse, romeo, "stranger@elsewhere.example", `${juliet}/balcony`, "Juliet@Verona.Example", "verona.example", "", "@", 42, undefined, null, {}];
const messages: Pool = [{ position: 1 }, { position: 2 }, { position: 99 }, { position: -1 }, { position: Number.NaN }, { position: Infinity }, { position: "1" }, {}, undefined, null];
const drafts: Pool = [{ text: "hi" }, { text: "" }, { text: 5 }, {}, undefined, null, "hi", { text: "\ud800" }, { text: "\u0000" }, { text: "z".repeat(200_000) }];
const ranges: Pool = [{}, undefined, { before: 2 }, { after: 0 }, { limit: 1 }, { limit: 0 }, { limit: Number.NaN }, { limit: "1" }, { after: Infinity }, 5];
const names: Pool = ["friends", "", undefined, null, 5, "\u0000", "y".repeat(5_000)];
const rules: Pool = [[], [{ action: "deny", match: { kind: "all" } }], [{ action: "allow" }], [{}], "x", undefined];
const availabilities: Pool = ["unavailable", "available", { show: "away" }, { show: "bogus" }, { statuses: { en: 5 } }, { priority: 500 }, { idleSince: Number.NaN }, {}, 5];

/** What is called, on which part, and the pools that its arguments are from. */
const calls: readonly (readonly [part: (client: Client) => unknown, method: string, ...pools: readonly Pool[]])[] = [
  [(client) => client, "history", ranges],
  [(client) => client, "deleteHistory", [{ before: 0 }, { before: Number.NaN }, { before: "x" }, {}, { before: Infinity }]],
  [(client) => client, "devices", jids],
  [(client) => client, "setTrust", jids, [new Uint8Array(33), new Uint8Array(0), "x", undefined], ["authenticated", "distrusted", "x", undefined]],
  [(client) => client, "resetSession", jids, [1, 0, -1, Number.NaN, "5"]],
  [(client) => client, "conversation", jids.slice(6)],
  [({ roster }) => roster, "set", jids, [{ name: "J" }, { name: 5 }, { groups: "x" }, {}, undefined]],
  [({ roster }) => roster, "import", [{ version: 1, contacts: [] }, { version: 2 }, "x", undefined, { version: 1, contacts: [{ jid: 5 }] }]],
  [({ roster }) => roster, "get", jids],
  [({ presence }) => presence, "set", availabilities],
  [({ presence }) => presence, "contact", jids],
  [({ presence }) => presence, "direct", jids, availabilities],
  [(client) => client.conversation(juliet), "send", drafts],
  [(client) => client.conversation(juliet), "history", ranges],
  [(client) => client.conversation(juliet), "deleteMessage", messages],
  [(client) => client.conversation(juliet), "markDisplayed", messages],
  [(client) => client.conversation(juliet), "sendHandle", ["0".repeat(32), "x", "", undefined, 5]],
  [(client) => client.conversation(nurse).timeline(), "loadOlder", [{}, { limit: 1 }, { limit: 0 }, { limit: Number.NaN }]],
  [(client) => client.conversations(), "show", [0, 1, 51, -1, Number.NaN, Infinity, 1.5, "5", undefined]],
  [(client) => client.blocking(), "block", [[nurse], [], ["@"], "all", [5]]],
  [(client) => client.blocking(), "isBlocked", jids.slice(0, 3)],
  [(client) => client.privacyLists(), "activate", names],
  [(client) => client.privacyLists(), "put", names, rules],
  [(client) => client.privacyLists(), "replace", names, rules],
  [(client) => client.contactPolicy(), "set", [undefined, {}, { strangers: {} }, { others: 1 }, 5]],
  [(client) => client.strangers(), "accept", jids],
  [(client) => client.personalEvents(), "retract", ["mood", "avatar", "bogus", "__proto__", 5, undefined]],
  [(client) => client.gateways(), "inspect", jids],
  [(client) => client.gateways(), "legacyName", jids.slice(0, 4)],
];

/** What a call comes to, without what differs from client to client: ids, times, functions. */
async function outcome(call: () => unknown): Promise<unknown> {
  try {
    const given = call();
    return [given instanceof Promise ? "resolves" : "returns", plain(await given)];
  } catch (error) {
    if (!(error instanceof SottoError)) throw error;
    const { name, code, message, retryable, details } = error;
    return ["fails", { name, code, message, retryable, details }];
  }
}

function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if ("getSnapshot" in value) return "something to observe";
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).filter(([name, each]) => typeof each !== "function" && name !== "id" && name !== "receivedAt").map(([name, each]) => [name, plain(each)]));
}

const described = (args: readonly unknown[]): string => JSON.stringify(args, (_, each: unknown) => (typeof each === "string" && each.length > 50 ? `${each.slice(0, 5)}…` : typeof each === "number" || each === undefined ? String(each) : each));

test.each([1, 2, 3])("what a call comes to, and what is shown afterwards, is the same with and without tabs (seed %i)", async (seed) => {
  const chance = new Chance(seed);
  const [{ host: { client: alone } }, { client: tab }] = [await testWorld().open(), await testWorld().open()];
  const both: readonly Client[] = [alone, tab];
  for (let n = 0; n < 150; n++) {
    const [part, method, ...pools] = chance.one(calls);
    const args = pools.map((pool) => chance.one(pool));
    const outcomes: unknown[] = [];
    for (const client of both) {
      const on = await part(client) as Readonly<Record<string, (...given: readonly unknown[]) => unknown>>;
      outcomes.push(await outcome(() => on[method]?.(...args)));
    }
    await calm();
    const shown = both.map(({ roster, presence, status, waiting }) => [roster.getSnapshot(), presence.own.getSnapshot(), status.getSnapshot(), waiting]);
    const call = `${n.toString()}: ${method}(${described(args)})`;
    expect([call, outcomes[1], shown[1]]).toEqual([call, outcomes[0], shown[0]]);
  }
});
