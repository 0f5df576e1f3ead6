/** Makes H5Web fit into the page. */
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const DARK = "@media (prefers-color-scheme:dark){";

/** Packages that make functions from text, which the content security policy forbids, and ours that do without. */
export const REPLACED = {
  "ndarray-ops": fileURLToPath(new URL("./src/tree/plain_ndarray_ops.ts", import.meta.url)),
  ndarray: fileURLToPath(new URL("./src/tree/plain_ndarray.ts", import.meta.url)),
};

/** H5Web is dark when the system is; here it is when the page is, which tells it by `disableDarkMode`. */
export function darkAsThePage(): Plugin {
  return {
    name: "h5web-dark",
    enforce: "pre",
    transform(code, id) {
      if (!/@h5web\/app\/dist\/styles\.css/.test(id)) return null;
      if (code.split(DARK).length !== 2) throw new Error("The styles of H5Web have changed: look for how they become dark.");
      return code.replace(DARK, "@media all{");
    },
  };
}
