/** What an application does first, without a server, in whatever realm: two devices talk, a client works offline, mistakes are told. @module */
import { createClient, memoryStore } from "sotto";
import { identityKey } from "sotto/crypto";
import { defaultProvider } from "#provider";
import { juliet, romeo, textOfOutcome, withData, World } from "../support/omemo-world.js";

/** One message each way between two devices with memory stores: identities, bundles, X3DH, ratchet, envelope; and a forged one. */
export async function exchange(): Promise<{ readonly read: readonly string[]; readonly provider: string }> {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const first = textOfOutcome(await b.open(romeo, await a.send(juliet, "Art thou there?")));
  const answer = await b.send(romeo, "Ay me.");
  const forged = textOfOutcome(await a.open(juliet, withData(answer, a.address, new Uint8Array(80).fill(10))));
  const second = textOfOutcome(await a.open(juliet, answer));
  return { read: [first, forged, second], provider: defaultProvider.name };
}

async function refusal(call: () => unknown): Promise<string> {
  try {
    await call();
    return "accepted";
  } catch (error) {
    return error instanceof Error && "code" in error ? `${error.name} ${String(error.code)}` : String(error);
  }
}

/** What a client's timeline shows that was never online, and what mistakes give. */
export async function offline(): Promise<{ readonly shown: readonly string[]; readonly refusals: readonly string[] }> {
  const client = await createClient({
    account: "romeo@example.org", password: "wherefore", service: "wss://example.org/ws", store: memoryStore(), autoConnect: false,
  });
  const conversation = client.conversation("juliet@example.org");
  await conversation.send({ text: "Good night" }).reached("stored");
  const timeline = conversation.timeline();
  const shown = await new Promise<readonly string[]>((resolve) => {
    const look = (): void => {
      const { messages } = timeline.getSnapshot();
      if (messages.length > 0) resolve(messages.map(({ text }) => text));
    };
    timeline.subscribe(look);
    look();
  });
  await client.close();
  return {
    shown,
    refusals: [
      await refusal(() => createClient({ account: "nobody", password: "x", service: "wss://example.org/ws", store: memoryStore() })),
      await refusal(() => identityKey(new Uint8Array(32))),
    ],
  };
}
