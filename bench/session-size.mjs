/** Bytes of a packed session without skipped keys, after a conversation that has used every part of the state. @module */
import { encodeRatchet } from "../dist/crypto/double-ratchet/snapshot.js";
import { needsFreshRatchet, ratchetEncrypt, sendingAgreement } from "../dist/crypto/double-ratchet/step.js";
import { generateKeyPair } from "../dist/crypto/keys.js";
import { nodeProvider } from "../dist/crypto/node-provider.js";
import { newPair, receive, suite, symmetric } from "./pair.mjs";

const turns = 12; // more than the old receiving chains that are kept

/** @typedef {import("../dist/crypto/double-ratchet/state.js").RatchetState} RatchetState */

/** @param {RatchetState} state */
async function seal(state) {
  if (!needsFreshRatchet(state)) return ratchetEncrypt(symmetric, suite, state, Uint8Array.of(1));
  const keyPair = await generateKeyPair(nodeProvider.curve, (length) => globalThis.crypto.getRandomValues(new Uint8Array(length)));
  const { privateKey, publicKey } = sendingAgreement(state, keyPair);
  return ratchetEncrypt(symmetric, suite, state, Uint8Array.of(1), { keyPair, agreement: await nodeProvider.curve.x25519(privateKey, publicKey) });
}

/** @returns {Promise<import("./figures.mjs").Report>} */
export async function bench() {
  let { alice, bob } = await newPair();
  let first = 0;
  for (let turn = 0; turn < turns; turn++) {
    const out = await seal(alice);
    alice = out.state;
    bob = (await receive(bob, out.message)).state;
    const back = await seal(bob);
    bob = back.state;
    alice = (await receive(alice, back.message)).state;
    if (turn === 0) first = encodeRatchet(alice).length;
  }
  const long = Math.max(encodeRatchet(alice).length, encodeRatchet(bob).length);
  return {
    notes: [],
    figures: [
      { name: "packed session after the first exchange, bytes", value: first, target: 600 },
      { name: "packed session after a long conversation, bytes", value: long, target: 600 },
    ],
  };
}
