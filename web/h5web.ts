/** Makes H5Web fit into the page. */
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const DARK = "@media (prefers-color-scheme:dark){";

/** Packages that make functions from text, which the content security policy forbids, and ours that do without. */
export const REPLACED = {
  "ndarray-ops": fileURLToPath(new URL("./src/tree/plain_ndarray_ops.ts", import.meta.url)),
  ndarray: fileURLToPath(new URL("./src/tree/plain_ndarray.ts", import.meta.url)),
};

const CHECKED = '"aria-checked": n === c,';

/** A tab is selected and not checked, which programs that read the page aloud insist on. */
export function selectedTabs(): Plugin {
  return {
    name: "h5web-tabs",
    enforce: "pre",
    transform(code, id) {
      if (!/@h5web\/lib\/dist\/index\.js/.test(id)) return null;
      if (code.split(CHECKED).length !== 2) throw new Error("The buttons of H5Web have changed: look whether their tabs are selected now.");
      return code.replace(CHECKED, '[s === "tablist" ? "aria-selected" : "aria-checked"]: n === c,');
    },
  };
}

/** H5Web is dark when the system is; here it is when the page is, which tells it by `disableDarkMode`. */
export function darkAsThePage(): Plugin {
  return {
    name: "h5web-dark",
    enforce: "pre",
    transform(code, id) {
      if (!/@h5web\/app\/dist\/styles\.css/.test(id)) return null;
      if (code.split(DARK).length !== 2) throw new Error("The styles of H5Web have changed: look for how they become dark.");
      if (code.split("invert()").length !== 3) throw new Error("The styles of H5Web have changed: look for how colours are inverted.");
      // Turned by half a circle, inverted colours are the same hues as before.
      return code.replace(DARK, "@media all{").replaceAll("invert()", "invert() hue-rotate(180deg)");
    },
  };
}
