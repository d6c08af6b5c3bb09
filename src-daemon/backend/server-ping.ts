/** Pings that the coordination server asks for: run through the data plane, answered through the control client. */
import { toRhumbError } from '#shared/errors.ts';
import { type PingKind, parsePingKind } from '#shared/localapi/misc.ts';
import type { PingRequest } from '#shared/wire/map.ts';
import type { ControlClient, NetworkMap, PingAnswer } from '../control/types.ts';
import type { Pinger } from './ping.ts';

/** The server has stopped waiting by then. */
const TIMEOUT_MS = 5_000;
/** More kinds than exist are a mistake or worse. */
const MAX_KINDS = 4;

export interface ServerPingParts {
  readonly client: Pick<ControlClient, 'answerPing'>;
  readonly pinger: Pick<Pinger, 'ping'>;
  readonly map: NetworkMap | undefined;
}

/** One answer per kind, each on its own. */
export function answerServerPing(request: PingRequest, parts: ServerPingParts): void {
  const kinds = (request.Types ?? '').split(',').map((kind) => parsePingKind(kind.trim()));
  for (const kind of kinds.filter((found) => found !== undefined).slice(0, MAX_KINDS))
    answerOne(request, kind, parts).catch((error: unknown) =>
      parts.client.answerPing(request, {
        Type: kind,
        IP: request.IP ?? '',
        Err: toRhumbError(error).message,
      }),
    );
}

async function answerOne(
  request: PingRequest,
  kind: PingKind,
  { client, pinger, map }: ServerPingParts,
): Promise<void> {
  const result = await pinger.ping(map, { ip: request.IP ?? '', kind }, AbortSignal.timeout(TIMEOUT_MS));
  const answer: PingAnswer = {
    Type: kind,
    IP: result.IP,
    NodeIP: result.NodeIP,
    NodeName: result.NodeName,
    Err: result.Err,
    LatencySeconds: result.LatencySeconds,
    Endpoint: result.Endpoint,
    DERPRegionID: result.DERPRegionID,
    DERPRegionCode: result.DERPRegionCode,
    PeerAPIPort: result.PeerAPIPort,
    IsLocalIP: result.IsLocalIP,
  };
  client.answerPing(request, answer);
}
