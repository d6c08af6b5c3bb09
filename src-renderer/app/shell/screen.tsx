/** The frame of a screen of the app: our page, with the state of the connection in the window's title. */

import { Page, type PageProps } from '../../ui/page.tsx';
import { cut } from '../lib/foreign.tsx';
import { useApp } from '../store/store.ts';
import { wordOf } from './heading.ts';

/** `title` may come from the network. */
export function Screen({ title, ...rest }: PageProps): React.JSX.Element {
  const state = useApp(wordOf);
  const clean = cut(title);
  return <Page {...rest} title={clean} windowTitle={`${clean} – ${state} – Rhumb`} />;
}
