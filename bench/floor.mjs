/** What one ratchet step costs at least: the platform's native primitives alone, on buffers of the same size. @module */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";

const key = new Uint8Array(32).fill(7);
const iv = new Uint8Array(16).fill(9);
const chainInput = Uint8Array.of(1);
const expandInput = new Uint8Array(32 + 22 + 1);

/** @param {Uint8Array} data */
const hmac = (data) => createHmac("sha256", key).update(data).digest();

/** Chain step (2), HKDF of 80 bytes (1 extract, 3 expand): six MACs of short inputs. */
function keySchedule() {
  hmac(chainInput);
  hmac(chainInput);
  hmac(key);
  hmac(expandInput);
  hmac(expandInput);
  hmac(expandInput);
}

/** The native primitives of one encryption. @param {Uint8Array} plaintext @param {Uint8Array} authenticated what the MAC runs over */
export function encryptFloor(plaintext, authenticated) {
  keySchedule();
  const cipher = createCipheriv("aes-256-cbc", key, iv);
  cipher.update(plaintext);
  cipher.final();
  hmac(authenticated);
}

/** A ciphertext that {@link decryptFloor} can open. @param {Uint8Array} plaintext */
export function floorCiphertext(plaintext) {
  const cipher = createCipheriv("aes-256-cbc", key, iv);
  return Buffer.concat([cipher.update(plaintext), cipher.final()]);
}

/** The native primitives of one decryption. @param {Uint8Array} ciphertext @param {Uint8Array} authenticated */
export function decryptFloor(ciphertext, authenticated) {
  keySchedule();
  hmac(authenticated);
  const decipher = createDecipheriv("aes-256-cbc", key, iv);
  decipher.update(ciphertext);
  decipher.final();
}
