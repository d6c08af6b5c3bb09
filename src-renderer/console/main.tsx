/** The console's first file: puts the app into the page and starts it. */
import { createRoot } from 'react-dom/client';
import { App } from './app/app.tsx';
import { start, watchSignOut } from './app/session.ts';
import { applyTheme, savedTheme } from './app/theme.ts';
import './console.css';

applyTheme(savedTheme());
watchSignOut();
const place = document.getElementById('app');
if (place !== null) createRoot(place).render(<App />);
void start();
