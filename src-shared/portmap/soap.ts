/** Calls of UPnP actions: SOAP envelopes out, values or the router's error number back (UPnP Device Architecture §3). */
import type { Fetch, UpnpService } from './types.ts';
import { child, escapeXml, parseXml, textOf, type XmlNode } from './xml.ts';

/** Errors of UPnP Device Architecture §3.2.2 and WANIPConnection:2 §2.5 that we act upon. */
export const UpnpError = {
  InvalidAction: 401,
  InvalidArgs: 402,
  ActionFailed: 501,
  NotImplemented: 602,
  NotAuthorized: 606,
  NoSuchEntry: 714,
  Conflict: 718,
  SamePortRequired: 724,
  OnlyPermanentLeases: 725,
} as const;

export type SoapResult =
  | { readonly ok: true; readonly values: XmlNode }
  /** `code` is the router's error number, undefined when it said none or did not answer. */
  | { readonly ok: false; readonly code: number | undefined; readonly why: string };

export interface SoapCall {
  readonly service: UpnpService;
  readonly action: string;
  /** In the order in which the service declares them: routers read by position. */
  readonly args: readonly (readonly [name: string, value: string])[];
  readonly localIp: string;
}

export async function callSoap(fetch: Fetch, call: SoapCall, signal: AbortSignal): Promise<SoapResult> {
  const { service, action, localIp } = call;
  try {
    const answer = await fetch(
      {
        url: service.controlUrl,
        localIp,
        headers: {
          'Content-Type': 'text/xml; charset="utf-8"',
          SOAPAction: `"${service.type}#${action}"`,
        },
        body: envelope(call),
      },
      signal,
    );
    return readSoap(answer.body, action, answer.status);
  } catch (error) {
    signal.throwIfAborted();
    return { ok: false, code: undefined, why: error instanceof Error ? error.message : String(error) };
  }
}

export function envelope({ service, action, args }: SoapCall): string {
  const body = args.map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`).join('');
  return (
    '<?xml version="1.0"?>\r\n' +
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>' +
    `<u:${action} xmlns:u="${escapeXml(service.type)}">${body}</u:${action}>` +
    '</s:Body></s:Envelope>\r\n'
  );
}

export function readSoap(xml: string, action: string, status: number): SoapResult {
  const envelope = child(parseXml(xml), 'Envelope');
  const body = child(envelope, 'Body');
  // A fault is a fault with status 200 too: some routers do that.
  const fault = child(body, 'Fault');
  if (fault !== undefined) {
    const error = child(child(fault, 'detail'), 'UPnPError');
    const code = Number(textOf(error, 'errorCode') ?? Number.NaN);
    const why = textOf(error, 'errorDescription') ?? textOf(fault, 'faultstring') ?? 'no reason given';
    return { ok: false, code: Number.isInteger(code) ? code : undefined, why: why.slice(0, 200) };
  }
  if (status !== 200) return { ok: false, code: undefined, why: `http status ${status}` };
  const name = `${action}Response`;
  const values = child(body, name);
  if (values !== undefined) return { ok: true, values };
  // An element without content is an empty string to the parser.
  if (body !== undefined && textOf(body, name) !== undefined) return { ok: true, values: {} };
  return { ok: false, code: undefined, why: 'not an answer to what was asked' };
}
