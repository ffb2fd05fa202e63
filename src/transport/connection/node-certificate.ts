/**
 * The hash function in a certificate's signature: Node does not tell it, and channel binding by certificate needs it.
 * Spec: RFC 5929 section 4.1 (MD5 and SHA-1 are replaced by SHA-256), RFC 5280 section 4.1.1.2. Threats N10.
 * @module
 */

// Object identifiers in DER. Signatures without a hash of their own (EdDSA) and with parameters (RSASSA-PSS) are left out: RFC 5929 leaves
// the first open, and a wrong guess would refuse a right login.
const hashes: ReadonlyMap<string, string> = new Map([
  ["2a864886f70d010104", "sha256"], // md5WithRSAEncryption
  ["2a864886f70d010105", "sha256"], // sha1WithRSAEncryption
  ["2a864886f70d01010b", "sha256"],
  ["2a864886f70d01010c", "sha384"],
  ["2a864886f70d01010d", "sha512"],
  ["2a8648ce3d0401", "sha256"], // ecdsa-with-SHA1
  ["2a8648ce3d040302", "sha256"],
  ["2a8648ce3d040303", "sha384"],
  ["2a8648ce3d040304", "sha512"],
]);

const sequence = 0x30;
const objectIdentifier = 0x06;

/** The name of the hash for Node; `undefined` if it is none of those above or the bytes are no certificate. */
export function signatureHash(certificate: Uint8Array): string | undefined {
  const whole = element(certificate, 0, sequence);
  const signed = whole === undefined ? undefined : element(certificate, whole.start, sequence);
  const algorithm = signed === undefined ? undefined : element(certificate, signed.end, sequence);
  const name = algorithm === undefined ? undefined : element(certificate, algorithm.start, objectIdentifier);
  return name === undefined ? undefined : hashes.get(Buffer.from(certificate.subarray(name.start, name.end)).toString("hex"));
}

/** Where the content of the DER element at `at` lies, if it has this tag. */
function element(der: Uint8Array, at: number, tag: number): { readonly start: number; readonly end: number } | undefined {
  const first = der[at + 1];
  if (der[at] !== tag || first === undefined) return undefined;
  const lengthBytes = first < 0x80 ? 0 : first - 0x80;
  if (lengthBytes > 3 || first === 0x80) return undefined;
  const start = at + 2 + lengthBytes;
  let length = lengthBytes === 0 ? first : 0;
  for (const byte of der.subarray(at + 2, start)) length = length * 256 + byte;
  const end = start + length;
  return end <= der.length ? { start, end } : undefined;
}
