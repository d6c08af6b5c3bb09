/** Where the names of a system are not to be touched, or we don't know how: it is told so, and left as it is. */
import { RhumbError } from '#shared/errors.ts';
import type { Base, BaseDns } from '../compile.ts';
import type { SystemResolver } from './types.ts';

export interface NoneDeps {
  /** What to tell the user who wants names all the same; undefined = nobody will. */
  readonly refusal: string | undefined;
  readonly base: () => Promise<BaseDns>;
}

export class NoSystemDns implements SystemResolver {
  readonly mode = 'none';
  readonly canSplit = false;
  readonly #deps: NoneDeps;

  constructor(deps: NoneDeps) {
    this.#deps = deps;
  }

  async set(): Promise<void> {
    if (this.#deps.refusal !== undefined) throw new RhumbError('unavailable', this.#deps.refusal);
  }

  async restore(): Promise<boolean> {
    return false;
  }

  async base(): Promise<Base> {
    return 'unsupported';
  }

  async baseNameservers(): Promise<readonly string[]> {
    return (await this.#deps.base()).nameservers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is open.
  }
}
