/** The honest half of a server, as pieces for the scenarios of the hostile one (Node only). */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import type { ScriptedConnection } from "../../src/testing/node/hostile-server.js";

export const domain = "verona.example";
export const account = "romeo@verona.example";
export const password = "pencil";

/** A stream header, with what a test wants to be different. */
export function header(over: { readonly from?: string; readonly version?: string; readonly ns?: string; readonly content?: string } = {}): string {
  const version = over.version === "" ? "" : ` version='${over.version ?? "1.0"}'`;
  return `<?xml version='1.0'?><stream:stream xmlns='${over.content ?? "jabber:client"}' xmlns:stream='${over.ns ?? "http://etherx.jabber.org/streams"}' id='1' from='${over.from ?? domain}'${version}>`;
}

export const features = (...content: readonly string[]): string => `<stream:features>${content.join("")}</stream:features>`;
export const startTls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
export const proceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
export const mechanisms = (...names: readonly string[]): string =>
  `<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${names.map((name) => `<mechanism>${name}</mechanism>`).join("")}</mechanisms>`;
export const bindFeature = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
export const sasl = (name: string, text = ""): string => `<${name} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${Buffer.from(text).toString("base64")}</${name}>`;

/** SASL 2 as newer servers offer it, with what may be settled inline. */
export const inlineFeatures = (mechanismNames: readonly string[], inline: string, beside = ""): string =>
  features(`<authentication xmlns='urn:xmpp:sasl:2'>${mechanismNames.map((name) => `<mechanism>${name}</mechanism>`).join("")}<inline>${inline}</inline></authentication>`, beside);
export const inlineSm = "<sm xmlns='urn:xmpp:sm:3'/>";
export const inlineBind = (...vars: readonly string[]): string => `<bind xmlns='urn:xmpp:bind:0'><inline>${vars.map((name) => `<feature var='${name}'/>`).join("")}</inline></bind>`;
export const inlineFast = (...names: readonly string[]): string => `<fast xmlns='urn:xmpp:fast:0'>${names.map((name) => `<mechanism>${name}</mechanism>`).join("")}</fast>`;
export const sasl2 = (name: string, text: string): string => `<${name} xmlns='urn:xmpp:sasl:2'>${Buffer.from(text).toString("base64")}</${name}>`;
export const sasl2Failure = (condition: string): string => `<failure xmlns='urn:xmpp:sasl:2'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>`;
export const sasl2Success = (proof: string | undefined, inside: string, address = account): string =>
  `<success xmlns='urn:xmpp:sasl:2'>${proof === undefined ? "" : `<additional-data>${proof}</additional-data>`}<authorization-identifier>${address}</authorization-identifier>${inside}</success>`;

/** Reads `<authenticate/>` with SCRAM-SHA-1 and ends in `success` with the proof (or another one); returns what the client said. */
export async function scram2(connection: ScriptedConnection, success: (proof: string, said: string) => string, over: { readonly tail?: string; readonly bound?: Buffer } = {}): Promise<string> {
  const [said = ""] = await connection.expect(/<authenticate .*?<\/authenticate>/);
  const first = Buffer.from(/<initial-response>([^<]+)</.exec(said)?.[1] ?? "", "base64").toString("utf8");
  const [, gs2 = "", bare = ""] = /^((?:n|y|p=[^,]+),,)(.*)$/.exec(first) ?? [];
  const salt = Buffer.from("0123456789abcdef");
  const challenge = `${/r=.*$/.exec(bare)?.[0] ?? ""}${randomBytes(9).toString("hex")},s=${salt.toString("base64")},i=4096${over.tail ?? ""}`;
  await connection.send(sasl2("challenge", challenge));
  const response = await connection.expect(/<response [^>]*>([^<]+)<\/response>/);
  const last = Buffer.from(response[1] as string, "base64").toString("utf8");
  const withoutProof = last.slice(0, last.lastIndexOf(",p="));
  const salted = pbkdf2Sync(password, salt, 4096, 20, "sha1");
  const authMessage = `${bare},${challenge},${withoutProof}`;
  const binding = Buffer.concat([Buffer.from(gs2), over.bound ?? Buffer.alloc(0)]).toString("base64");
  const clientKey = createHmac("sha1", salted).update("Client Key").digest();
  const signature = createHmac("sha1", createHash("sha1").update(clientKey).digest()).update(authMessage).digest();
  const proof = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] as number))).toString("base64");
  if (!last.endsWith(`,p=${proof}`) || !last.startsWith(`c=${binding},`)) {
    await connection.send(sasl2Failure("not-authorized"));
    return said;
  }
  const serverSignature = createHmac("sha1", createHmac("sha1", salted).update("Server Key").digest()).update(authMessage).digest("base64");
  await connection.send(success(Buffer.from(`v=${serverSignature}`).toString("base64"), said));
  return said;
}

/** The proof of a token mechanism, by either side. */
export const tokenProof = (secret: string, role: "Initiator" | "Responder", binding: Buffer = Buffer.alloc(0)): Buffer =>
  createHmac("sha256", secret).update(Buffer.concat([Buffer.from(role), binding])).digest();

/** What a scenario may want to do differently in SCRAM-SHA-1. */
export interface ScramScript {
  readonly challenge?: (clientNonce: string) => string;
  /** Replaces the signature in the last message. */
  readonly final?: string;
}

/** Reads `<auth/>`, challenges, checks the proof, and sends the server's last message in `<success/>`. */
export async function scram(connection: ScriptedConnection, script: ScramScript = {}): Promise<void> {
  const auth = await connection.expect(/<auth [^>]*mechanism="SCRAM-SHA-1"[^>]*>([^<]+)<\/auth>/);
  const bare = Buffer.from(auth[1] as string, "base64").toString("utf8").slice(3);
  const clientNonce = /r=(.*)$/.exec(bare)?.[1] ?? "";
  const salt = Buffer.from("0123456789abcdef");
  const challenge = script.challenge?.(clientNonce) ?? `r=${clientNonce}${randomBytes(9).toString("hex")},s=${salt.toString("base64")},i=4096`;
  await connection.send(sasl("challenge", challenge));
  const response = await connection.expect(/<response [^>]*>([^<]+)<\/response>/);
  const last = Buffer.from(response[1] as string, "base64").toString("utf8");
  const withoutProof = last.slice(0, last.lastIndexOf(",p="));
  const salted = pbkdf2Sync(password, salt, 4096, 20, "sha1");
  const authMessage = `${bare},${challenge},${withoutProof}`;
  const clientKey = createHmac("sha1", salted).update("Client Key").digest();
  const signature = createHmac("sha1", createHash("sha1").update(clientKey).digest()).update(authMessage).digest();
  const proof = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] as number))).toString("base64");
  if (!last.endsWith(`,p=${proof}`)) {
    await connection.send("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>");
    return;
  }
  const serverSignature = createHmac("sha1", createHmac("sha1", salted).update("Server Key").digest()).update(authMessage).digest("base64");
  await connection.send(sasl("success", script.final ?? `v=${serverSignature}`));
}

/** From the client's first header to a bound stream, over a link that is protected already. */
export async function login(connection: ScriptedConnection, over: { readonly jid?: string; readonly bindFeatures?: string; readonly behindBind?: string; readonly onlyLogin?: boolean } = {}): Promise<void> {
  await openTcp(connection, features(mechanisms("SCRAM-SHA-1")));
  await scram(connection);
  await openTcp(connection, features(bindFeature, over.bindFeatures ?? ""));
  if (over.onlyLogin === true) return;
  const bind = await connection.expect(/<iq [^>]*id="([^"]+)"/);
  await connection.expect("</iq>");
  await connection.send(`<iq type='result' id='${bind[1] as string}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${over.jid ?? `${account}/one`}</jid></bind></iq>${over.behindBind ?? ""}`);
}

/** Waits for a header and answers with one and the features. */
export async function openTcp(connection: ScriptedConnection, announced: string): Promise<void> {
  await connection.expect(/<stream:stream [^>]*>/);
  await connection.send(header() + announced);
}

/** The same over WebSocket framing. */
export async function openWebSocket(connection: ScriptedConnection, announced: string): Promise<void> {
  await connection.expect(/<open [^>]*>/);
  await connection.send(`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='${domain}' version='1.0' id='1'/>`);
  await connection.send(announced.replace("<stream:features>", "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"));
}
