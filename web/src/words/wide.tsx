/** The frame of what may be wider than the page: it scrolls by itself, also by the keyboard. */
import type { HTMLAttributes, ReactNode } from "react";

type Props = Pick<HTMLAttributes<HTMLDivElement>, "aria-label" | "aria-labelledby" | "children"> & { "data-testid"?: string };

export function Wide(props: Props): ReactNode {
  return <div className="wide" tabIndex={0} role="group" {...props} />;
}
