/** How the records are published with which machines prove to a certificate authority that a name is theirs. */

/** A secret that shows nothing of itself when it is printed or logged. */
export class KeySecret {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  reveal(): Buffer {
    return this.#bytes;
  }

  toJSON(): string {
    return '(secret)';
  }
}

export interface UpdateKey {
  readonly name: string;
  readonly algorithm: 'hmac-sha256' | 'hmac-sha512';
  readonly secret: KeySecret;
}

export interface UpdateSettings {
  readonly server: { readonly host: string; readonly port: number };
  readonly zone: string;
  readonly key: UpdateKey;
}

export type PublishWay =
  | ({ readonly kind: 'update' } & UpdateSettings)
  | { readonly kind: 'exec'; readonly command: readonly string[] }
  | { readonly kind: 'responder' };

export interface PublishSettings {
  readonly way: PublishWay;
  /** `ip:port` of who must know the record; undefined = the domain's own nameservers. */
  readonly check: readonly string[] | undefined;
  /** How long publishing and becoming visible may take together. */
  readonly timeoutMs: number;
  /** How long a record stays. */
  readonly keepMs: number;
}
