import { defineConfig } from "tsdown";

export default defineConfig({
  entry: ["src/index.ts", "src/v1.ts", "src/openai.ts", "src/ai-sdk.ts"],
  format: ["esm", "cjs"],
  dts: true,
  platform: "node",
  target: "node20",
});
