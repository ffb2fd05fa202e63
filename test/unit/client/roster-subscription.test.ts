/** The nine states of RFC 6121 appendix A.1 and what each stanza makes of them, as the tables of A.2 and A.3 have it. */
import { describe, expect, test } from "vitest";
import { transition, type SubscriptionStanza, type SubscriptionState } from "../../../src/client/roster/subscription.js";

type Name = "None" | "None+Out" | "None+In" | "None+Out+In" | "To" | "To+In" | "From" | "From+Out" | "Both";
const names: readonly Name[] = ["None", "None+Out", "None+In", "None+Out+In", "To", "To+In", "From", "From+Out", "Both"];

function state(name: Name, approved = false): SubscriptionState {
  const [subscription = ""] = name.toLowerCase().split("+");
  return { subscription: subscription as SubscriptionState["subscription"], pendingOut: name.includes("+Out"), pendingIn: name.endsWith("+In"), approved };
}

// "yes": the server passes it on (A.2: ROUTE, A.3: DELIVER is MUST); "no": MUST NOT. "=": no state change. In the order of `names`.
const tables: readonly { readonly title: string; readonly direction: "out" | "in"; readonly stanza: SubscriptionStanza; readonly rows: string }[] = [
  {
    title: "A.2.1 a request that we send", direction: "out", stanza: "subscribe",
    rows: "yes None+Out|yes =|yes None+Out+In|yes =|yes =|yes =|yes From+Out|yes =|yes =",
  },
  {
    title: "A.2.2 what we no longer want to see", direction: "out", stanza: "unsubscribe",
    rows: "yes =|yes None|yes =|yes None+In|yes None|yes None+In|yes =|yes From|yes From",
  },
  {
    title: "A.2.3 what we grant", direction: "out", stanza: "subscribed",
    rows: "no =|no =|yes From|yes From+Out|no =|yes Both|no =|no =|no =",
  },
  {
    title: "A.2.4 what we refuse or take back", direction: "out", stanza: "unsubscribed",
    rows: "no =|no =|yes None|yes None+Out|no =|yes To|yes None|yes None+Out|yes To",
  },
  {
    title: "A.3.1 a request that comes in", direction: "in", stanza: "subscribe",
    rows: "yes None+In|yes None+Out+In|no =|no =|yes To+In|no =|no =|no =|no =",
  },
  {
    title: "A.3.2 what they no longer want to see", direction: "in", stanza: "unsubscribe",
    rows: "no =|no =|yes None|yes None+Out|no =|yes To|yes None|yes None+Out|yes To",
  },
  {
    title: "A.3.3 what they grant", direction: "in", stanza: "subscribed",
    rows: "no =|yes To|no =|yes To+In|no =|no =|no =|yes Both|no =",
  },
  {
    title: "A.3.4 what they refuse or take back", direction: "in", stanza: "unsubscribed",
    rows: "no =|yes None|no =|yes None+In|yes None|yes None+In|no =|yes From|yes From",
  },
];

describe.each(tables)("$title", ({ direction, stanza, rows }) => {
  const cells = rows.split("|");
  test.each(names.map((name, i) => [name, cells[i]!] as const))("in %s: %s", (name, cell) => {
    const [passed, next] = cell.split(" ");
    const found = transition(state(name), direction, stanza);
    // The mark of section 3.4 stands beside the nine states: it has a test of its own.
    expect({ ...found, state: { ...found.state, approved: false } }).toEqual({ passed: passed === "yes", state: state(next === "=" ? name : next as Name) });
  });
});

test("the tables have nine states each, and eight stanzas", () => {
  expect(tables.map(({ rows }) => rows.split("|").length)).toEqual(Array.from({ length: 8 }, () => 9));
});

describe("approval ahead of the request, section 3.4", () => {
  test.each([["None", true], ["None+Out", true], ["To", true], ["None+In", false], ["None+Out+In", false], ["To+In", false], ["From", false], ["From+Out", false], ["Both", false]] as const)(
    "a grant in %s is noted: %s; where a request waits it is the answer, and who sees us needs none", (name, noted) => {
      expect(transition(state(name), "out", "subscribed").state.approved).toBe(noted);
    });

  test.each([["None", "From"], ["None+Out", "From+Out"], ["To", "Both"]] as const)("a request that was approved in %s leads to %s and reaches nobody", (name, next) => {
    expect(transition(state(name, true), "in", "subscribe")).toEqual({ passed: false, state: state(next, true) });
  });

  test.each(names)("a refusal in %s takes the approval back", (name) => {
    expect(transition(state(name, true), "out", "unsubscribed").state.approved).toBe(false);
  });

  test.each(names)("nothing that comes in changes an approval in %s, or makes one", (name) => {
    for (const stanza of ["subscribe", "subscribed", "unsubscribe", "unsubscribed"] as const) {
      for (const approved of [true, false]) expect(transition(state(name, approved), "in", stanza).state.approved).toBe(approved);
    }
  });
});
