/** Where other machines may find one. */
import { formatSockAddr, parseIp, parseSockAddr } from '#shared/ip/address.ts';
import { EndpointType } from '#shared/wire/map.ts';
import type { NodeView } from '../state/network.ts';

/** What the machine told, and behind it the address its control connection comes from, at the port it listens on. */
export function endpointsOf(view: NodeView): readonly string[] {
  const { endpoints, endpointTypes } = view.record;
  const observed = view.observedIp === undefined ? undefined : parseIp(view.observedIp);
  if (view.observedIp === undefined || observed === undefined) return endpoints;
  const sameFamily = endpoints
    .map((text, index) => ({ at: parseSockAddr(text), type: endpointTypes[index] }))
    .filter(({ at }) => at?.ip.includes(':') === (observed.length === 16));
  const local = sameFamily.find(({ type }) => type === EndpointType.Local) ?? sameFamily[0];
  if (local?.at === undefined) return endpoints;
  const extra = formatSockAddr({ ip: view.observedIp, port: local.at.port });
  return endpoints.includes(extra) ? endpoints : [...endpoints, extra];
}
