/** A system that we don't know how to tell: its user is told so, and it is left as it is. */
import { RhumbError } from '#shared/errors.ts';
import type { Base, BaseDns } from '../compile.ts';
import type { SystemResolver } from './types.ts';

export interface NoneDeps {
  /** What to tell the user. */
  readonly refusal: string;
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
    throw new RhumbError('unavailable', this.#deps.refusal);
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
