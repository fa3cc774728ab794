// Builds the console into the package, where no user needs Node: see scripts/build-console.
//
// The same sources and lockfile give the same bytes: no times, no paths and no hashes of either are in the output.
import { build } from "esbuild";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const target = process.argv[2] ?? join(here, "../mockllm/console/built");

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });

const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: { console: "src/main.tsx" },
  bundle: true,
  outdir: target,
  format: "esm",
  target: ["chrome123", "firefox120", "safari17.5"], // the first with light-dark()
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: true,
  charset: "utf8",
  legalComments: "none", // licences.txt has them all
  metafile: true,
});

cpSync(join(here, "src/index.html"), join(target, "index.html"));
writeFileSync(join(target, "licences.txt"), licences(Object.keys(metafile.inputs)));

/** The licences of the packages that are in the bundle, which ask to go with it. */
function licences(inputs) {
  const packages = inputs.map((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1]).filter(Boolean);
  return [...new Set(packages)].sort().map(licence).join("\n");
}

function licence(name) {
  const folder = join(here, "node_modules", name);
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const text = file ? readFileSync(join(folder, file), "utf8").trim() : `Licence: ${license}`;
  return `${name} ${version}\n\n${text}\n\n${"-".repeat(80)}\n`;
}
