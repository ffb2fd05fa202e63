/** A signal of a wait's own: many waits may share one, and Node takes more than ten listeners for a leak, and says so. @module */

/** One that aborts with `signal`. */
export const apart = (signal: AbortSignal | undefined): AbortSignal | undefined => signal && AbortSignal.any([signal]);
