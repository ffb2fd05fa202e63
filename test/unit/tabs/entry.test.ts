import { afterEach, describe, expect, test, vi } from "vitest";
import { indexedDbStore } from "../../../src/storage/indexeddb.js";
import { createSharedClient, type SharedClientOptions } from "../../../src/tabs/shared-client.js";
import { serveWorker } from "../../../src/tabs/serve-worker.js";
import { createWorkerClient, type WorkerClientOptions } from "../../../src/tabs/worker-client.js";

afterEach(() => { vi.unstubAllGlobals(); });

const common = { account: "romeo@example.org", password: "secret", service: "wss://example.org/ws" };
const shared: SharedClientOptions = { ...common, store: () => indexedDbStore("never opened") };
const worker = { postMessage: () => undefined, addEventListener: () => undefined, removeEventListener: () => undefined };

describe("wrong options are told where the call is", () => {
  test.each<readonly [string, unknown, string]>([
    ["no options", undefined, "ERR_INVALID_ARGUMENT"],
    ["a store instead of a function", { ...common, store: indexedDbStore("never opened") }, "ERR_INVALID_ARGUMENT"],
    ["a name with a blank", { ...shared, name: "two words" }, "ERR_INVALID_ARGUMENT"],
    ["an empty name", { ...shared, name: "" }, "ERR_INVALID_ARGUMENT"],
    ["a full address", { ...shared, account: "romeo@example.org/orchard" }, "ERR_INVALID_JID"],
    ["an empty password", { ...shared, password: "" }, "ERR_INVALID_ARGUMENT"],
  ])("createSharedClient: %s", async (_what, options, code) => {
    await expect(createSharedClient(options as SharedClientOptions)).rejects.toMatchObject({ name: "UsageError", code });
  });

  test.each<readonly [string, unknown, string]>([
    ["no options", undefined, "ERR_INVALID_ARGUMENT"],
    ["no worker", common, "ERR_INVALID_ARGUMENT"],
    ["a name with a blank", { ...common, worker, name: "two words" }, "ERR_INVALID_ARGUMENT"],
    ["a service that is none", { ...common, worker, service: "example.org" }, "ERR_INVALID_ARGUMENT"],
  ])("createWorkerClient: %s", async (_what, options, code) => {
    await expect(createWorkerClient(options as WorkerClientOptions)).rejects.toMatchObject({ name: "UsageError", code });
  });

  test("serveWorker without a store", () => {
    expect(() => { serveWorker({} as Parameters<typeof serveWorker>[0]); }).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }) as Error);
  });
});

test("a platform without channels between tabs is a typed error", async () => {
  vi.stubGlobal("BroadcastChannel", undefined);
  await expect(createSharedClient(shared)).rejects.toMatchObject({ name: "ClientError", code: "ERR_NOT_SUPPORTED" });
  await expect(createWorkerClient({ ...common, worker })).rejects.toMatchObject({ name: "ClientError", code: "ERR_NOT_SUPPORTED" });
});
