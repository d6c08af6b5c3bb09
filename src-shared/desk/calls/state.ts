/** The whole state, for a page that has none or missed a change. */
import type { Handlers } from '../../bridge/dispatch.ts';
import { viewOf } from '../view.ts';
import type { CallParts } from './parts.ts';

export const stateCalls = ({ desk }: Pick<CallParts, 'desk'>): Handlers<'state.get'> => ({
  'state.get': (_arg, { caller }) => ({ seq: desk.seq, snapshot: viewOf(desk.snapshot, caller) }),
});
