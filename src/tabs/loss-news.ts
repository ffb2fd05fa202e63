/**
 * The event `storage-lost` in a tab: the leader whose store it was tells it, and mostly the next one again, which begins on an empty store and
 * cannot know who has heard. To the application of a tab it is one loss.
 * @module
 */
import type { Observable } from "../base/events.js";
import type { ClientEvent } from "../client/events.js";
import type { ClientStatus } from "../client/status.js";

/** What of it is news: the first word of a loss. The next loss begins when somebody was online in between, or both have told of this one. */
export class LossNews {
  #isTold = false;

  constructor(status: Observable<ClientStatus>) {
    status.subscribe(() => { if (status.getSnapshot().kind === "online") this.#isTold = false; });
  }

  readonly isNews = ({ kind }: ClientEvent): boolean => {
    if (kind !== "storage-lost") return true;
    this.#isTold = !this.#isTold;
    return this.#isTold;
  };
}
