/** Receipts and markers: read, written, bounded. Whom to believe is not decided here (threats F14). */
import { describe, expect, test } from "vitest";
import { serializeXml } from "../../../src/base/xml.js";
import { encodeReceipt, isReceiptRequest, readReceipt, receiptRequest } from "../../../src/transport/xep/xep0184.js";
import { encodeDisplayed, isMarkable, markable, readDisplayed } from "../../../src/transport/xep/xep0333.js";
import { element } from "../../support/xml.js";

const receipts = "urn:xmpp:receipts";
const markers = "urn:xmpp:chat-markers:0";

describe("receipts and markers", () => {
  test("are written as the specifications say, and read back", () => {
    expect(serializeXml(receiptRequest())).toBe(`<request xmlns="${receipts}"/>`);
    expect(serializeXml(encodeReceipt("m1"))).toBe(`<received xmlns="${receipts}" id="m1"/>`);
    expect(serializeXml(markable())).toBe(`<markable xmlns="${markers}"/>`);
    expect(serializeXml(encodeDisplayed("m1"))).toBe(`<displayed xmlns="${markers}" id="m1"/>`);
    expect([isReceiptRequest(receiptRequest()), readReceipt(encodeReceipt("m1")), isMarkable(markable()), readDisplayed(encodeDisplayed("m1"))]).toEqual([true, "m1", true, "m1"]);
  });

  test("P08 one is not taken for another, nor for a carbon or a position of the same name", () => {
    for (const other of [markable(), encodeDisplayed("m1"), element("<received xmlns='urn:xmpp:carbons:2' id='m1'/>")]) expect([isReceiptRequest(other), readReceipt(other)]).toEqual([false, undefined]);
    for (const other of [receiptRequest(), encodeReceipt("m1"), element("<displayed xmlns='urn:xmpp:mds:displayed:0' id='m1'/>")]) expect([isMarkable(other), readDisplayed(other)]).toEqual([false, undefined]);
  });

  test("L01 ids that are missing, empty or longer than 1,024 characters are none", () => {
    const read = (id: string): unknown[] => [readReceipt(element(`<received xmlns='${receipts}'${id}/>`)), readDisplayed(element(`<displayed xmlns='${markers}'${id}/>`))];
    for (const id of ["", " id=''", ` id='${"x".repeat(1_025)}'`]) expect(read(id)).toEqual([undefined, undefined]);
    expect(read(` id='${"x".repeat(1_024)}'`)).toEqual(["x".repeat(1_024), "x".repeat(1_024)]);
  });
});
