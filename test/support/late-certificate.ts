/** A certificate whose time has not come yet, from an authority of its own; made by the `openssl` program (Node only). */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import type { TestCertificate } from "../../src/testing/node/certificates.js";

const run = promisify(execFile);

const configuration = (names: readonly string[]): string => `
[req]
distinguished_name=subject
prompt=no
[subject]
[authority]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign
[leaf]
basicConstraints=CA:FALSE
subjectAltName=${names.join(",")}
[ca]
default_ca=late
[late]
database=index.txt
new_certs_dir=.
serial=serial
certificate=ca.crt
private_key=ca.key
default_md=sha256
policy=any
[any]
commonName=supplied
`;

/** Valid from 2090 on, for `names` such as `DNS:example.org`; `ca` is the authority that signed it, whose own certificate is in order. */
export async function lateCertificate(names: readonly string[]): Promise<TestCertificate & { readonly ca: string }> {
  const directory = await mkdtemp(path.join(tmpdir(), "sotto-late-"));
  const openssl = (...args: readonly string[]): Promise<unknown> => run("openssl", [...args], { cwd: directory });
  const read = (name: string): Promise<string> => readFile(path.join(directory, name), "utf8");
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"] as const;
  try {
    await writeFile(path.join(directory, "late.cnf"), configuration(names));
    await writeFile(path.join(directory, "index.txt"), "");
    await writeFile(path.join(directory, "serial"), "1000\n");
    await openssl("req", "-x509", "-config", "late.cnf", "-extensions", "authority", ...newKey, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=Late authority", "-days", "2");
    await openssl("req", "-config", "late.cnf", ...newKey, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=leaf");
    await openssl(
      "ca", "-batch", "-config", "late.cnf", "-extensions", "leaf", "-in", "leaf.csr", "-out", "leaf.crt", "-notext",
      "-startdate", "20900101000000Z", "-enddate", "20910101000000Z",
    );
    return { ca: await read("ca.crt"), cert: await read("leaf.crt"), key: await read("leaf.key") };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
