/** Buttons that zoom and move, and where in the vector the window is. */
import type { ReactNode } from "react";
import { grouped, prefix } from "../words/bits";
import { powerOfTwo, whole } from "../words/numbers";
import { ancestors, type Extent, leastExponent, moved, type Window, wholeWindow, zoomed } from "./window";

interface Props {
  extent: Extent;
  window: Window;
  change: (window: Window) => void;
}

function prefixOf(extent: Extent, window: Window): string {
  return prefix(window.start, window.start + 2 ** window.exponent - 1, extent.qubits);
}

export function ZoomTools({ extent, window, change }: Props): ReactNode {
  const all = window.exponent === extent.qubits;
  const least = window.exponent <= leastExponent(extent);
  return (
    <div className="zoom-tools" role="group" aria-label="Zoom">
      <button type="button" disabled={least} onClick={() => change(zoomed(extent, window, 1))} aria-label="Zoom in">
        +
      </button>
      <button type="button" disabled={all} onClick={() => change(zoomed(extent, window, -1))} aria-label="Zoom out">
        −
      </button>
      <button type="button" disabled={all} onClick={() => change(moved(extent, window, -0.5))} aria-label="Move to lower basis states">
        ←
      </button>
      <button type="button" disabled={all} onClick={() => change(moved(extent, window, 0.5))} aria-label="Move to higher basis states">
        →
      </button>
      <button type="button" disabled={all} onClick={() => change(wholeWindow(extent))}>
        Whole vector
      </button>
    </div>
  );
}

export function Breadcrumbs({ extent, window, change }: Props): ReactNode {
  const steps = ancestors(extent, window);
  return (
    <nav aria-label="Where in the vector" className="crumbs">
      <ol>
        {steps.map((step) => (
          <li key={step.exponent}>
            <button type="button" className={step.exponent === extent.qubits ? "link" : "link numeric"} onClick={() => change(step)}>
              {step.exponent === extent.qubits ? `all ${powerOfTwo(extent.qubits)}` : `|${grouped(prefixOf(extent, step))}…⟩`}
            </button>
          </li>
        ))}
        <li aria-current="location" className={window.exponent === extent.qubits ? undefined : "numeric"}>
          {window.exponent === extent.qubits ? `all ${powerOfTwo(extent.qubits)} basis states` : `|${grouped(prefixOf(extent, window))}…⟩`}
        </li>
      </ol>
    </nav>
  );
}

/** The range in sight in words: bits that all its basis states have, and their numbers. */
export function RangeWords({ extent, window }: { extent: Extent; window: Window }): ReactNode {
  const last = window.start + 2 ** window.exponent - 1;
  const fixed = prefixOf(extent, window);
  return (
    <p className="range-words" data-testid="range">
      <span className="numeric">
        |{fixed && <b>{fixed}</b>}
        <span className="faint">{"·".repeat(extent.qubits - fixed.length)}⟩</span>
      </span>{" "}
      basis states {whole(window.start)} to {whole(last)} ({powerOfTwo(window.exponent)})
      {fixed.length > 0 && `; qubits ${extent.qubits - fixed.length} to ${extent.qubits - 1} are fixed`}
    </p>
  );
}
