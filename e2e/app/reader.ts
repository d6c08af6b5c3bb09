/**
 * A page used as a screen reader uses it: things are found by role and name in the browser's own accessibility tree, and
 * are asked for what they do by default. What the tree does not tell is not there.
 */
import type { CDPSession, Page } from 'playwright-core';
import { z } from 'zod';
import { until } from '../lab/wait.ts';
import type { Hands } from './hands.ts';
import { isNamed, type Thing, wordsOf } from './thing.ts';

const value = z.object({ value: z.unknown().optional() });
const axNode = z.object({
  nodeId: z.string(),
  ignored: z.boolean(),
  role: value.optional(),
  name: value.optional(),
  parentId: z.string().optional(),
  backendDOMNodeId: z.number().optional(),
  properties: z.array(z.object({ name: z.string(), value })).default([]),
});
const axTree = z.object({ nodes: z.array(axNode) });
type AxNode = z.infer<typeof axNode>;

export class Reader {
  readonly #session: CDPSession;
  private constructor(session: CDPSession) {
    this.#session = session;
  }

  static async of(page: Page): Promise<Reader> {
    const session = await page.context().newCDPSession(page);
    await session.send('Accessibility.enable');
    await session.send('DOM.enable');
    return new Reader(session);
  }

  async tree(): Promise<readonly AxNode[]> {
    return axTree.parse(await this.#session.send('Accessibility.getFullAXTree')).nodes;
  }

  /** The one that is there; more than one of a name is as bad as none, since nobody could tell them apart. */
  async find(what: Thing): Promise<AxNode> {
    return await until(`a screen reader to find ${wordsOf(what)}`, async () => {
      const nodes = await this.tree();
      const byId = new Map(nodes.map((node) => [node.nodeId, node]));
      const found = nodes.filter((node) => fits(node, what, byId));
      if (found.length > 1) throw new Error(`there are ${found.length} of ${wordsOf(what)}`);
      return found[0];
    });
  }

  /** Runs a function of the page on the node. */
  async on(node: AxNode, run: string): Promise<void> {
    const { backendDOMNodeId } = node;
    if (backendDOMNodeId === undefined) throw new Error('a node without an element');
    const { object } = await this.#session.send('DOM.resolveNode', { backendNodeId: backendDOMNodeId });
    const { objectId } = object;
    if (objectId === undefined) throw new Error('the element is gone');
    await this.#session.send('Runtime.callFunctionOn', { objectId, functionDeclaration: run });
  }
}

const text = (of: AxNode['role']): string => (typeof of?.value === 'string' ? of.value : '');

function fits(node: AxNode, what: Thing, byId: ReadonlyMap<string, AxNode>): boolean {
  if (node.ignored || text(node.role) !== what.role) return false;
  if (!isNamed(what, text(node.name))) return false;
  if (what.within === undefined) return true;
  for (let at = byId.get(node.parentId ?? ''); at !== undefined; at = byId.get(at.parentId ?? ''))
    if (fits(at, what.within, byId)) return true;
  return false;
}

/** What the platforms' "do the default action" comes to in Chromium: the focus goes there, and it is clicked. */
const PRESS = 'function () { this.focus(); this.click(); }';
const FOCUS = 'function () { this.focus(); }';

export function readerHands(page: Page): Hands {
  const opened = Reader.of(page);
  const press = async (what: Thing): Promise<void> => {
    const reader = await opened;
    const node = await reader.find(what);
    if (node.properties.some(({ name, value: { value: is } }) => name === 'disabled' && is === true))
      throw new Error(`${wordsOf(what)} is read as unavailable`);
    await reader.on(node, PRESS);
  };
  return {
    name: 'screen reader',
    press,
    submit: press,
    write: async (into, text) => {
      const reader = await opened;
      await reader.on(await reader.find(into), FOCUS);
      await page.keyboard.press('Control+a');
      await page.keyboard.type(text);
    },
  };
}
