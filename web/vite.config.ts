import { defineConfig } from "vitest/config";
import { mockApi } from "./mock/plugin.ts";

const server = process.env.RESTORE_SERVER;

/** The page is built into the Python package; `npm run dev` serves it with an API in memory, or a real one. */
export default defineConfig(({ command }) => ({
  base: "./",
  plugins: command === "serve" && !server && !process.env.VITEST ? [mockApi()] : [],
  server: server
    ? { proxy: { "/api": { target: server, headers: { origin: server }, changeOrigin: true } } }
    : {},
  preview: { port: 4173 },
  build: {
    target: "es2022",
    outDir: "../restore/cli/serve/page",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    sourcemap: false,
    reportCompressedSize: true,
    // The MIT licence of what is built in asks for its notice in every copy.
    license: { fileName: "licenses.md" },
    rolldownOptions: {
      output: {
        entryFileNames: "assets/[name]-[hash].js",
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
  test: { include: ["tests/**/*.test.ts", "src/**/*.test.ts"], environment: "node" },
}));
