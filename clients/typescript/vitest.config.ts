import { defineConfig } from "vitest/config";

export default defineConfig({
  // The workers of the default pool, processes, sometimes died on Node 20 when a server was killed.
  test: {
    pool: "threads",
    include: ["test/**/*.test.ts"],
    testTimeout: 90_000,
    hookTimeout: 60_000,
  },
});
