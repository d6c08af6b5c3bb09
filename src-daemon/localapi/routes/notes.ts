/** Documents that windows keep with a profile, and what an administrator's policy sets: nothing, on this system (localapi-and-daemon.md §2.1). */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { goTime } from '#shared/localapi/struct.ts';
import { parseJson, stringifyJson } from '#shared/wire/json.ts';
import { readJson } from '../body.ts';
import type { Call } from '../call.ts';
import { sendJson } from '../reply.ts';
import { type RouteTable, read } from '../route.ts';

export const noteRoutes: RouteTable = {
  pins: { ...read('pins', ['GET', 'POST'], pins), writes: ['POST'] },
  'prefs/service-clients': { ...read('service-clients', ['GET', 'POST'], serviceClients), writes: ['POST'] },
  'policy/': { ...read('policy', ['GET', 'POST'], policy), writes: ['POST'] },
};

const MAX_ENTRIES = 1_024;
const id = z.string().max(256);
const list = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .max(MAX_ENTRIES)
    .nullish()
    .transform((value) => value ?? []);
const pinSet = z.object({
  Devices: list(z.object({ ID: id })),
  ExitNodes: list(z.object({ ID: id })),
  Services: list(z.object({ Name: id })),
});
type PinSet = z.infer<typeof pinSet>;
const NO_PINS: PinSet = { Devices: [], ExitNodes: [], Services: [] };
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value === true);
const pinRequest = z.object({
  Pins: pinSet.nullish().transform((value) => value ?? NO_PINS),
  DevicesSet: flag,
  ExitNodesSet: flag,
  ServicesSet: flag,
});

function stored<T>(text: string | undefined, schema: z.ZodType<T>, none: T): T {
  if (text === undefined) return none;
  let json: unknown;
  try {
    json = parseJson(text);
  } catch {
    return none; // damaged: what is kept next takes its place
  }
  const parsed = schema.safeParse(json);
  return parsed.success ? parsed.data : none;
}

/** Each kind is replaced as a whole, and only when the request says so. */
async function pins({ backend, method, request, response }: Call): Promise<void> {
  let kept = stored(backend.note('pins'), pinSet, NO_PINS);
  if (method === 'POST') {
    const asked = pinRequest.safeParse(await readJson(request));
    if (!asked.success) throw new RhumbError('bad-argument', 'invalid JSON body');
    const { Pins, DevicesSet, ExitNodesSet, ServicesSet } = asked.data;
    kept = {
      Devices: DevicesSet ? Pins.Devices : kept.Devices,
      ExitNodes: ExitNodesSet ? Pins.ExitNodes : kept.ExitNodes,
      Services: ServicesSet ? Pins.Services : kept.Services,
    };
    await backend.setNote('pins', stringifyJson(kept));
  }
  sendJson(response, Object.fromEntries(Object.entries(kept).filter(([, items]) => items.length > 0)));
}

const text = z
  .string()
  .max(256)
  .nullish()
  .transform((value) => value ?? '');
const clientPref = z.object({ Client: text, Username: text, DatabaseName: text, LastUsed: text });
const clientPrefs = z.record(z.string().max(512), clientPref);
const clientRequest = z.object({
  Key: z.string().regex(/^svc:[a-z0-9-]{1,63}:\d{1,5}$/),
  Client: text,
  Username: text,
  DatabaseName: text,
});

async function serviceClients({ backend, clock, method, request, response }: Call): Promise<void> {
  let kept = stored(backend.note('service-clients'), clientPrefs, {});
  if (method === 'POST') {
    const asked = clientRequest.safeParse(await readJson(request));
    if (!asked.success)
      throw new RhumbError('bad-argument', "invalid service: want a 'Key' such as svc:name:443");
    const { Key, Client, Username, DatabaseName } = asked.data;
    const before = kept[Key];
    if (before === undefined && Object.keys(kept).length >= MAX_ENTRIES)
      throw new RhumbError('bad-argument', 'too many services are remembered already');
    kept = {
      ...kept,
      [Key]: {
        Client: Client === '' ? (before?.Client ?? '') : Client,
        Username: Username === '' ? (before?.Username ?? '') : Username,
        DatabaseName: DatabaseName === '' ? (before?.DatabaseName ?? '') : DatabaseName,
        LastUsed: goTime(clock.now()),
      },
    };
    await backend.setNote('service-clients', stringifyJson(kept));
  }
  const shown = Object.entries(kept).map(([key, value]) => [
    key,
    Object.fromEntries(Object.entries(value).filter(([, item]) => item !== '')),
  ]);
  sendJson(response, Object.fromEntries(shown));
}

const SCOPE = /^(?:device|profile(?:\([^()/]{0,64}\))?|user(?:\([^()/]{0,256}\))?)$/i;

/** No administrator's policy reaches a Linux daemon, so the effective one is that nothing is set. */
function policy({ rest, response }: Call): void {
  if (rest !== '' && !rest.split('/').every((part) => SCOPE.test(part)))
    throw new RhumbError('bad-argument', `${JSON.stringify(rest.slice(0, 64))} is not a valid scope`);
  sendJson(response, {});
}
