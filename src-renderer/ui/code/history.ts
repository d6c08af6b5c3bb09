/** Undo and redo for the editor: typing in one go is one step. */
import {
  type ChangeSet,
  Prec,
  type StateCommand,
  StateEffect,
  StateField,
  Transaction,
} from '@codemirror/state';
import { keymap } from '@codemirror/view';

interface Step {
  /** Takes the text back to how it was. */
  readonly back: ChangeSet;
  readonly at: number;
}

interface Steps {
  readonly done: readonly Step[];
  readonly undone: readonly ChangeSet[];
}

const MOST = 500;
/** A pause this long begins another step. */
const PAUSE_MS = 600;

const moved = StateEffect.define<'undo' | 'redo'>();

const steps = StateField.define<Steps>({
  create: () => ({ done: [], undone: [] }),
  update: (before, transaction) => {
    if (!transaction.docChanged) return before;
    const back = transaction.changes.invert(transaction.startState.doc);
    const way = transaction.effects.find((effect) => effect.is(moved));
    const at = transaction.annotation(Transaction.time) ?? 0;
    if (way?.value === 'undo') return { done: before.done.slice(0, -1), undone: [...before.undone, back] };
    if (way?.value === 'redo')
      return { done: [...before.done, { back, at: 0 }], undone: before.undone.slice(0, -1) };
    const last = before.done.at(-1);
    const isSame = last !== undefined && at - last.at < PAUSE_MS && transaction.isUserEvent('input.type');
    const step = isSame ? { back: back.compose(last.back), at } : { back, at };
    return { done: [...(isSame ? before.done.slice(0, -1) : before.done), step].slice(-MOST), undone: [] };
  },
});

const undo: StateCommand = ({ state, dispatch }) => {
  const step = state.field(steps).done.at(-1);
  if (step === undefined || state.readOnly) return false;
  dispatch(
    state.update({ changes: step.back, effects: moved.of('undo'), scrollIntoView: true, userEvent: 'undo' }),
  );
  return true;
};

const redo: StateCommand = ({ state, dispatch }) => {
  const changes = state.field(steps).undone.at(-1);
  if (changes === undefined || state.readOnly) return false;
  dispatch(state.update({ changes, effects: moved.of('redo'), scrollIntoView: true, userEvent: 'redo' }));
  return true;
};

export const history = [
  steps,
  Prec.high(
    keymap.of([
      { key: 'Mod-z', run: undo, preventDefault: true },
      { key: 'Mod-y', mac: 'Mod-Shift-z', run: redo, preventDefault: true },
      { key: 'Mod-Shift-z', run: redo, preventDefault: true },
    ]),
  ),
];
