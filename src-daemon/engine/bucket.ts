/** A token bucket: of what comes by the thousand few are let through. */

/** The tokens are as of `at`, engine clock ms. */
export interface Bucket {
  tokens: number;
  at: number;
}

/** Takes one, if there is one. */
export function take(bucket: Bucket, perMs: number, burst: number, now: number): boolean {
  bucket.tokens = Math.min(burst, bucket.tokens + Math.max(0, now - bucket.at) * perMs);
  bucket.at = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens--;
  return true;
}
