/** A certificate authority and one server certificate for a run, made with the openssl program. @module */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/**
 * Writes `ca.crt`, `server.crt` and `server.key` into `dir`. The certificate names `domain`, everything below it, localhost
 * and both loopback addresses: STARTTLS is checked against the domain, wss:// against the host of the URL. A directory that
 * has them keeps them.
 * @param {string} dir @param {string} domain
 * @returns {Promise<{ caPem: string, caPath: string }>}
 */
export async function createCertificates(dir, domain) {
  const file = (/** @type {string} */ name) => path.join(dir, name);
  if (existsSync(file("server.crt"))) return { caPem: await readFile(file("ca.crt"), "utf8"), caPath: file("ca.crt") };
  await writeFile(file("server.ext"), [
    "basicConstraints = critical, CA:FALSE",
    "keyUsage = critical, digitalSignature",
    "extendedKeyUsage = serverAuth",
    `subjectAltName = DNS:${domain}, DNS:*.${domain}, DNS:localhost, IP:127.0.0.1, IP:::1`,
    "",
  ].join("\n"));
  await run("openssl", ["req", "-x509", ...newKey, "-keyout", file("ca.key"), "-out", file("ca.crt"), "-days", "2",
    "-subj", "/CN=Sotto throw-away authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]);
  await run("openssl", ["req", ...newKey, "-keyout", file("server.key"), "-out", file("server.csr"), "-subj", `/CN=${domain}`]);
  await run("openssl", ["x509", "-req", "-in", file("server.csr"), "-CA", file("ca.crt"), "-CAkey", file("ca.key"), "-CAcreateserial",
    "-days", "2", "-extfile", file("server.ext"), "-out", file("server.crt")]);
  return { caPem: await readFile(file("ca.crt"), "utf8"), caPath: file("ca.crt") };
}
