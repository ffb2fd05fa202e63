/** Both private servers take programs of their own (XEP-0114). */
import { expect, test } from "vitest";
import { startEjabberd } from "../../scripts/lib/ejabberd.mjs";
import { startProsody } from "../../scripts/lib/prosody.mjs";
import { Component } from "../support/component.js";

test.each([{ make: "prosody", start: startProsody }, { make: "ejabberd", start: startEjabberd }])("domains for programs of their own on $make: each is let in with its secret on one port, after a restart too, and nobody with another", async ({ start }) => {
  const [one, two] = [{ domain: "one.verona.example", secret: "first" }, { domain: "two.verona.example", secret: "second \"'\\ secret" }];
  const server = await start({ components: [one, two] });
  try {
    const port = server.ports.component ?? 0;
    for (let round = 0; round < 2; round++) {
      const connected = await Promise.all([one, two].map((each) => Component.connect({ port, ...each, script: {} })));
      await expect(Component.connect({ port, domain: one.domain, secret: two.secret, script: {} })).rejects.toBeInstanceOf(Error);
      await Promise.all(connected.map((component) => component.close()));
      if (round === 0) await server.restart();
    }
  } finally {
    await server.stop();
  }
});
