/** The app's first file: finds its host, follows it, and puts the screens into the page. */
import { createRoot } from 'react-dom/client';
import type { GuiSettings } from '#shared/bridge/contract.ts';
import { isShown, onShownChange } from '../ui/shown.ts';
import { findHost } from './bridge/host.ts';
import { sync } from './bridge/sync.ts';
import { pickLocale, setLocale } from './i18n/locale.ts';
import { App } from './shell/app.tsx';
import { Fence } from './shell/fence.tsx';
import { go } from './shell/route.ts';
import { applyLook } from './shell/theme.ts';
import { useApp } from './store/store.ts';
import './app.css';

/** A language that can't be loaded leaves the one before. */
const speak = ({ language }: GuiSettings): Promise<void> =>
  setLocale(pickLocale(language, navigator.languages)).catch(reportError);

useApp.subscribe(({ gui }, before) => {
  if (gui === before.gui) return;
  applyLook(gui);
  if (gui.language !== before.gui.language) void speak(gui);
});
sync(findHost(), {
  now: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  isShown,
  onShownChange,
  navigate: (path) => go(path),
});
const place = document.getElementById('app');
if (place !== null) {
  const root = createRoot(place);
  void speak(useApp.getState().gui).then(() =>
    root.render(
      <Fence>
        <App />
      </Fence>,
    ),
  );
}
