/**
 * What a client needs as soon as it connects, and no earlier: streams, the way in, catching up. Loaded as one piece before the first
 * connection, so that everything is there when a stream is: its listeners subscribe in its first turn.
 * Spec: docs/decisions/0010-bundle-size.md. Not here: what works without a connection (core.ts).
 * @module
 */
import type { Clock } from "../base/clock.js";
import { randomId } from "../base/rng.js";
import type { Ledger } from "../session/ledger.js";
import { Omemo } from "../session/omemo.js";
import type { OmemoDevice } from "../session/omemo-device.js";
import type { FollowUp } from "../session/outcome.js";
import { decodeDevice } from "../session/records/device-record.js";
import { decodeDeviceList, decodeOwner, decodeTrust, encodeOwner, encodeTrust } from "../session/records/directory-records.js";
import type { Transaction } from "../session/transaction.js";
import { TransportError } from "../transport/errors.js";
import { sceEnvelopeCodec } from "../transport/xep/xep0420.js";
import { ActiveState } from "./active-state.js";
import { isDamaged, unlessDamaged } from "./damaged.js";
import { loaded } from "./errors.js";
import type { ClientEvent } from "./events.js";
import { FollowUps } from "./follow-ups.js";
import type { Connection, Connector, RunStream } from "./link.js";
import { History } from "./log/history.js";
import type { MessageLog } from "./log/message-log.js";
import { LoginMemory } from "./login-memory.js";
import { OnlineDirectory } from "./online-directory.js";
import type { People } from "./people.js";
import type { CheckedOptions } from "./options.js";
import { Flow } from "./outbox/flow.js";
import { pruneOwnIds } from "./outbox/own-ids.js";
import type { Sender } from "./outbox/sender.js";
import type { Slots } from "./outbox/slots.js";
import type { ArchiveCursor } from "./receive/archive-cursor.js";
import { CatchUp } from "./receive/catch-up.js";
import type { ReadState } from "./receive/read-state.js";
import type { Notify } from "./receive/receipts.js";
import { Receiver } from "./receive/receiver.js";
import { Rollback } from "./rollback/rollback.js";
import { StoreHistory } from "./rollback/store-history.js";
import { Witness } from "./rollback/witness.js";
import { openingFailure, runStream, type StreamHandlers } from "./stream-run.js";
import { StreamSetup } from "./stream-setup.js";
import { StreamState } from "./stream-state.js";

export { resetSession } from "../session/reset-session.js";

/** Ids that this device sealed longer ago than this are forgotten once the archive is caught up, in milliseconds. */
const ownIdsAgeMs = 7 * 24 * 60 * 60 * 1000;
/** Milliseconds for taking back what others see of us before a stream is closed; the server does the rest. */
const farewellMs = 5_000;

/** What earlier streams and runs have left for the next stream. */
export interface Memories {
  readonly state: StreamState;
  readonly logins: LoginMemory;
  readonly storeHistory: StoreHistory;
}

/** @throws StorageError of the store as a whole; TransportError `ERR_CONNECT_FAILED` if it may be read the next time */
export async function loadMemories({ options: { store, rng }, ledger, onError }: Pick<Offline, "options" | "ledger" | "onError">): Promise<Memories> {
  try {
    return {
      state: await StreamState.load(store, rng, onError), logins: await LoginMemory.load(store, ledger, onError),
      storeHistory: await StoreHistory.load(store, ledger, onError),
    };
  } catch (error) {
    throw openingFailure(error);
  }
}

/** Everything that is there without a connection. */
export interface Offline extends People {
  readonly options: CheckedOptions;
  readonly ledger: Ledger;
  readonly omemo: OmemoDevice;
  readonly log: MessageLog;
  readonly sender: Sender;
  readonly readState: ReadState;
  readonly cursor: ArchiveCursor;
  readonly emit: (event: ClientEvent) => void;
  readonly onError: (error: unknown) => void;
  readonly notify: Notify;
  /** Whether somebody looks at this client. */
  readonly isActive: () => boolean;
  readonly connector: Connector | undefined;
}

/** The half of a client that needs a network; lives as long as the client once it was loaded. */
export interface Online {
  readonly run: RunStream;
  /** The messages of the device. */
  readonly omemo: Omemo;
  /** History that goes on in the archive. */
  readonly history: History;
  /** The stream, while it is set up. */
  readonly connection: () => Connection | undefined;
  /** Does something that a message or the user calls for, once there is a stream. */
  readonly followUp: (followUp: FollowUp) => void;
  /** Tells the server whether somebody looks at this client (XEP-0352). */
  readonly tellActive: () => void;
  /** Resolves when what came in has been dealt with. */
  readonly settled: () => Promise<void>;
}

/** Wires it. Reads and sends nothing yet. */
export function openOnline(d: Offline & Memories): Online {
  const { options: { account, clock, rng }, ledger, log, sender, readState, state, emit, onError, gate, notify } = d;
  const directory = new OnlineDirectory();
  const omemo = Omemo.over(d.omemo, { directory, codec: sceEnvelopeCodec, isContact: (jid) => gate.seesPresence(jid) });
  const mend = async (tx: Transaction): Promise<number> => {
    const { mendRows } = await loaded(import("./mending/mending.js"));
    return mendRows(tx, { context: d.omemo.context, decodeDevice, decodeDeviceList, decodeTrust, encodeTrust, decodeOwner, encodeOwner, unlessDamaged });
  };
  let slots: Pick<Slots, "all"> | undefined;
  sender.equip((deps) => {
    slots = deps.slots;
    return new Flow({ ...deps, omemo, mend });
  });
  const followUps = new FollowUps({ ledger, omemo, gate, clock, rng, newId: () => randomId(rng), onError, noteOwn: (tx, id) => { sender.noteOwn(tx, id); } });
  const followUp = (each: FollowUp): void => { followUps.add(each); };
  const receiver = new Receiver({
    account, ledger, omemo, log, clock, emit, gate, notify, sent: sender, followUp, mend,
    noteInbound: (tx, delivery, connection) => { state.noteInbound(tx, delivery.number, connection.epoch); },
  });
  const setup = wireSetup(d, omemo, directory, receiver, () => slots);
  let present: Connection | undefined;
  const active = new ActiveState(d.isActive);
  const handlers: StreamHandlers = {
    beforeResume: () => sender.beforeResume(),
    onStream: (connection) => {
      active.begin(connection);
      setup.attach(connection);
      d.parts.attach(connection);
      sender.begin(connection);
    },
    prepare: async (connection) => {
      try {
        await setup.prepare(connection);
      } catch (error) {
        // The next stream does not run into it, unless it is something else (threats D13).
        if (!isDamaged(error) || (await ledger.run(mend)) === 0) throw error;
        onError(error);
        throw new TransportError("ERR_STREAM_CLOSED", "something that could not be read was written anew", { retryable: true, cause: error });
      }
    },
    onOnline: (connection) => {
      present = connection;
      sender.attach(connection);
      followUps.attach(connection);
      active.catchUp(connection);
      setup.complete(connection).catch((error: unknown) => { if (!connection.signal.aborted) onError(error); });
    },
    farewell: (connection) => within(clock, farewellMs, d.presence.farewell(connection)),
    onGone: () => {
      present = undefined;
      for (const part of [sender, followUps, directory, readState, d.parts]) part.detach();
    },
    mayBlame: (error) => sender.mayBlame(error),
    onError,
  };
  const connection = (): Connection | undefined => present;
  return {
    connection, omemo, followUp,
    tellActive: () => { if (present !== undefined) active.tell(present); },
    run: (attempt) => runStream({ options: d.options, ledger, state, logins: d.logins, handlers, connector: d.connector }, attempt),
    history: new History({ ledger, log, receiver, cursor: d.cursor, connection }),
    settled: async () => { for (const part of [receiver, followUps]) await part.settled(); },
  };
}

/** What happens on a fresh stream before it is online. */
function wireSetup(d: Offline & Memories, omemo: Omemo, directory: OnlineDirectory, receiver: Receiver, waiting: () => Pick<Slots, "all"> | undefined): StreamSetup {
  const { options, ledger, sender, readState, storeHistory, emit, onError, cursor } = d;
  const { account, clock, rng, onRollback } = options;
  const witness = new Witness({ account, ledger, rng, deviceId: () => omemo.self.address.deviceId });
  const rollback = new Rollback({ ledger, omemo, witness, history: storeHistory, emit, suspectOutbox: () => sender.suspect(), onRollback });
  const catchUp = new CatchUp({ ledger, omemo, receiver, cursor, clock, emit, onRollback: () => rollback.detected() });
  return new StreamSetup({
    account, clock, ledger, omemo, directory, witness, rollback, readState, onError,
    roster: d.roster, presence: d.presence, capabilities: d.capabilities, gate: d.gate, mayAsk: d.mayAsk, hasPolicy: d.hasPolicy,
    receive: (stanza, delivery, connection) => { receiver.accept(stanza, delivery, connection); },
    catchUp: async (connection) => {
      const read = await catchUp.run(connection);
      // Prosody stumbles over such a message in its offline storage when it is shown presence first, and is not done with it then: it gives us nothing.
      if (cursor.place?.unreadable !== undefined) await d.presence.renew().catch(onError);
      const slots = waiting();
      if (read && slots !== undefined) await pruneOwnIds(ledger, clock.now() - ownIdsAgeMs, () => slots.all()); // it has passed them
    },
    onUnconfirmedNode: ({ content }) => { emit({ kind: "not-readable-by-others", content }); },
  });
}

/** Resolves with `work`, or without it when the time is up. */
function within(clock: Clock, timeMs: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.schedule(timeMs, resolve);
    void work.catch(() => undefined).then(() => { // the stream is closed in any case
      cancel();
      resolve();
    });
  });
}
