/** What one login leaves for the next, and for whom (Node only). */
import { expect, test } from "vitest";
import { systemRng } from "../../src/base/rng.js";
import { LoginMemory } from "../../src/client/login-memory.js";
import { createClient, memoryStore } from "../../src/index.js";
import { Ledger } from "../../src/session/ledger.js";
import { storeKey } from "../../src/session/ports.js";
import { memoryDisk } from "../../src/storage/memory.js";
import { hostileKit } from "../support/hostile-kit.js";
import { account, features, inlineBind, inlineFast, inlineFeatures, login, mechanisms, openTcp, sasl2Failure, sasl2Success, scram2, tokenProof } from "../support/xmpp-script.js";

const kit = hostileKit();

const memoryOn = async (disk: ReturnType<typeof memoryDisk>): Promise<LoginMemory> => {
  const store = memoryStore(disk);
  return LoginMemory.load(store, new Ledger(store, await store.acquire()));
};

test("N07 a login that succeeds raises the floor, a weaker one does not lower it, and it outlives the process", async () => {
  const disk = memoryDisk();
  const memory = await memoryOn(disk);
  expect(memory.floor).toBeUndefined();
  await memory.authenticated("SCRAM-SHA-256");
  await memory.authenticated("SCRAM-SHA-1");
  expect((await memoryOn(disk)).floor).toBe("SCRAM-SHA-256");
});

test("N07 the client notes the mechanism of its login, and a server that offers less afterwards gets no credential", async () => {
  const disk = memoryDisk();
  const honest = await kit.protectedServer(async (c) => { await login(c); await c.closed; });
  const options = (port: number): Parameters<typeof createClient>[0] => ({
    account, service: `xmpps://127.0.0.1:${String(port)}`, tls: { ca: kit.authority.ca }, store: memoryStore(disk), password: "pencil",
  });
  const first = await createClient(options(honest.port));
  await expect.poll(() => new TextDecoder().decode(disk.rows.get(storeKey("client/login")))).toContain('"floor":"SCRAM-SHA-1"');
  await first.close();
  await (await memoryOn(disk)).authenticated("SCRAM-SHA-512");
  const said: string[] = [];
  const lesser = await kit.protectedServer(async (c) => { await openTcp(c, features(mechanisms("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"))); await c.closed; said.push(c.received); });
  const second = await createClient(options(lesser.port));
  await expect.poll(() => second.status.getSnapshot()).toMatchObject({ kind: "stopped", error: { code: "ERR_AUTH_MECHANISM" } });
  await second.close();
  await expect.poll(() => said.length).toBe(1);
  expect(said[0]).not.toContain("<auth");
});

test("N20 a token is kept with the floor, and dropped alone", async () => {
  const disk = memoryDisk();
  const memory = await memoryOn(disk);
  const token = { mechanism: "HT-SHA-256-NONE", secret: "hunter2", clientId: String(systemRng()(4)), expiresAt: 5 };
  await memory.authenticated("SCRAM-SHA-1");
  await memory.save(token);
  expect(await (await memoryOn(disk)).load()).toEqual(token);
  const again = await memoryOn(disk);
  await again.drop();
  expect(await (await memoryOn(disk)).load()).toBeUndefined();
  expect((await memoryOn(disk)).floor).toBe("SCRAM-SHA-1");
});

test("N20 a client logs in with the token that its last login has left, without the password; one that is refused leaves the store", async () => {
  const disk = memoryDisk();
  const offer = inlineFeatures(["SCRAM-SHA-1"], inlineBind() + inlineFast("HT-SHA-256-NONE"));
  const bound = "<bound xmlns='urn:xmpp:bind:0'/>";
  const stored = (): string => new TextDecoder().decode(disk.rows.get(storeKey("client/login")));
  const visit = async (answer: "issue" | "accept" | "refuse", until: () => boolean): Promise<number> => {
    let asked = 0;
    const server = await kit.protectedServer(async (c) => {
      await openTcp(c, offer);
      if (answer === "issue") {
        await scram2(c, (proof) => sasl2Success(proof, `${bound}<token xmlns='urn:xmpp:fast:0' token='hunter2'/>`, `${account}/x`) + features());
      } else {
        const [, said = ""] = await c.expect(/<authenticate [^>]*mechanism="HT-SHA-256-NONE".*?<initial-response>([^<]+)<.*?<\/authenticate>/);
        expect(Buffer.from(said, "base64").subarray(6)).toEqual(tokenProof("hunter2", "Initiator"));
        if (answer === "refuse") {
          await c.send(sasl2Failure("not-authorized"));
          await scram2(c, (proof) => sasl2Success(proof, bound, `${account}/x`) + features());
        } else await c.send(sasl2Success(tokenProof("hunter2", "Responder").toString("base64"), bound, `${account}/x`) + features());
      }
      await c.expect("<iq ");
      reached = true;
      await c.closed;
    });
    let reached = false;
    const client = await createClient({
      account, service: `xmpps://127.0.0.1:${String(server.port)}`, tls: { ca: kit.authority.ca }, store: memoryStore(disk), password: () => { asked++; return "pencil"; },
    });
    await expect.poll(() => reached && until()).toBe(true);
    await client.close();
    expect(server.failures).toEqual([]);
    return asked;
  };
  expect(await visit("issue", () => stored().includes("hunter2"))).toBe(1);
  expect(await visit("accept", () => stored().includes("hunter2"))).toBe(0);
  expect(await visit("refuse", () => !stored().includes("hunter2"))).toBe(1);
});

test("N14 a client for another account does not take the store away from the one that runs on it", async () => {
  const disk = memoryDisk();
  const options = { service: "xmpps://127.0.0.1:9", password: "pencil", autoConnect: false } as const;
  const owner = await createClient({ ...options, account, store: memoryStore(disk) });
  await expect(createClient({ ...options, account: "mercutio@verona.example", store: memoryStore(disk) })).rejects.toMatchObject({ code: "ERR_STORE_FOREIGN_ACCOUNT" });
  const handle = owner.conversation("juliet@verona.example").send({ text: "still mine" });
  expect((await handle.reached("stored")).state).toBe("stored");
  await owner.close();
});

test("H07 a logger and a listener that both throw stop nothing", async () => {
  const client = await createClient({
    account, service: "xmpps://127.0.0.1:9", password: "pencil", store: memoryStore(), autoConnect: false,
    logger: () => { throw new RangeError("hunter2"); },
  });
  client.onEvent(() => { throw new RangeError("hunter2"); });
  const handle = client.conversation("juliet@verona.example").send({ text: "all the same" });
  await handle.reached("stored");
  await handle.cancel(); // an event: a message that failed
  await client.close();
  expect(client.status.getSnapshot().kind).toBe("closed");
});
