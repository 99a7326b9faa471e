import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vitest/config';
import { gzip } from './build/gzip';

const kServer = process.env.LOOPCAST_SERVER ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [vue(), gzip()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  define: {
    __VUE_I18N_FULL_INSTALL__: false,
    __VUE_I18N_LEGACY_API__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
  },
  build: {
    target: 'es2022',
    // Inlined data: URLs would need a looser content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      output: {
        manualChunks: (id) => {
          if (/node_modules\/(?:vue|@vue|vue-router|pinia|vue-i18n|@intlify)\//.test(id)) return 'vue';
          if (/node_modules\/(?:socket\.io|engine\.io|@socket\.io)/.test(id)) return 'socket';
          return undefined;
        },
      },
    },
  },
  server: {
    proxy: {
      '/api': kServer,
      '/socket.io': { target: kServer, ws: true },
    },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.ts', 'tests/**/*.test.ts'],
    server: { deps: { inline: ['element-plus'] } },
    restoreMocks: true,
  },
});
