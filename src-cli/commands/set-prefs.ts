/** From the flags that only `set` has to preferences, with every value checked. */
import { RhumbError } from '#shared/errors.ts';
import { formatSockAddr, parseSockAddr } from '#shared/ip/address.ts';
import type { Prefs } from '#shared/localapi/prefs.ts';
import type { FlagValues } from './spec.ts';

type SetOnly = Pick<
  Prefs,
  | 'ProfileName'
  | 'AutoUpdate'
  | 'RunWebClient'
  | 'RelayServerPort'
  | 'RelayServerStaticEndpoints'
  | 'RemoteConfig'
  | 'Sync'
>;

/** What is not mentioned has its default here; only mentioned flags become an edit. */
export const setOnlyPrefs = (flags: FlagValues): SetOnly => ({
  ProfileName: flags.text('nickname'),
  AutoUpdate: { Check: flags.bool('update-check'), Apply: flags.bool('auto-update') },
  RunWebClient: flags.bool('webclient'),
  RelayServerPort: relayPort(flags.text('relay-server-port')),
  RelayServerStaticEndpoints: relayEndpoints(flags.text('relay-server-static-endpoints')),
  RemoteConfig: flags.bool('remote-config'),
  Sync: flags.bool('sync'),
});

const MAX_PORT = 65_535;

/** Undefined relays nothing, 0 takes any port. */
function relayPort(text: string): number | undefined {
  if (text === '') return undefined;
  if (!/^\d{1,5}$/.test(text) || Number(text) > MAX_PORT)
    throw new RhumbError(
      'bad-argument',
      `--relay-server-port: ${JSON.stringify(text)} is no port: want 0 to ${MAX_PORT}, or nothing for no relaying`,
    );
  return Number(text);
}

function relayEndpoints(text: string): readonly string[] | undefined {
  if (text === '') return undefined;
  const found = text.split(',').map((raw) => {
    const address = parseSockAddr(raw);
    if (address === undefined)
      throw new RhumbError(
        'bad-argument',
        `--relay-server-static-endpoints: ${JSON.stringify(raw)} is not an address with a port, such as 192.0.2.1:40000 or [2001:db8::1]:40000`,
      );
    return formatSockAddr(address);
  });
  return [...new Set(found)].sort();
}
