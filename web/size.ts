/** Refuses a page that is larger than it may be. */
import type { Plugin } from "vite";

/** What is loaded before the list is shown, in bytes. */
const FIRST = 400_000;
/** All files of the page together. */
const ALL = 4 * 1024 * 1024;

export function size(): Plugin {
  return {
    name: "size",
    apply: "build",
    enforce: "post",
    writeBundle(_, bundle) {
      const files = Object.values(bundle).map((file) => {
        const bytes = Buffer.byteLength(file.type === "chunk" ? file.code : file.source);
        return { name: file.fileName, bytes, text: file.type === "asset" && file.fileName === "index.html" ? String(file.source) : "" };
      });
      const index = files.find((file) => file.text)?.text ?? "";
      const sum = (some: typeof files) => some.reduce((total, file) => total + file.bytes, 0);
      const all = sum(files);
      const first = sum(files.filter((file) => file.text || index.includes(`./${file.name}`)));
      const numbers = `${first.toLocaleString("en")} bytes are loaded first (at most ${FIRST.toLocaleString("en")}), ${all.toLocaleString("en")} in all (at most ${ALL.toLocaleString("en")})`;
      if (!index || first > FIRST || all > ALL) this.error(`The page is too large: ${numbers}.`);
      this.info(numbers);
    },
  };
}
