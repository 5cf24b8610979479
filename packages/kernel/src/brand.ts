declare const brand: unique symbol;

/** A value of type T that only code which knows its meaning may call a Name, e.g. `Brand<string, "JobId">`. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
