/** Which colour is which phase. */
import { type ReactNode, useCallback } from "react";
import { useTheme } from "../frame/theme";
import { Canvas, type Draw } from "./canvas";
import { css, phaseColour } from "./phase_colour";

const WIDTH = 180;

export function PhaseLegend(): ReactNode {
  const theme = useTheme();
  const draw = useCallback<Draw>(
    (context, width, height) => {
      for (let x = 0; x < width; x += 1) {
        context.fillStyle = css(phaseColour(((x + 0.5) / width) * 2 * Math.PI - Math.PI, theme));
        context.fillRect(x, 0, 1, height);
      }
    },
    [theme],
  );
  return (
    <figure className="legend">
      <Canvas width={WIDTH} height={12} draw={draw} role="img" aria-label="Colours of phases from minus pi to pi, around a circle" />
      <div className="legend-ticks" aria-hidden="true">
        <span>−π</span>
        <span>−π/2</span>
        <span>0</span>
        <span>π/2</span>
        <span>π</span>
      </div>
      <figcaption className="faint">
        Colour is the phase of the most probable amplitude: the lightest is 0, the darkest ±π. The number is said where you point, and in the table.
      </figcaption>
    </figure>
  );
}
