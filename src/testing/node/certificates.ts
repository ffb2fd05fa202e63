/**
 * A throw-away certificate authority for tests, made by the `openssl` program in a directory of its own that is removed at the end.
 * Test material only: the keys are on disk while it lives, and nothing here is good enough for anything else.
 * @module
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A certificate with its private key, PEM. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate is to say. */
export interface TestCertificateOptions {
  /** Subject alternative names, such as `DNS:example.org` or `IP:127.0.0.1`. */
  readonly names: readonly string[];
  /** True for one that ran out long ago. */
  readonly expired?: boolean;
  /** True for one whose time comes in 2090. */
  readonly notYetValid?: boolean;
  /** True for one that no authority signed. */
  readonly selfSigned?: boolean;
}

/** An authority that issues certificates until it is closed. */
export interface TestAuthority {
  /** The authority's own certificate, PEM: what clients are told to trust. */
  readonly ca: string;
  /** A new key and its certificate. */
  issue(options: TestCertificateOptions): Promise<TestCertificate>;
  /** Removes everything from disk. */
  close(): Promise<void>;
}

/** Makes an authority. Rejects if there is no `openssl` program (Debian: package openssl). */
export async function createTestAuthority(): Promise<TestAuthority> {
  const directory = await mkdtemp(join(tmpdir(), "sotto-ca-"));
  const path = (name: string): string => join(directory, name);
  const openssl = (...args: readonly string[]): Promise<unknown> => run("openssl", [...args], { cwd: directory });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"] as const;
  // Since OpenSSL's own configuration differs between systems, everything is said here.
  await writeFile(path("ca.cnf"), authorityConfiguration);
  await writeFile(path("index.txt"), "");
  await writeFile(path("serial"), "1000\n");
  await openssl("req", "-x509", "-config", "ca.cnf", "-extensions", "authority", ...newKey, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=Test authority", "-days", "2");
  let issued = 0;
  return {
    ca: await readFile(path("ca.crt"), "utf8"),
    async issue(options) {
      issued++;
      const name = `leaf${String(issued)}`;
      await writeFile(path(`${name}.cnf`), `${authorityConfiguration}\n[leaf]\nbasicConstraints=CA:FALSE\nsubjectAltName=${options.names.join(",")}\n`);
      const subject = ["-subj", `/CN=leaf ${String(issued)}`, "-keyout", `${name}.key`];
      if (options.selfSigned === true) {
        await openssl("req", "-x509", "-config", `${name}.cnf`, "-extensions", "leaf", ...newKey, ...subject, "-out", `${name}.crt`, "-days", "2");
      } else {
        await openssl("req", "-config", `${name}.cnf`, ...newKey, ...subject, "-out", `${name}.csr`);
        await openssl("ca", "-batch", "-config", `${name}.cnf`, "-extensions", "leaf", "-in", `${name}.csr`, "-out", `${name}.crt`, "-notext", ...lifetime(options));
      }
      return { cert: await readFile(path(`${name}.crt`), "utf8"), key: await readFile(path(`${name}.key`), "utf8") };
    },
    close: () => rm(directory, { recursive: true, force: true }),
  };
}

function lifetime({ expired = false, notYetValid = false }: TestCertificateOptions): readonly string[] {
  if (expired) return ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"];
  return notYetValid ? ["-startdate", "20900101000000Z", "-enddate", "20910101000000Z"] : ["-days", "2"];
}

const authorityConfiguration = `
[req]
distinguished_name=subject
prompt=no
[subject]
[authority]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign
[ca]
default_ca=throwaway
[throwaway]
database=index.txt
new_certs_dir=.
serial=serial
certificate=ca.crt
private_key=ca.key
default_md=sha256
policy=any
unique_subject=no
copy_extensions=none
[any]
commonName=supplied
`;
