/** What machines can ask beside registering and their map: one JSON question, one JSON answer. */
import { z } from 'zod';
import { nodeKey } from '#shared/wire/scalars.ts';
import type { NodeRecord } from '../store/records.ts';

/** `node` is whose key the question names and whose machine asks; the body is parsed JSON and nothing more. */
type MachineCall = (node: NodeRecord, body: unknown) => Promise<object>;

/** By path. */
export type MachineCalls = Readonly<Record<string, MachineCall>>;

/** Every question says which node of the machine asks. */
export const askedBy = z.looseObject({ NodeKey: nodeKey });
