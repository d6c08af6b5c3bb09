/** Branded types: values that only their parser can make. */

declare const tag: unique symbol;
export type Opaque<T, Tag extends string> = T & { readonly [tag]: Tag };
