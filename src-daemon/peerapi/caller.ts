/** Who is at the other end of a connection, and what it may ask: decided by the backend from the source address alone. */

export interface Caller {
  /** StableNodeID. */
  readonly id: string;
  /** Short name of its machine. */
  readonly name: string;
  /** Display name of its owner. */
  readonly owner: string;
  /** It belongs to the same user as this machine, and neither is tagged. */
  readonly isOwner: boolean;
  /** It may see the pages about this daemon's inside. */
  readonly mayDebug: boolean;
  /** It may have names resolved here: our user's, or one whom we let onto the Internet. */
  readonly mayResolve: boolean;
}

export interface Dns {
  /** Undefined = not a question. */
  answerForPeer(
    query: Uint8Array,
    options: { readonly refused: readonly string[]; readonly signal: AbortSignal },
  ): Promise<Uint8Array | undefined>;
}

/** What the PeerAPI asks of the daemon around it. */
export interface PeerApiWorld {
  /** Undefined for an address that is nobody's: such a connection is closed. */
  caller(ip: string): Caller | undefined;
  /** Undefined = this machine resolves no names. */
  dns(): Dns | undefined;
  /** Names that are not to be resolved for others (`ExitNodeFilteredSet`). */
  refusedNames(): readonly string[];
  /** Debug pages by path below `/v0/`; each gives plain text. */
  readonly pages: Readonly<Record<string, () => string>>;
}
