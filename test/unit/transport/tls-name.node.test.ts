import { expect, test } from "vitest";

import { tlsName } from "../../../src/transport/connection/node-tls.js";

test.each(["xn--a", "xn--a.example.org", "ex%61mple.org", "%"])("N04 the domain %s, which no certificate proves, is refused rather than replaced by another name", (domain) => {
  expect(() => tlsName(domain)).toThrow(expect.objectContaining({ code: "ERR_TLS_FAILED", retryable: false }));
});

test("N04 names are verified in their ASCII form, addresses as they are", () => {
  expect(tlsName("example.org")).toEqual({ host: "example.org", servername: "example.org" });
  expect(tlsName("bücher.example")).toEqual({ host: "xn--bcher-kva.example", servername: "xn--bcher-kva.example" });
  expect(tlsName("[::1]")).toEqual({ host: "::1" });
});
