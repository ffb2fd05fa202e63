/** What a tab's inbox remembers of its handlers, across leaders: bounded (threats H06, Q22). */
import { expect, test } from "vitest";
import { Emitter } from "../../../src/base/events.js";
import type { AnySottoError } from "../../../src/client/errors.js";
import { Calls } from "../../../src/tabs/calls.js";
import { RemoteInbox } from "../../../src/tabs/facade-inbox.js";
import { type FacadeFrame, type HostFrame, protocolVersion } from "../../../src/tabs/frames.js";
import { Sends } from "../../../src/tabs/sends.js";

const settle = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 0); });

test.each([[1_000, 0], [1_001, 1]])("Q22 H06 of %i handlers that run when the leader goes %i are forgotten, the oldest: their messages are handled anew", async (running, forgotten) => {
  const [frames, epochs, ends] = [new Emitter<HostFrame>(), new Emitter<number>(), new Emitter<AnySottoError>()];
  const sent: FacadeFrame[] = [];
  const calls = new Calls({
    link: {
      id: "tab", send: (frame) => { sent.push(frame); }, waiting: () => undefined, close: () => Promise.resolve(),
      onFrame: (listener) => frames.subscribe(listener), onEpoch: (listener) => epochs.subscribe(listener), onEnd: (listener) => ends.subscribe(listener),
    },
    greeting: () => ({}), onState: () => undefined, listenerFailed: () => undefined, clock: undefined,
  });
  const lead = (): void => {
    epochs.emit(1);
    frames.emit({ kind: "hello", protocol: protocolVersion });
  };
  lead();
  const opening = RemoteInbox.open(calls, new Sends(calls));
  await settle();
  const last = <K extends FacadeFrame["kind"]>(kind: K): FacadeFrame & { readonly kind: K } => sent.filter((frame): frame is FacadeFrame & { readonly kind: K } => frame.kind === kind).at(-1)!;
  frames.emit({ kind: "result", id: last("call").id, value: { value: undefined } });
  const handled: number[] = [];
  void (await opening).process(({ message }) => {
    handled.push(message.position);
    return new Promise<undefined>(() => undefined);
  });
  const handOut = async (): Promise<readonly number[]> => {
    for (let position = 1; position <= running; position++) {
      frames.emit({ kind: "delivery", process: last("process").id, attempt: 1, message: { position, conversation: `p${String(position)}@x.example`, receivedAt: 1 } as never });
    }
    await settle();
    return handled.splice(0);
  };
  expect(await handOut()).toHaveLength(running);
  lead();
  // What is handed out first takes the place of the next one, should it have been forgotten.
  frames.emit({ kind: "delivery", process: last("process").id, attempt: 1, message: { position: 1, conversation: "p1@x.example", receivedAt: 1 } as never });
  await settle();
  expect(handled).toEqual(forgotten === 0 ? [] : [1]);
});
