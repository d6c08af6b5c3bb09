/** Failures of sockets, name look-ups and TLS in a few words that a user can act on. */

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed',
  ETIMEDOUT: 'timed out',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  EADDRNOTAVAIL: 'network is unreachable',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name could not be looked up',
  EACCES: 'permission denied',
  ENOENT: 'no such file',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is self-signed',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate has an unknown issuer',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate has an unknown issuer',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; is the clock right?',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  EPROTO: 'it does not speak TLS there',
  HPE_INVALID_CONSTANT: 'it does not speak HTTP there',
  HPE_HEADER_OVERFLOW: 'its answer has too large a head',
};

/** The `code` of a system error, which for several attempts at once is that of the first. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return undefined;
}

/** What is wrong is the server's certificate, or that it does not speak TLS; it was reached. */
export function isTlsTrouble(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  return /CERT|SIGNED|^UNABLE_TO_|^ERR_(?:SSL|TLS)|^EPROTO$/.test(code);
}

export function netErrorText(error: unknown): string {
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'timed out';
  const code = codeOf(error);
  const words = code === undefined ? undefined : WORDS[code];
  if (words !== undefined) return words;
  if (code?.startsWith('ERR_SSL') === true) return 'the TLS handshake failed';
  if (code?.startsWith('HPE_') === true) return 'it does not speak HTTP there';
  return error instanceof Error && error.message !== '' ? error.message : String(code ?? error);
}
