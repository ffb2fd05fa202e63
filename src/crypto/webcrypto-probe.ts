/**
 * Finds out, by doing it, which operations of Curve25519 a platform's WebCrypto does exactly as we need them. Some lack the
 * curve, or sign with added randomness, or verify with the cofactor; names and versions of browsers tell none of it.
 * Values: RFC 7748 section 5.2, RFC 8032 section 7.1; the two signatures to be refused were computed for this file.
 * @module
 */
import { toHex, utf8 } from "../base/bytes.js";
import { known } from "./encodings.js";
import { webCurve, type WebCurveCrypto } from "./webcrypto-curve.js";

/** Which operations are native. X25519 is one: whoever agrees also makes keys. */
export interface WebCurveAbilities {
  readonly agreement: boolean;
  readonly signingKey: boolean;
  readonly sign: boolean;
  readonly verify: boolean;
}

async function agrees(curve: WebCurveCrypto): Promise<boolean> {
  const scalar = known("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"); // not clamped
  const u = known("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
  const [shared, own] = await Promise.all([curve.x25519(scalar, u), curve.x25519PublicKey(scalar)]);
  return toHex(shared) === "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552" &&
    toHex(own) === "1c9fd88f45606d932a80c71824ae151d15d73e77de38e8e000852e614fae7019";
}

const seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const signer = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const nothing = new Uint8Array(0);
const signatureOfNothing =
  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";

/** By laxer rules these are signatures of {@link laxMessage}: R has a torsion part (cofactor); R is a second spelling of the neutral point. */
const laxMessage = "mixed order";
const laxSignatures = [
  ["825ff99f76eff5b654b036803228089f75f72b3892eb1a09a08f58bb9b661092",
    "e7b39bf8c8592e366e849f77aca1b2eb38538d202283c4af3a4f2182bada944bf41c84a8194a9edfdfe938c5d7a863d8ce952c77b30e4ff033851967a2d0f704"],
  [signer,
    "010000000000000000000000000000000000000000000000000000000000008006a4ac11e766b92930e7b9eb1c110caf1aa08b3950448f04cc1e7e503ea4f504"],
] as const;

async function verifies(curve: WebCurveCrypto): Promise<boolean> {
  const message = utf8(laxMessage);
  const accepted = await Promise.all(laxSignatures.map(([key, signature]) => curve.ed25519Verify(known(key), message, known(signature))));
  return !accepted.includes(true) && curve.ed25519Verify(known(signer), nothing, known(signatureOfNothing));
}

/** False also where the operation does not exist. */
async function succeeds(work: Promise<boolean>): Promise<boolean> {
  try {
    return await work;
  } catch {
    return false; // that is the answer: this platform does not do it
  }
}

/** Runs each operation once on known values, side by side; well below 10 ms. Never rejects. */
export async function probeWebCurve(subtle: SubtleCrypto): Promise<WebCurveAbilities> {
  const curve = webCurve(subtle); // not the one that is used later: its cache would hold our constants
  const [agreement, signingKey, sign, verify] = await Promise.all([
    succeeds(agrees(curve)),
    succeeds(curve.ed25519PublicKey(known(seed)).then((key) => toHex(key) === signer)),
    succeeds(curve.ed25519Sign(known(seed), nothing).then((signature) => toHex(signature) === signatureOfNothing)),
    succeeds(verifies(curve)),
  ]);
  return { agreement, signingKey, sign, verify };
}
