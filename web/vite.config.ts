import { defineConfig } from "vite";
import { licences } from "./licences.ts";

export default defineConfig(({ command }) => ({
  base: "./",
  define: { "process.env.NODE_ENV": JSON.stringify(command === "build" ? "production" : "development") },
  plugins: [licences()],
  build: {
    outDir: "../src/aerchive/view/page",
    emptyOutDir: true,
    target: ["chrome123", "firefox128", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
}));
