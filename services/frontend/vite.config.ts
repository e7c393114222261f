import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

const apiAddress = process.env.GROUNDSWELL_API_ADDRESS ?? 'http://127.0.0.1:8080';

/**
 * The theme must be set before the first paint, so its script blocks; and it must be a file of its
 * own, because our content security policy allows no inline script.
 */
function themeBootstrap(): Plugin {
  const source = fileURLToPath(new URL('./src/theme-bootstrap.js', import.meta.url));
  let asset: string | null = null;
  return {
    name: 'theme-bootstrap',
    buildStart() {
      if (this.meta.watchMode) return;
      asset = this.emitFile({ type: 'asset', name: 'theme.js', source: readFileSync(source, 'utf8') });
    },
    transformIndexHtml(_html, context) {
      const built = context.bundle && asset ? Object.values(context.bundle).find(isTheme)?.fileName : null;
      const src = built ? `/${built}` : '/src/theme-bootstrap.js';
      return [{ tag: 'script', attrs: { src }, injectTo: 'head-prepend' }];
    },
  };
}

function isTheme(file: { type: string; fileName: string }): boolean {
  return file.type === 'asset' && /\/theme-[^/]+\.js$/.test(file.fileName);
}

export default defineConfig({
  plugins: [svelte(), themeBootstrap()],
  build: {
    target: 'es2023',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    // How long each plugin took is for those who work on the build, not for those who only run it.
    rolldownOptions: { checks: { bundlerTimings: false } },
  },
  server: { proxy: { '/api': { target: apiAddress, ws: true } } },
});
