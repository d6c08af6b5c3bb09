/** What is read out and not shown: one queue, two live regions, equal messages within five seconds only once. */
import { create } from 'zustand';

const SAME_MS = 5_000;

interface Said {
  readonly polite: string;
  readonly assertive: string;
}

const useSaid = create<Said>(() => ({ polite: '', assertive: '' }));
let last = { text: '', at: 0 };

export function announce(text: string, manner: 'polite' | 'assertive' = 'polite'): void {
  const at = Date.now();
  if (text === last.text && at - last.at < SAME_MS) return;
  last = { text, at };
  useSaid.setState({ [manner]: text });
}

export function LiveRegions(): React.JSX.Element {
  const { polite, assertive } = useSaid();
  return (
    <div className="visually-hidden">
      <div aria-live="polite">{polite}</div>
      <div aria-live="assertive">{assertive}</div>
    </div>
  );
}
