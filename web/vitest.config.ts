import { defineConfig } from "vitest/config";

// The pure parts of the page; what a browser shows is tested by tests/view.
export default defineConfig({ test: { include: ["tests/**/*.test.ts"], environment: "node", env: { TZ: "Europe/Berlin" } } });
