import { defineConfig } from "vite";
import { darkAsThePage, REPLACED } from "./h5web.ts";
import { licences } from "./licences.ts";

export default defineConfig({
  base: "./",
  resolve: { alias: REPLACED },
  plugins: [darkAsThePage(), licences()],
  build: {
    outDir: "../src/aerchive/view/page",
    emptyOutDir: true,
    target: ["chrome123", "firefox128", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
  },
});
