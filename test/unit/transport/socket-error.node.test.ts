/** Which failures of a socket say something about the certificate, and which only about the way there. */
import { expect, test } from "vitest";
import { socketError } from "../../../src/transport/connection/node-tls.js";

const failed = (code: string): Error => Object.assign(new TypeError("text from outside"), { code });

test.each([
  "ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "EHOSTDOWN", "ENETUNREACH", "ENETDOWN", "ENETRESET", "ENOTFOUND", "EAI_AGAIN", "EAI_FAIL",
  "EADDRNOTAVAIL", "EMFILE", "ENFILE", "ENOBUFS", "EPERM", "EACCES", "ERR_SOCKET_CONNECTION_TIMEOUT", "HPE_INVALID_CONSTANT",
])("N17 %s in a handshake is the network's, and may pass", (code) => {
  expect(socketError(failed(code), true)).toMatchObject({ code: "ERR_CONNECT_FAILED", retryable: true, details: { reason: code } });
});

test.each([
  "CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID", "CERT_REVOKED", "CERT_UNTRUSTED", "DEPTH_ZERO_SELF_SIGNED_CERT", "SELF_SIGNED_CERT_IN_CHAIN", "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "ERR_TLS_CERT_ALTNAME_INVALID", "ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR", "ERR_OSSL_ASN1_UTCTIME_IS_INVALID",
  "HOSTNAME_MISMATCH", "INVALID_CA", "INVALID_PURPOSE", "PATH_LENGTH_EXCEEDED", "ERROR_IN_CERT_NOT_AFTER_FIELD", "EPROTO",
  "CRL_HAS_EXPIRED", "UNSPECIFIED",
])("N04 %s in a handshake is about what the server has to prove", (code) => {
  expect(socketError(failed(code), true)).toMatchObject({ code: "ERR_TLS_FAILED", retryable: false, details: { reason: code } });
  expect(socketError(failed(code), false)).toMatchObject({ code: "ERR_CONNECT_FAILED", retryable: true });
});

test("H02 a code that is no code is left behind", () => {
  for (const code of ["<b>secret</b>", "cert_secret", "CERT_SECRET\n", "", "A", "A".repeat(65)]) expect(socketError(failed(code), true).details).toEqual({});
});
