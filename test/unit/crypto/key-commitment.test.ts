import { expect, test } from "vitest";
import { concatBytes, equalBytes, toHex } from "../../../src/base/bytes.js";
import { nobleGcm } from "../../../src/crypto/noble-gcm.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";

const { symmetric } = nobleProvider;

/** Multiplication in GHASH's field (NIST SP 800-38D section 6.3): bit 0 is the highest bit of the first byte. */
function multiply(x: Uint8Array, y: Uint8Array): Uint8Array {
  const number = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`);
  let product = 0n;
  let factor = number(y);
  for (let bit = 127n; bit >= 0n; bit--) {
    if ((number(x) >> bit) & 1n) product ^= factor;
    factor = factor & 1n ? (factor >> 1n) ^ (0xe1n << 120n) : factor >> 1n;
  }
  return Uint8Array.from({ length: 16 }, (_, i) => Number((product >> BigInt(8 * (15 - i))) & 0xffn));
}

const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((byte, i) => byte ^ (b[i] as number));

test("C11 who holds a legacy content key can make another payload with the same tag; omemo:2's tag follows the payload", () => {
  const key = new Uint8Array(16).fill(3);
  const iv = new Uint8Array(12).fill(4);
  const original = nobleGcm.seal(key, iv, new TextEncoder().encode("meet me at the east gate at noon"));

  // GHASH's key is E(0^128); CBC with a zero IV gives that block, but of AES-256. So it is taken from two GCM tags:
  // the tags of the blocks 0 and 1 (the field's one) under one key and IV differ by H^2.
  const tagOfCiphertext = (wanted: Uint8Array): Uint8Array => {
    const stream = nobleGcm.seal(key, iv, new Uint8Array(wanted.length)).ciphertext;
    return nobleGcm.seal(key, iv, xor(wanted, stream)).tag;
  };
  const one = new Uint8Array(16);
  one[0] = 0x80;
  const h2 = xor(tagOfCiphertext(new Uint8Array(16)), tagOfCiphertext(one));
  let h = h2; // squaring 127 times in a field of 2^128 elements is taking the square root
  for (let i = 0; i < 127; i++) h = multiply(h, h);

  const change = new TextEncoder().encode("west gate, alone").map((byte, i) => byte & (i + 1));
  const first = xor(original.ciphertext.subarray(0, 16), change);
  const second = xor(original.ciphertext.subarray(16), multiply(change, h));
  const forged = concatBytes(first, second);
  expect(equalBytes(forged, original.ciphertext)).toBe(false);
  expect(nobleGcm.open(key, iv, forged, original.tag)).toHaveLength(32);

  const material = symmetric.hkdfSha256(new Uint8Array(32), new Uint8Array(32).fill(5), new TextEncoder().encode("OMEMO Payload"), 80);
  const mac = (ciphertext: Uint8Array): string => toHex(symmetric.hmacSha256(material.subarray(32, 64), ciphertext).subarray(0, 16));
  expect(mac(forged)).not.toBe(mac(original.ciphertext));
});
