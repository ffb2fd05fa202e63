import { describe, expect, test } from "vitest";

import { bareJid } from "../../../src/base/jid.js";
import { systemRng } from "../../../src/base/rng.js";
import { witnessNamespace, Witness } from "../../../src/client/rollback/witness.js";
import { Ledger } from "../../../src/session/ledger.js";
import { parseDeviceId, type DeviceId } from "../../../src/session/ports.js";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../../src/storage/memory.js";
import { TransportError } from "../../../src/transport/errors.js";
import { ejabberdDialect, FakePepServer, prosodyDialect } from "../../support/fake-pep-server.js";

const account = bareJid("romeo@example.org");
const deviceId = parseDeviceId(77) as DeviceId;
const signal = new AbortController().signal;

async function opened(disk: MemoryDisk): Promise<Witness> {
  const store = memoryStore(disk);
  const ledger = new Ledger(store, await store.acquire());
  return new Witness({ account, ledger, rng: systemRng(), deviceId: () => deviceId });
}

const copyOf = (disk: MemoryDisk): MemoryDisk => ({ ...disk, rows: new Map(disk.rows) });

describe.each([["Prosody", prosodyDialect], ["ejabberd", ejabberdDialect]])("R21 the witness on %s", (_name, dialect) => {
  test("finds nothing wrong with a store that is opened again and again", async () => {
    const iq = new FakePepServer(account, dialect);
    const disk = memoryDisk();
    for (let run = 0; run < 3; run++) {
      const witness = await opened(disk);
      expect(await witness.ask({ iq, signal })).toBe("consistent");
      expect(await witness.ask({ iq, signal })).toBe("consistent"); // the next stream of the same run
    }
  });

  test("tells a copy from before the last opening", async () => {
    const iq = new FakePepServer(account, dialect);
    const disk = memoryDisk();
    await (await opened(disk)).ask({ iq, signal });
    const backup = copyOf(disk);
    expect(await (await opened(disk)).ask({ iq, signal })).toBe("consistent");
    expect(await (await opened(backup)).ask({ iq, signal })).toBe("rolled-back");
  });

  test("tells a store that has lost the witness' row altogether", async () => {
    const iq = new FakePepServer(account, dialect);
    await (await opened(memoryDisk())).ask({ iq, signal });
    expect(await (await opened(memoryDisk())).ask({ iq, signal })).toBe("rolled-back");
  });

  test("tells the original, at its next stream, that a clone of it has opened", async () => {
    const iq = new FakePepServer(account, dialect);
    const disk = memoryDisk();
    const original = await opened(disk);
    await original.ask({ iq, signal });
    expect(await (await opened(copyOf(disk))).ask({ iq, signal })).toBe("consistent");
    expect(await original.ask({ iq, signal })).toBe("rolled-back");
  });

  test("tells one of two clones that open at the same moment", async () => {
    const iq = new FakePepServer(account, dialect);
    const disk = memoryDisk();
    await (await opened(disk)).ask({ iq, signal });
    const clones = [await opened(disk), await opened(copyOf(disk))];
    const first = await Promise.all(clones.map((clone) => clone.ask({ iq, signal })));
    const second = await Promise.all(clones.map((clone) => clone.ask({ iq, signal })));
    const fooled = clones.filter((_, i) => first[i] !== "rolled-back" && second[i] !== "rolled-back");
    expect(fooled).toHaveLength(1);
  });

  test("takes no harm from a crash between its row and its item", async () => {
    const iq = new FakePepServer(account, dialect);
    const disk = memoryDisk();
    await (await opened(disk)).ask({ iq, signal });
    iq.before = (question) => { if (question.type === "set") throw new TransportError("ERR_STREAM_CLOSED", "cut", { retryable: true }); };
    await expect((await opened(disk)).ask({ iq, signal })).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED" });
    iq.before = () => undefined;
    expect(await (await opened(disk)).ask({ iq, signal })).toBe("consistent");
  });

  test("begins a new history after a rollback was dealt with", async () => {
    const iq = new FakePepServer(account, dialect);
    await (await opened(memoryDisk())).ask({ iq, signal });
    const disk = memoryDisk();
    const store = memoryStore(disk);
    let id = deviceId;
    const witness = new Witness({ account, ledger: new Ledger(store, await store.acquire()), rng: systemRng(), deviceId: () => id });
    expect(await witness.ask({ iq, signal })).toBe("rolled-back");
    id = parseDeviceId(78) as DeviceId;
    await witness.restart();
    expect(await witness.ask({ iq, signal })).toBe("consistent");
  });

  test("F08 is kept on a node that nobody else may read", async () => {
    const iq = new FakePepServer(account, dialect);
    await (await opened(memoryDisk())).ask({ iq, signal });
    expect(iq.node(witnessNamespace)?.config.get("access_model")).toBe("whitelist");
  });
});

test("R21 nothing is known when the server cannot be asked, and nothing can be when it has no such service", async () => {
  const iq = new FakePepServer(account, prosodyDialect);
  iq.before = () => { throw new TransportError("ERR_STANZA_ERROR", "later", { retryable: true, details: { condition: "remote-server-timeout", type: "wait" } }); };
  await expect((await opened(memoryDisk())).ask({ iq, signal })).rejects.toMatchObject({ retryable: true });
  iq.before = () => { throw new TransportError("ERR_STANZA_ERROR", "never", { details: { condition: "service-unavailable", type: "cancel" } }); };
  expect(await (await opened(memoryDisk())).ask({ iq, signal })).toBe("none");
});
