/** XML from a router: parsed without entities and document types, bounded in size and depth. */
import { XMLParser } from 'fast-xml-parser';

const MAX_XML_CHARS = 64 * 1_024;
/** A description nests devices in devices, nine levels where everything is used. */
const MAX_DEPTH = 32;

/** Names without their prefixes; repeated elements are arrays, leaves are strings. */
export type XmlNode = { readonly [name: string]: XmlNode | XmlNode[] | string | undefined };

const parser = new XMLParser({
  processEntities: false,
  htmlEntities: false,
  ignoreAttributes: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
  removeNSPrefix: true,
  parseTagValue: false,
  trimValues: true,
  maxNestedTags: MAX_DEPTH,
});

/** Undefined for what is too long, not well formed, or declares a document type (UPnP has no use for one). */
export function parseXml(text: string): XmlNode | undefined {
  if (text.length > MAX_XML_CHARS || /<!DOCTYPE|<!ENTITY/i.test(text)) return undefined;
  try {
    const parsed: unknown = parser.parse(text);
    return isNode(parsed) ? parsed : undefined;
  } catch {
    // The parser throws on what it cannot read; what matters is told by undefined.
    return undefined;
  }
}

const isNode = (value: unknown): value is XmlNode =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The element of that name, the first of several. */
export function child(node: XmlNode | undefined, name: string): XmlNode | undefined {
  const [first] = children(node, name);
  return first;
}

export function children(node: XmlNode | undefined, name: string): XmlNode[] {
  const value = own(node, name);
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.filter(isNode);
}

/** The text of a leaf, with the five entities of XML itself resolved. */
export function textOf(node: XmlNode | undefined, name: string): string | undefined {
  const value = own(node, name);
  return typeof value === 'string' ? unescapeXml(value) : undefined;
}

const own = (node: XmlNode | undefined, name: string): unknown =>
  node !== undefined && Object.hasOwn(node, name) ? node[name] : undefined;

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
  '&amp;': '&',
};

const unescapeXml = (text: string): string =>
  text.replace(/&(?:lt|gt|quot|apos|amp);/g, (entity) => ENTITIES[entity] ?? entity);

const ESCAPES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(ENTITIES).map(([entity, character]) => [character, entity]),
);

export const escapeXml = (text: string): string =>
  text.replace(/[<>"'&]/g, (character) => ESCAPES[character] ?? character);
