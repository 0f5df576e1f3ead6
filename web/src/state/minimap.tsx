/** The whole vector in one line, with the part that is in sight; a click or drag moves it. */
import { type PointerEvent, type ReactNode, useCallback, useRef } from "react";
import type { Bins } from "../data/tiles";
import { useTheme } from "../frame/theme";
import { Canvas, type Draw, useWidth } from "./canvas";
import { CANVAS } from "./phase_colour";
import { heightOf, scaleFor } from "./scale";
import { type Extent, fitted, type Window } from "./window";

const HEIGHT = 30;

export function Minimap({ bins, extent, window, change }: { bins: Bins; extent: Extent; window: Window; change: (window: Window) => void }): ReactNode {
  const theme = useTheme();
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box, 800);
  const draw = useCallback<Draw>(
    (context, wide, high) => {
      const scale = scaleFor(bins.sums, "linear");
      const step = wide / bins.count;
      for (let bin = 0; bin < bins.count; bin += 1) {
        const value = bins.sums[bin] as number;
        const unread = Number.isNaN(value);
        context.fillStyle = unread ? CANVAS[theme].unread : CANVAS[theme].faint;
        const tall = unread ? high : Math.sqrt(heightOf(value, scale)) * high;
        if (tall > 0) context.fillRect(bin * step, high - tall, Math.max(step, 0.75), tall);
      }
    },
    [bins, theme],
  );
  const all = 2 ** extent.qubits;
  const size = 2 ** window.exponent;
  const to = (event: PointerEvent) => {
    const left = box.current?.getBoundingClientRect().left ?? 0;
    change(fitted(extent, { ...window, start: ((event.clientX - left) / width) * all - size / 2 }));
  };
  const wide = Math.max(4, (size / all) * width);
  return (
    <div
      className="minimap"
      ref={box}
      aria-hidden="true"
      title="The whole vector: click or drag to move the part that is in sight. Heights are square roots."
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        to(event);
      }}
      onPointerMove={(event) => event.buttons & 1 && to(event)}
    >
      <Canvas width={width} height={HEIGHT} draw={draw} />
      <div className="minimap-window" style={{ left: Math.min(width - wide, (window.start / all) * width), width: wide }} />
    </div>
  );
}
