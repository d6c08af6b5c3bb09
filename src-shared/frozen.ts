/** A type with every field and array of it read-only, all the way down. */
type Atom = string | number | bigint | boolean | symbol | undefined | null;

export type Frozen<T> = unknown extends T
  ? T
  : T extends Atom
    ? T
    : T extends readonly (infer Item)[]
      ? readonly Frozen<Item>[]
      : { readonly [K in keyof T]: Frozen<T[K]> };
