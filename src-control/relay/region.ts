/** The regions of the relay map that stand for the embedded relay (nat-traversal.md §1.15, §9.3). */
import { isIP } from 'node:net';
import type { DerpMap } from '#shared/wire/map.ts';

export interface EmbeddedPlace {
  readonly regionId: number;
  readonly regionCode: string;
  readonly regionName: string;
  /** Name or address that clients dial. */
  readonly host: string;
  readonly port: number;
  /** `sha256-raw:…` of a certificate of our own; undefined = an authority vouches for `host`. */
  readonly certName: string | undefined;
  /** Undefined = from `host`. */
  readonly ipv4: string | undefined;
  /** Undefined = from `host` when it is an IPv6 address, else none. */
  readonly ipv6: string | undefined;
  /** Empty = no STUN. */
  readonly stunPorts: readonly number[];
}

const HTTPS_PORT = 443;
const STUN_PORT = 3_478;
const NO_STUN = -1;
/** Private regions are 900 to 999 (control-protocol.md §4.9.3). */
const FIRST_PRIVATE = 900;
/** Latency is multiplied with this where a region must not become anybody's home. */
const NEVER_HOME = 1_000;

/**
 * One region, and one more for each further STUN port. They are the same relay, so packets get through whichever a
 * client chooses; the ports are what it is about. A client asks each region for its address, and sees from different
 * answers that its NAT gives a new port to each destination; with a single region it can't tell, and each of its checks
 * runs until the time limit because three regions are what it waits for.
 */
export function embeddedMap(place: EmbeddedPlace): DerpMap {
  const extra = place.stunPorts.slice(1).map((stunPort, index) => ({
    stunPort,
    id: otherRegion(place.regionId, index + 1),
  }));
  const [main = NO_STUN] = place.stunPorts;
  const regions = [
    region(place, place.regionId, place.regionCode, place.regionName, main),
    ...extra.map(({ id, stunPort }, index) =>
      region(
        place,
        id,
        `${place.regionCode}-${index + 2}`,
        `${place.regionName} (address check ${index + 2})`,
        stunPort,
      ),
    ),
  ];
  return {
    HomeParams:
      extra.length === 0
        ? undefined
        : { RegionScore: Object.fromEntries(extra.map(({ id }) => [String(id), NEVER_HOME])) },
    Regions: Object.fromEntries(regions.map((one) => [String(one.RegionID), one])),
    omitDefaultRegions: true,
  };
}

/** Downwards from the relay's own number, and round within the private ones. */
function otherRegion(regionId: number, step: number): number {
  if (regionId < FIRST_PRIVATE || regionId > 999) return regionId + step;
  return FIRST_PRIVATE + ((regionId - FIRST_PRIVATE - step + 100) % 100);
}

type Region = NonNullable<NonNullable<DerpMap['Regions']>[string]>;

function region(place: EmbeddedPlace, id: number, code: string, name: string, stunPort: number): Region {
  const family = isIP(place.host);
  const node = {
    Name: `${id}a`,
    RegionID: id,
    HostName: place.host,
    CertName: place.certName,
    IPv4: place.ipv4 ?? (family === 4 ? place.host : family === 6 ? 'none' : undefined),
    // An address that doesn't work makes every check of a client with both families take three seconds.
    IPv6: place.ipv6 ?? (family === 6 ? place.host : 'none'),
    STUNPort: stunPort === STUN_PORT ? undefined : stunPort,
    DERPPort: place.port === HTTPS_PORT ? undefined : place.port,
  };
  return { RegionID: id, RegionCode: code, RegionName: name, Nodes: [withoutUndefined(node)] } as Region;
}

const withoutUndefined = (value: object): object =>
  Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined));
