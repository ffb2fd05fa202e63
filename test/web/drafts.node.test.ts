/** The unsent texts of the web application: nothing typed is lost, whatever becomes of what was sent. */
import { beforeEach, expect, test, vi } from "vitest";
import { type Draft, draftOf, forgetDrafts } from "../../examples/web/src/drafts.js";

const jid = "juliet@example.org";
const key = `chat.draft:${jid}`;
let room = true;
/** As a browser's: entries are its own properties, beside its methods. */
let kept: Record<string, string>;

beforeEach(() => {
  room = true;
  const methods = {
    getItem: (name: string) => kept[name] ?? null,
    setItem: (name: string, value: string) => {
      if (!room) throw new TypeError("QuotaExceededError");
      kept[name] = value;
    },
    removeItem: (name: string) => { Reflect.deleteProperty(kept, name); },
  };
  kept = Object.create(methods) as Record<string, string>;
  vi.stubGlobal("sessionStorage", kept);
  forgetDrafts();
});

function typed(text: string): Draft {
  const draft = draftOf(jid);
  draft.type(text);
  return draft;
}

test("what is typed is kept, and gone from the storage when the field is empty", () => {
  typed("Art thou");
  expect(kept[key]).toBe("Art thou");
  expect(draftOf(jid).text).toBe("Art thou");
  typed("");
  expect(key in kept).toBe(false);
});

test("a text on its way is part of what a reload would find until it is stored", () => {
  const draft = typed("Art thou there?");
  const taken = draft.take();
  expect(draft.text).toBe("");
  expect(kept[key]).toBe("Art thou there?");
  draft.type("Speak");
  expect(kept[key]).toBe("Art thou there?\nSpeak");
  draft.stored(taken);
  expect(kept[key]).toBe("Speak");
});

test("what is taken back stands above what is typed, and leaves what is on its way alone", () => {
  const draft = typed("second thoughts");
  draft.take();
  draft.type("third");
  draft.takenBack("second thoughts");
  expect(draft.text).toBe("second thoughts\nthird");
  expect(kept[key]).toBe("second thoughts\nsecond thoughts\nthird"); // one of them is still on its way
});

test("what is refused comes back above what was typed meanwhile, several texts in their order", () => {
  const draft = typed("one");
  let returned = 0;
  draft.onReturn = () => { returned += 1; };
  const one = draft.take();
  draft.type("two");
  const two = draft.take();
  draft.type("three");
  draft.refused(one);
  expect(draft.text).toBe("one\nthree");
  draft.refused(two);
  expect(draft.text).toBe("one\ntwo\nthree");
  expect(kept[key]).toBe("one\ntwo\nthree");
  expect(returned).toBe(2);
});

test("after the field was changed what comes back stands above all of it", () => {
  const draft = typed("one");
  const one = draft.take();
  draft.type("two");
  const two = draft.take();
  draft.refused(one);
  draft.type("On");
  draft.refused(two);
  expect(draft.text).toBe("two\nOn");
});

test("without room in the storage the page keeps it", () => {
  room = false;
  expect(typed("Art thou").text).toBe("Art thou");
  expect(draftOf(jid).text).toBe("Art thou");
});

test("after signing out nothing is left, and what is refused later does not bring it back", () => {
  const taken = typed("a secret").take();
  kept["chat.draft:nurse@example.org"] = "of an earlier page";
  kept["other"] = "not a draft";
  const draft = draftOf(jid);
  forgetDrafts();
  draft.refused(taken);
  expect(Object.keys(kept)).toEqual(["other"]);
  expect(draftOf(jid).text).toBe("");
});
