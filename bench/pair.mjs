/** Two ends of one omemo:2 session on Node's native crypto, from dist/, with X3DH's result drawn. @module */
import { randomBytes } from "node:crypto";

import { acceptRatchet, initiateRatchet } from "../dist/crypto/double-ratchet/state.js";
import { ratchetDecrypt, receivingAgreement } from "../dist/crypto/double-ratchet/step.js";
import { keyPairFromPrivate } from "../dist/crypto/keys.js";
import { nodeProvider } from "../dist/crypto/node-provider.js";
import { omemo2Profile } from "../dist/session/omemo2/profile.js";

export const suite = omemo2Profile.suite;
export const symmetric = nodeProvider.symmetric;

const random = (/** @type {number} */ length) => new Uint8Array(randomBytes(length));

/** The initiator and the responder. */
export async function newPair() {
  const { curve } = nodeProvider;
  const [ratchetKeyPair, signedPreKeyPair] = await Promise.all([keyPairFromPrivate(curve, random(32)), keyPairFromPrivate(curve, random(32))]);
  const [sharedSecret, alice, bob] = [random(32), random(suite.identityLength), random(suite.identityLength)];
  const agreement = await curve.x25519(ratchetKeyPair.privateKey, signedPreKeyPair.publicKey);
  return {
    alice: initiateRatchet(symmetric, suite, {
      sharedSecret, localIdentity: alice, remoteIdentity: bob, ratchetKeyPair, remoteSignedPreKey: signedPreKeyPair.publicKey, agreement,
    }),
    bob: acceptRatchet(suite, { sharedSecret, localIdentity: bob, remoteIdentity: alice, signedPreKeyPair }),
  };
}

/** The message of a wire form. @param {Uint8Array} wire */
export function read(wire) {
  const material = omemo2Profile.decodeKeyMaterial(wire);
  if (material?.kind !== "message") throw new Error("not an authenticated message");
  return material.message;
}

/** Opens `wire`, with the agreement where the message brings a new key. @param {import("../dist/crypto/double-ratchet/state.js").RatchetState} state @param {Uint8Array} wire */
export async function receive(state, wire) {
  const message = read(wire);
  const needed = receivingAgreement(state, message.header);
  const agreement = needed && (await nodeProvider.curve.x25519(needed.privateKey, needed.publicKey));
  return ratchetDecrypt(symmetric, suite, state, message, { agreement });
}
