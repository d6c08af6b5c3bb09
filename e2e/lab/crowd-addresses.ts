/** Addresses of those whom programs/crowd-server.ts tells of. */

export const OWN_IP = '100.64.0.1';
export const OWN_IP6 = 'fd7a:115c:a1e0::1';
export const FRIEND_IP = '100.64.0.2';

/** The n-th of that crowd, of at most 65 536; every second crowd has the same addresses again. */
export const strangerIp = (crowd: number, n: number): string =>
  `100.${80 + (crowd & 1)}.${n >> 8}.${n & 255}`;
