/** Nominal types: a value that went through its one checked constructor. @module */

declare const brand: unique symbol;

/** `T` that has been checked and may be called `Name`. Only the checked constructor of `Name` casts to it. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
