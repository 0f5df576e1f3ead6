/** Writes the licences of all packages whose code is in the page beside it. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Plugin } from "vite";

interface Package {
  name: string;
  version: string;
  licence: string;
  folder: string;
}

const LICENCE_FILE = /^(licen[cs]e|copying|notice)(\.|-|$)/i;

/** The package that a module belongs to, or null for our own. */
function packageOf(module: string): Package | null {
  if (!module.includes("/node_modules/")) return null;
  let folder = dirname(module.replace(/^\0/, "").replace(/\?.*$/, ""));
  while (folder !== dirname(folder)) {
    const file = join(folder, "package.json");
    if (existsSync(file)) {
      const about = JSON.parse(readFileSync(file, "utf-8")) as { name?: string; version?: string; license?: string };
      if (about.name && about.version) {
        return { name: about.name, version: about.version, licence: about.license ?? "", folder };
      }
    }
    folder = dirname(folder);
  }
  throw new Error(`${module} is in no package.`);
}

function textOf(one: Package): string {
  const files = readdirSync(one.folder).filter((name) => LICENCE_FILE.test(name)).sort();
  const texts = files.map((name) => readFileSync(join(one.folder, name), "utf-8").replace(/\r\n/g, "\n").trim());
  if (!texts.length && !one.licence) throw new Error(`${one.name} names no licence.`);
  const body = texts.length ? texts.join("\n\n") : `Licence: ${one.licence} (the package has no file with its text)`;
  return `${one.name} ${one.version} (${one.licence || "see below"})\n\n${body}\n`;
}

export function licences(): Plugin {
  const found = new Map<string, Package>();
  return {
    name: "licences",
    apply: "build",
    generateBundle(_, bundle) {
      for (const chunk of Object.values(bundle)) {
        const modules = chunk.type === "chunk" ? chunk.moduleIds : [];
        for (const module of modules) {
          const one = packageOf(module);
          if (one) found.set(`${one.name} ${one.version}`, one);
        }
      }
      const all = [...found.keys()].sort().map((name) => textOf(found.get(name) as Package));
      const head = "The page of `aerchive view` has code of these packages, each under its own licence.\n";
      const rule = `\n${"-".repeat(80)}\n\n`;
      this.emitFile({ type: "asset", fileName: "LICENSES.txt", source: [head, ...all].join(rule) });
    },
  };
}
