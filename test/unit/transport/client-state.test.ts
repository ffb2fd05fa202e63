/** No answer is held back for a client that nobody looks at: threats Q01, Q02, N19. On a real server: test/transport/client-state-prosody.node.test.ts. */
import { expect, test } from "vitest";
import { xml } from "../../../src/base/xml.js";
import { setClientActive } from "../../../src/transport/features/csi.js";
import { begin, featuresWith, managed, ManualClock, MemoryChannel, message, settle } from "../../support/memory-channel.js";

test("N19 the server is asked once more behind each word of another protocol, also while a question is open", async () => {
  const { channel, stream } = await managed(new ManualClock());
  stream.sendTracked(message("1"));
  await settle();
  await stream.send(xml("urn:xmpp:csi:0", "inactive"));
  expect(channel.said()).toEqual(["message 1", "r", "inactive", "r"]);
});

test("without stream management nothing is asked for it: a question would cost a stanza", async () => {
  const channel = new MemoryChannel(featuresWith("bind", "csi"));
  const starting = begin(channel, new ManualClock());
  await settle();
  channel.receive(channel.bound());
  await setClientActive(await starting, false);
  expect(channel.said(1)).toEqual(["inactive"]);
});
