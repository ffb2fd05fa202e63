/** The bots of the web demo. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const lib = (name: string): string => JSON.stringify(fileURLToPath(new URL(`../../scripts/lib/${name}`, import.meta.url)));

test("bots that cannot all start keep nothing alive: the demo says why, and ends", () => {
  const program = `
    import { startProsody } from ${lib("prosody.mjs")};
    import { startBots } from ${lib("web-bots.mjs")};
    const server = await startProsody({ accounts: [["juliet", "a rose"]] }); // and no Mercutio
    await startBots({ server, password: "a rose", visitor: "romeo@verona.example" }).catch(({ code }) => { console.log(code); });
    await server.stop();
  `;
  const run = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8", timeout: 60_000 });
  expect(run).toMatchObject({ signal: null, status: 0, stdout: "ERR_AUTH_REJECTED\n" });
}, 90_000);
