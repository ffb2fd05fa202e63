/**
 * One direction of a conversation, 1 KiB a message: sealing and opening, decoding included, against the sum of the native
 * primitives of the same step. The figure is the ratio.
 * @module
 */
import { ratchetDecrypt, ratchetEncrypt } from "../dist/crypto/double-ratchet/step.js";
import { decryptFloor, encryptFloor, floorCiphertext } from "./floor.mjs";
import { measure } from "./measure.mjs";
import { newPair, read, receive, suite, symmetric } from "./pair.mjs";

const rounds = 101;
const count = 200;

/** @returns {Promise<import("./figures.mjs").Report>} */
export async function bench() {
  const plaintext = new Uint8Array(1024).fill(0x41);
  const pair = await newPair();
  let sender = pair.alice;
  const first = ratchetEncrypt(symmetric, suite, sender, plaintext);
  sender = first.state;
  let receiver = (await receive(pair.bob, first.message)).state;
  const authenticated = new Uint8Array(first.message.length + 2 * suite.identityLength);
  const ciphertext = floorCiphertext(plaintext);

  /** @type {Uint8Array[]} */
  const wires = [];
  const seal = (/** @type {number} */ n) => {
    for (let i = 0; i < n; i++) {
      const step = ratchetEncrypt(symmetric, suite, sender, plaintext);
      sender = step.state;
      wires.push(step.message);
    }
  };
  seal(count); // a stock: the order within a round turns, so opening may come before sealing
  const times = measure({
    encrypt: seal,
    encryptFloor: (n) => { for (let i = 0; i < n; i++) encryptFloor(plaintext, authenticated); },
    decrypt: (n) => {
      // What was opened is let go: tens of thousands of messages that are kept would be the collector's work, not the step's.
      for (const wire of wires.splice(0, n)) receiver = ratchetDecrypt(symmetric, suite, receiver, read(wire)).state;
    },
    decryptFloor: (n) => { for (let i = 0; i < n; i++) decryptFloor(ciphertext, authenticated); },
  }, { rounds, count });
  const us = (/** @type {keyof typeof times} */ name) => `${times[name].toFixed(1)} us`;
  return {
    notes: [`encrypt ${us("encrypt")} over a floor of ${us("encryptFloor")}; decrypt ${us("decrypt")} over ${us("decryptFloor")} (medians of interleaved rounds)`],
    figures: [
      { name: "encrypt 1 KiB, times the native floor", value: times.encrypt / times.encryptFloor, target: 2 },
      { name: "decrypt 1 KiB, times the native floor", value: times.decrypt / times.decryptFloor, target: 2 },
    ],
  };
}
