/**
 * The door to the presence policy: its code is loaded when somebody sets a policy, or when the store holds one.
 * Not here: the policy itself (presence-policy/), what of it is stored (presence-policy/policy-row.ts).
 * @module
 */
import { InternalError } from "../../base/errors.js";
import { Emitter, type Observable } from "../../base/events.js";
import type { Override } from "../presence-policy/policy-row.js";
import type { PolicyRules } from "../presence-policy/rules.js";
import type { CurrentPolicy, Effective, PolicyOptions, PolicyResult, PolicyState } from "../presence-policy/types.js";

/** What a loaded policy does. */
export interface PolicyControl {
  readonly state: Observable<PolicyState>;
  readonly current: Observable<CurrentPolicy | undefined>;
  set(rules: PolicyRules | undefined, options?: PolicyOptions): Promise<PolicyResult>;
  override(override: Override | undefined): Promise<PolicyResult>;
  setContext(context: PolicyContext): void;
  effective(jid: string): Effective | undefined;
  /** The lists that the application puts in force itself: from now on they and the policy hear of each other. */
  useLists(lists: ApplicationLists): void;
  /** The application has changed the account's lists. Some servers tell nobody about the default list. */
  listsChanged(): void;
  /** The client is closed. */
  end(): void;
}

/** The privacy lists of the account in the hands of the application, as presence has to do with them. */
export interface ApplicationLists {
  /** The list that is to be in force while there is no policy. */
  readonly wanted: string | undefined;
  /** Whether it is in force on the stream that has begun, or need not be. @throws what requests throw while that is not known */
  isKept(): Promise<boolean>;
  /** The policy has put another list in force, or removed one. */
  follow(): void;
}

/** What the conditions of a policy's rules are about. */
export interface PolicyContext {
  readonly inCall?: boolean | undefined;
  /** Milliseconds since the epoch; `undefined`: not idle. */
  readonly idleSince?: number | undefined;
}

/** Loads the code of the policy, and puts a stored one in charge. `toReplace`: if it cannot be read, one that shows nobody anything; else that is an error. */
export type LoadPolicy = (toReplace?: boolean) => Promise<PolicyControl>;

/** Loads the policy once; a failure is tried again by the next call. */
export class PolicyDoor {
  readonly #load: LoadPolicy | undefined;
  readonly #onState: () => void;
  readonly #changes: Emitter<undefined>;
  #loading: Promise<PolicyControl> | undefined;
  #loaded: PolicyControl | undefined;
  #lists: ApplicationLists | undefined;

  /** The policy as it is; `undefined` as long as it is not loaded. */
  readonly current: Observable<CurrentPolicy | undefined> = {
    getSnapshot: () => this.#loaded?.current.getSnapshot(),
    subscribe: (listener) => this.#changes.subscribe(listener),
  };

  /** @param onState called whenever who may see what can have changed */
  constructor(load: LoadPolicy | undefined, onState: () => void, onListenerError: (error: unknown) => void) {
    this.#load = load;
    this.#onState = onState;
    this.#changes = new Emitter(onListenerError);
  }

  /** The policy if it is loaded. */
  get loaded(): PolicyControl | undefined {
    return this.#loaded;
  }

  /** The lists that the application puts in force itself, once it has asked for them. */
  get lists(): ApplicationLists | undefined {
    return this.#lists;
  }

  useLists(lists: ApplicationLists): void {
    this.#lists = lists;
    this.#loaded?.useLists(lists);
  }

  async open(toReplace?: boolean): Promise<PolicyControl> {
    if (this.#load === undefined) throw new InternalError("a client without a policy");
    this.#loading ??= this.#load(toReplace).then((control) => {
      this.#loaded = control;
      if (this.#lists !== undefined) control.useLists(this.#lists);
      control.state.subscribe(this.#onState);
      control.current.subscribe(() => { this.#changes.emit(undefined); });
      if (control.current.getSnapshot() !== undefined) this.#changes.emit(undefined);
      return control;
    }, (error: unknown) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }
}
