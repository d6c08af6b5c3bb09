/** How the console becomes static files: `dist/console`, hashed names, no inline code, source maps without sources. */
import { join } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const root = join(import.meta.dirname, 'console');

export default defineConfig({
  root,
  base: '/admin/',
  plugins: [react()],
  // The server says what happens, and a console that serves nobody's screen has nothing to add.
  logLevel: 'warn',
  build: {
    outDir: join(import.meta.dirname, '..', 'dist', 'console'),
    emptyOutDir: true,
    target: 'es2023',
    // A data: URL would need a hole in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
  },
});
