import { describe, expect, test } from "vitest";
import { concatBytes, equalBytes, type Bytes } from "../../../src/base/bytes.js";
import { CryptoError } from "../../../src/crypto/errors.js";
import { publicKey, type PublicKey } from "../../../src/crypto/keys.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import type { SymmetricCrypto } from "../../../src/crypto/provider.js";
import {
  computeAgreements, initiatorAgreements, responderAgreements, x3dhSecret, type InitiatorKeys, type ResponderKeys,
} from "../../../src/crypto/x3dh/agreement.js";
import { lowOrderInputs } from "../../../src/testing/provider-contract-curve.js";
import vectors from "../../vectors/primitives.json" with { type: "json" };
import { hex, text } from "./hex.js";

const { curve, symmetric } = nobleProvider;
const cases = [...vectors.x3dh["omemo:2"], ...vectors.x3dh.legacy];
type Case = (typeof cases)[number];

function initiatorOf(v: Case): InitiatorKeys {
  return {
    identityPrivate: hex(v.initiator.identity.priv),
    ephemeralPrivate: hex(v.initiator.ephemeralPriv),
    remoteIdentity: publicKey(hex(v.responder.identity.curvePub)),
    remoteSignedPreKey: publicKey(hex(v.responder.signedPreKeyPub)),
    remotePreKey: publicKey(hex(v.responder.preKeyPub)),
  };
}

function responderOf(v: Case): ResponderKeys {
  return {
    identityPrivate: hex(v.responder.identity.priv),
    signedPreKeyPrivate: hex(v.responder.signedPreKeyPriv),
    preKeyPrivate: hex(v.responder.preKeyPriv),
    remoteIdentity: publicKey(hex(v.initiator.identity.curvePub)),
    remoteEphemeral: publicKey(hex(v.initiator.ephemeralPub)),
  };
}

describe("X3DH", () => {
  test("both sides compute the four results and the secret of the vectors, in both versions", async () => {
    for (const v of cases) {
      const expected = [v.dh1, v.dh2, v.dh3, v.dh4].map(hex);
      for (const agreements of [initiatorAgreements(initiatorOf(v)), responderAgreements(responderOf(v))]) {
        const secrets = await computeAgreements(curve, agreements);
        expect(secrets).toEqual(expected);
        expect(x3dhSecret(symmetric, secrets, text(v.info))).toEqual(hex(v.sharedSecret));
      }
    }
  });

  test("each of the four results, their order and the info string matter", () => {
    const v = cases[0] as Case;
    const secrets = [hex(v.dh1), hex(v.dh2), hex(v.dh3), hex(v.dh4)] as const;
    const [a, b, c, d] = secrets;
    const zero = new Uint8Array(32);
    const variants = [[b, a, c, d], [a, c, b, d], [a, b, d, c], [zero, b, c, d], [a, zero, c, d], [a, b, zero, d], [a, b, c, zero]] as const;
    for (const variant of variants) expect(x3dhSecret(symmetric, variant, text(v.info))).not.toEqual(hex(v.sharedSecret));
    expect(x3dhSecret(symmetric, secrets, text(`${v.info}\0`))).not.toEqual(hex(v.sharedSecret));
  });

  test("C01 a low-order identity, signed prekey, prekey or ephemeral key fails the agreement even if it came this far", async () => {
    const v = cases[0] as Case;
    for (const input of lowOrderInputs) {
      const low = hex(input) as PublicKey;
      const attempts = [
        initiatorAgreements({ ...initiatorOf(v), remoteIdentity: low }),
        initiatorAgreements({ ...initiatorOf(v), remoteSignedPreKey: low }),
        initiatorAgreements({ ...initiatorOf(v), remotePreKey: low }),
        responderAgreements({ ...responderOf(v), remoteIdentity: low }),
        responderAgreements({ ...responderOf(v), remoteEphemeral: low }),
      ];
      for (const attempt of attempts) {
        const failure: unknown = expect.objectContaining({ name: CryptoError.name, code: "ERR_CRYPTO_LOW_ORDER" });
        await expect(computeAgreements(curve, attempt)).rejects.toEqual(failure);
      }
    }
  });

  test("C12 the input of the key derivation is overwritten, the caller's secrets are the caller's", () => {
    const v = cases[0] as Case;
    const secrets = [hex(v.dh1), hex(v.dh2), hex(v.dh3), hex(v.dh4)] as const;
    const seen: { input: Uint8Array; value: Bytes }[] = [];
    const spy: SymmetricCrypto = {
      ...symmetric,
      hkdfSha256: (salt, input, info, length) => {
        seen.push({ input, value: concatBytes(input) });
        return symmetric.hkdfSha256(salt, input, info, length);
      },
    };
    x3dhSecret(spy, secrets, text(v.info));
    expect(seen.map(({ value }) => equalBytes(value, hex(v.ikm)))).toEqual([true]);
    expect(seen[0]?.input).toEqual(new Uint8Array(160));
    expect(secrets).toEqual([hex(v.dh1), hex(v.dh2), hex(v.dh3), hex(v.dh4)]);
  });
});
