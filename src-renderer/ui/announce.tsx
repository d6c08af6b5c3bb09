/** What is read out and not shown: one queue, two live regions, equal messages within five seconds only once (desktop.md §4.4). */
import { create } from 'zustand';

const SAME_MS = 5_000;
/** Long enough to be read; after that it would only be found by who walks through the page. */
const KEPT_MS = 10_000;

type Manner = 'polite' | 'assertive';

interface Said {
  readonly number: number;
  readonly text: string;
  readonly manner: Manner;
  readonly atMs: number;
}

const useSaid = create<{ readonly said: readonly Said[] }>(() => ({ said: [] }));
let count = 0;

/** Each message is a line of its own: one that follows at once does not take the place of the one before. */
export function announce(text: string, manner: Manner = 'polite'): void {
  const atMs = Date.now();
  const { said } = useSaid.getState();
  // What was said before something else is news again: on, off, on.
  const last = said.at(-1);
  if (text === '' || (last?.text === text && atMs - last.atMs < SAME_MS)) return;
  count += 1;
  const mine: Said = { number: count, text, manner, atMs };
  useSaid.setState({ said: [...said, mine] });
  setTimeout(() => useSaid.setState((now) => ({ said: now.said.filter((one) => one !== mine) })), KEPT_MS);
}

/** Heard also while a dialog hides the rest of the page. */
export function LiveRegions(): React.JSX.Element {
  return (
    <div className="visually-hidden" data-live-announcer="true">
      <Region manner="polite" />
      <Region manner="assertive" />
    </div>
  );
}

function Region({ manner }: { readonly manner: Manner }): React.JSX.Element {
  const said = useSaid((now) => now.said);
  return (
    <div aria-live={manner} aria-relevant="additions">
      {said
        .filter((one) => one.manner === manner)
        .map(({ number, text }) => (
          <p key={number}>{text}</p>
        ))}
    </div>
  );
}
