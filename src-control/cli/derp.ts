/** `derp map` and `derp check`: the relays that machines are told of, and whether they answer from here. */
import { Command } from 'commander';
import { RhumbError } from '#shared/errors.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import { checkMap, type NodeCheck } from '../relay/check.ts';
import { type Io, openNamed, readGlobals, show, withGlobalOptions } from './context.ts';
import { table } from './print.ts';

export function derpCommand(io: Io): Command {
  const map = withGlobalOptions(new Command('map').description('show the relays that machines get')).action(
    async () => {
      const globals = readGlobals(map);
      await using admin = await openNamed(globals, io, 'refuse');
      const relays = await admin.call('derp.map', {});
      show(io, globals.format, relays, () => relaysTable(relays));
    },
  );
  const check = withGlobalOptions(
    new Command('check').description('connect to every relay as a machine would, from here'),
  ).action(async () => {
    const globals = readGlobals(check);
    await using admin = await openNamed(globals, io, 'refuse');
    const checks = await checkMap(await admin.call('derp.map', {}), io.clock);
    show(io, globals.format, checks, () => relayChecksTable(checks));
    const failed = checks.filter((one) => one.relay.kind === 'failed' || one.stun.kind === 'failed').length;
    if (failed > 0)
      throw new RhumbError('unavailable', `${failed} of ${checks.length} relay nodes have a problem`);
  });
  return new Command('derp').description('relays').addCommand(map).addCommand(check);
}

const relaysTable = (map: DerpMap): string =>
  table(
    ['Region', 'Code', 'Name', 'Node', 'Host', 'Port', 'STUN', 'Certificate'],
    Object.values(map.Regions ?? {}).flatMap((region) =>
      (region?.Nodes ?? []).map((node) => [
        String(region?.RegionID),
        region?.RegionCode ?? '',
        region?.RegionName ?? '',
        node.Name,
        node.HostName,
        node.STUNOnly === true ? 'none' : String(node.DERPPort ?? 443),
        node.STUNPort === -1 ? 'none' : String(node.STUNPort ?? 3_478),
        (node.CertName ?? 'of an authority').replace(/^(sha256-raw:.{12}).*/, '$1…'),
      ]),
    ),
  );

const took = (part: NodeCheck['relay']): string =>
  part.kind === 'ok' ? `${part.ms.toFixed(1)} ms` : part.kind === 'off' ? 'none' : `failed: ${part.why}`;

const relayChecksTable = (checks: readonly NodeCheck[]): string =>
  table(
    ['Region', 'Node', 'Host', 'Relay', 'STUN'],
    checks.map((one) => [String(one.region), one.node, one.host, took(one.relay), took(one.stun)]),
  );
