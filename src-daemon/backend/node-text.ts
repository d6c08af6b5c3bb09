/** JSON texts of nodes, made once for each: a node object never changes, and is told to many watchers and many times. */
import { encodeNode } from '#shared/localapi/node.ts';
import { stringifyJson } from '#shared/wire/json.ts';
import type { Node } from '#shared/wire/node.ts';

const texts = new WeakMap<Node, string>();

export function nodeText(node: Node): string {
  const known = texts.get(node);
  if (known !== undefined) return known;
  const text = stringifyJson(encodeNode(node));
  texts.set(node, text);
  return text;
}
