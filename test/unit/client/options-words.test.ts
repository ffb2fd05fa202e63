/** Options and counts that TypeScript would have refused, as programs without it hand them in. */
import { expect, test } from "vitest";
import { createClient } from "../../../src/client/create-client.js";
import type { ClientOptions } from "../../../src/client/options.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { service } from "../../support/inbox-service.js";

const options = (more: Readonly<Record<string, unknown>>): ClientOptions => ({
  account: "romeo@example.org", password: "secret", service: "wss://example.org/ws", store: memoryStore(), autoConnect: false, ...more,
});

test.each([
  { mechanismFloor: "scram" }, { mechanismFloor: "SCRAM-SHA-1-PLUS" }, { mechanismFloor: "" }, { resumeSeconds: 1.5 }, { resumeSeconds: 0 }, { resumeSeconds: -1 },
  { resumeSeconds: Number.NaN }, { resumeSeconds: "60" },
])("an option that cannot have that value is named at once, and not by a server: %j", async (wrong) => {
  await expect(createClient(options(wrong))).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT", message: `${Object.keys(wrong).join("")} cannot have that value` });
});

test.each([
  { attemptsMax: 0 }, { attemptsMax: Number.NaN }, { attemptsMax: 1.5 }, { attemptsMax: "2" }, { concurrency: 0 }, { concurrency: Number.NaN }, { concurrency: Infinity },
])("an inbox that would handle nothing, or put everything aside, is refused: %j", async (wrong) => {
  const { inbox } = await service();
  const handling = inbox.process(() => Promise.resolve(), { ...wrong as object, signal: AbortSignal.abort() });
  await expect(handling).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
});
