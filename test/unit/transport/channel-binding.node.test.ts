/** What binds a login to its TLS channel, and what does not: threats N10 (Node only). */
import { createHash } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { describe, expect, test } from "vitest";
import { signatureHash } from "../../../src/transport/connection/node-certificate.js";
import { channelBinding } from "../../../src/transport/connection/node-tls.js";

/** A DER element, with as many bytes of length as it needs. */
function der(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Uint8Array.from([tag, ...size, ...content]);
}
const sequence = (...parts: readonly Uint8Array[]): Uint8Array => der(0x30, Uint8Array.from(parts.flatMap((part) => [...part])));
const identifier = (hex: string): Uint8Array => der(0x06, Buffer.from(hex, "hex"));
/** As much of a certificate as is read: what is signed, and how. */
const certificate = (hex: string, signedBytes = 300): Uint8Array => sequence(sequence(new Uint8Array(signedBytes)), sequence(identifier(hex)), Uint8Array.of(0x03, 0x01, 0x00));

describe("N10 the hash of a certificate's signature", () => {
  test.each([
    ["MD5 with RSA", "2a864886f70d010104", "sha256"], ["SHA-1 with RSA", "2a864886f70d010105", "sha256"], ["SHA-256 with RSA", "2a864886f70d01010b", "sha256"],
    ["SHA-384 with RSA", "2a864886f70d01010c", "sha384"], ["SHA-512 with RSA", "2a864886f70d01010d", "sha512"], ["ECDSA with SHA-1", "2a8648ce3d0401", "sha256"],
    ["ECDSA with SHA-256", "2a8648ce3d040302", "sha256"], ["ECDSA with SHA-384", "2a8648ce3d040303", "sha384"], ["ECDSA with SHA-512", "2a8648ce3d040304", "sha512"],
    ["Ed25519", "2b6570", undefined], ["RSASSA-PSS", "2a864886f70d01010a", undefined],
  ])("of %s", (_, name, hash) => {
    for (const signedBytes of [1, 200, 300]) expect(signatureHash(certificate(name, signedBytes))).toBe(hash);
  });

  test("is not guessed from bytes that are cut off, or that are no certificate", () => {
    const whole = certificate("2a8648ce3d040302");
    expect(signatureHash(whole)).toBe("sha256");
    for (let length = 0; length < whole.length; length++) expect(signatureHash(whole.subarray(0, length))).toBeUndefined();
    expect(signatureHash(Uint8Array.of(0x30, 0x80, ...whole.subarray(2)))).toBeUndefined(); // a length that DER does not have
    expect(signatureHash(Uint8Array.of(0x30, 0x84, 0, 0, 0, 1, 0))).toBeUndefined();
    const sized = certificate("2a8648ce3d040302", 111); // 128 bytes, so that each of these would be right in another encoding
    expect([signatureHash(sized), sized[1], sized[2]]).toEqual(["sha256", 0x81, 0x80]);
    for (const length of [[0x80], [0x84, 0, 0, 0, 0x80]]) expect(signatureHash(Uint8Array.of(0x30, ...length, ...sized.subarray(3)))).toBeUndefined();
    expect(signatureHash(Uint8Array.of(0x31, ...whole.subarray(1)))).toBeUndefined();
  });
});

describe("N10 the channel", () => {
  const exported = Buffer.from("32 bytes from both sides' secrets");
  const socket = (protocol: string, raw?: Uint8Array): TLSSocket => ({
    getProtocol: () => protocol,
    exportKeyingMaterial: (length: number, label: string, context: Buffer) => {
      expect([length, label, context.length]).toEqual([32, "EXPORTER-Channel-Binding", 0]);
      return exported;
    },
    getPeerCertificate: () => (raw === undefined ? null : { raw: Buffer.from(raw) }),
  }) as unknown as TLSSocket;

  test("is exported from TLS 1.3 only: before it two channels may share their secrets", () => {
    expect(channelBinding(socket("TLSv1.3"), "tls-exporter")).toEqual(new Uint8Array(exported));
    for (const older of ["TLSv1.2", "TLSv1.1", "unknown"]) expect(channelBinding(socket(older), "tls-exporter")).toBeUndefined();
  });

  test("is told by the server's certificate, hashed as it was signed; of one that is signed otherwise, or gone, nothing is said", () => {
    const signed = certificate("2a864886f70d01010c");
    expect(channelBinding(socket("TLSv1.2", signed), "tls-server-end-point")).toEqual(new Uint8Array(createHash("sha384").update(signed).digest()));
    expect(channelBinding(socket("TLSv1.3", certificate("2b6570")), "tls-server-end-point")).toBeUndefined();
    expect(channelBinding(socket("TLSv1.3"), "tls-server-end-point")).toBeUndefined();
  });
});
