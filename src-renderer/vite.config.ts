/** How our pages become static files, `dist/console` and with `--mode app` `dist/app`: hashed names, no inline code. */
import { join } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig(({ command, mode }) => {
  // Vite keeps what it finds: set-up that is started by a test would build React's slow half as large again.
  if (command === 'build') process.env['NODE_ENV'] = 'production';
  const page = mode === 'app' ? 'app' : 'console';
  return {
    root: join(import.meta.dirname, page),
    // The app is served under any address: app://ui/ in the window, the root of the daemon's page.
    base: page === 'app' ? './' : '/admin/',
    plugins: [react()],
    // The server says what happens, and a page that serves nobody's screen has nothing to add.
    logLevel: 'warn',
    build: {
      outDir: join(import.meta.dirname, '..', 'dist', page),
      emptyOutDir: true,
      target: 'es2023',
      // A data: URL would need a hole in the content security policy.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      chunkSizeWarningLimit: 900,
    },
  };
});
