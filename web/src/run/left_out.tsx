import type { ReactNode } from "react";
import { counted } from "../words/numbers";

/** Says that not all of something is listed. */
export function LeftOut({ shown, all, what }: { shown: number; all: number; what: string }): ReactNode {
  if (shown >= all) return null;
  return (
    <p className="faint">
      {counted(shown, `${what} is`, `${what}s are`)} listed of {counted(all, what)}; all of them are in the file.
    </p>
  );
}
