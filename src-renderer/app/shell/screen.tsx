/** The frame of a screen of the app: our page, with the state of the connection in the window's title. */

import { Page, type PageProps } from '../../ui/page.tsx';
import { t } from '../i18n/text.ts';
import { cut } from '../lib/foreign.tsx';
import { useUi } from '../store/store.ts';

/** `title` may come from the network. */
export function Screen({ title, ...rest }: PageProps): React.JSX.Element {
  const state = useUi();
  const clean = cut(title);
  return <Page {...rest} title={clean} windowTitle={`${clean} – ${t(`state.${state}`)} – Rhumb`} />;
}
