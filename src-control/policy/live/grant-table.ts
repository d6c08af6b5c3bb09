/** The grants of a policy, compiled, and again where what they name moved (policy.md §15.3). */
import { type CompiledGrant, GrantCompiler } from '../compile/compiled-grants.ts';
import { type Grant, grantsOf } from '../compile/grants.ts';
import type { Resolver } from '../compile/resolver.ts';
import type { Target } from '../compile/rules.ts';
import type { Cidr } from '../sets/ranges.ts';

export interface Recompiled {
  readonly old: CompiledGrant;
  readonly next: CompiledGrant;
}

export interface GrantMove {
  readonly recompiled: readonly Recompiled[];
  /** Entries of destination lists that came or went. */
  readonly targets: readonly Target[];
}

const hasAny = ({ src, dst, app }: Grant): boolean =>
  src.some(({ selector }) => selector.kind === 'any') ||
  (app !== undefined && dst.some(({ selector }) => selector.kind === 'any'));

export class GrantTable {
  readonly #compiler: GrantCompiler;
  readonly #compiled: CompiledGrant[];
  /** Places of grants by the selectors they name. */
  readonly #bySelector = new Map<string, number[]>();
  /** Places of grants that rest on the routes of the network. */
  readonly #withRoutes: readonly number[];
  /** Places of grants to look at whatever moved: whose devices, which posture. */
  readonly #always: readonly number[];

  constructor(resolver: Resolver) {
    this.#compiler = new GrantCompiler(resolver);
    const grants = resolver.ast.hasRules ? grantsOf(resolver.ast) : [];
    this.#compiled = grants.map((grant) => this.#compiler.compile(grant));
    for (const [place, { src, dst }] of grants.entries())
      for (const text of new Set([...src, ...dst].map(({ selector }) => selector.text))) {
        const known = this.#bySelector.get(text);
        if (known === undefined) this.#bySelector.set(text, [place]);
        else known.push(place);
      }
    const placesOf = (isIt: (grant: Grant) => boolean): readonly number[] =>
      grants.flatMap((grant, place) => (isIt(grant) ? [place] : []));
    this.#withRoutes = placesOf(hasAny);
    this.#always = placesOf((grant) => grant.hasSelf || resolver.posturesOf(grant.srcPosture).length > 0);
  }

  get all(): readonly CompiledGrant[] {
    return this.#compiled;
  }

  get routes(): readonly Cidr[] {
    return this.#compiler.routes;
  }

  move(selectors: ReadonlySet<string>, hasNewRoutes: boolean): GrantMove {
    const targets = this.#compiler.refresh(selectors, hasNewRoutes);
    const places = new Set(this.#always);
    for (const text of selectors) for (const place of this.#bySelector.get(text) ?? []) places.add(place);
    if (hasNewRoutes) for (const place of this.#withRoutes) places.add(place);
    const recompiled = [...places].map((place) => {
      const old = this.#compiled[place] as CompiledGrant;
      const next = this.#compiler.compile(old.grant);
      this.#compiled[place] = next;
      return { old, next };
    });
    this.#compiler.settled();
    return { recompiled, targets };
  }
}
