/** An Internet gateway's description: which connection services it offers and where (UPnP IGD 1 and 2). */
import type { UpnpService } from './types.ts';
import { atGateway } from './url.ts';
import { child, children, parseXml, textOf, type XmlNode } from './xml.ts';

/** Best first; the last two are of vendors before the standard. */
const SERVICE_TYPES = [
  'urn:schemas-upnp-org:service:WANIPConnection:2',
  'urn:schemas-upnp-org:service:WANIPConnection:1',
  'urn:schemas-upnp-org:service:WANPPPConnection:1',
  'urn:dslforum-org:service:WANPPPConnection:1',
  'urn:dslforum-org:service:WANIPConnection:1',
] as const;

/** Only this one has AddAnyPortMapping. */
export const canAddAny = (service: UpnpService): boolean => service.type === SERVICE_TYPES[0];

const MAX_SERVICES = 16;
const MAX_DEVICES = 64;

/** The services that can map ports, best first; control URLs lead to the gateway, whatever the description says. */
export function servicesOf(xml: string, location: string, gateway: string): UpnpService[] {
  const root = child(parseXml(xml), 'root');
  const base = textOf(root, 'URLBase') || location;
  const found: UpnpService[] = [];
  const devices: XmlNode[] = children(root, 'device');
  for (let i = 0; i < devices.length && i < MAX_DEVICES; i++) {
    const device = devices[i];
    for (const service of children(child(device, 'serviceList'), 'service')) {
      const type = textOf(service, 'serviceType') ?? '';
      const controlUrl = atGateway(textOf(service, 'controlURL') ?? '', gateway, base);
      if (rank(type) >= 0 && controlUrl !== undefined) found.push({ type, controlUrl });
    }
    devices.push(...children(child(device, 'deviceList'), 'device'));
  }
  return found.sort((a, b) => rank(a.type) - rank(b.type)).slice(0, MAX_SERVICES);
}

const rank = (type: string): number => (SERVICE_TYPES as readonly string[]).indexOf(type);
