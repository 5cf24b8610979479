import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// `npm run dev` in this folder serves the page with hot reload beside a gateway on GATEWAY_URL.
export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: { target: "es2023", sourcemap: true },
  server: { proxy: { "/v1": process.env["GATEWAY_URL"] ?? "http://127.0.0.1:8080" } },
});
