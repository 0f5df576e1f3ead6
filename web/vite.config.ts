import { defineConfig } from "vite";
import { darkAsThePage, REPLACED, selectedTabs } from "./h5web.ts";
import { licences } from "./licences.ts";
import { size } from "./size.ts";

export default defineConfig({
  base: "./",
  resolve: { alias: REPLACED },
  plugins: [darkAsThePage(), selectedTabs(), licences(), size()],
  build: {
    outDir: "../src/aerchive/view/page",
    emptyOutDir: true,
    target: ["chrome123", "firefox128", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
    rolldownOptions: {
      // Told of "use client", which means nothing in a page without a server.
      onLog: (level, log, report) => log.code === "MODULE_LEVEL_DIRECTIVE" || report(level, log),
    },
  },
});
