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
export async function login(connection: ScriptedConnection, over: { readonly jid?: string; readonly bindFeatures?: string; readonly behindBind?: string } = {}): Promise<void> {
  await openTcp(connection, features(mechanisms("SCRAM-SHA-1")));
  await scram(connection);
  await openTcp(connection, features(bindFeature, over.bindFeatures ?? ""));
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
