/** What goes over the page's socket; what a browser sends is read by schema. */
import { z } from 'zod';
import type { Capability } from '#shared/bridge/contract.ts';

const secret = z.string().min(1).max(256);
const hello = z.strictObject({
  hello: z.strictObject({ token: secret.optional(), key: secret.optional() }),
});
const call = z.strictObject({
  id: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  name: z.string().max(128),
  // JSON knows no undefined, so a call without argument has none.
  arg: z.unknown().optional(),
});

export type Hello = z.infer<typeof hello>['hello'];
export type CallFrame = z.infer<typeof call>;

export interface HostFacts {
  readonly can: readonly Capability[];
  readonly platform: string;
  readonly version: string;
}

export const readHello = (text: string): Hello | undefined => {
  const parsed = hello.safeParse(jsonOf(text));
  return parsed.success ? parsed.data.hello : undefined;
};

export const readCall = (text: string): CallFrame | undefined => {
  const parsed = call.safeParse(jsonOf(text));
  return parsed.success ? parsed.data : undefined;
};

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no frame
  }
}
