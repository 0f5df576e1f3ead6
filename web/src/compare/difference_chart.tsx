/** The difference of the probabilities of two vectors, bin by bin. */
import { type KeyboardEvent, type ReactNode, useCallback, useMemo, useRef, useState } from "react";
import type { Bins } from "../data/tiles";
import { useTheme } from "../frame/theme";
import { binBits, binRange } from "../state/bin_words";
import { Canvas, type Draw, useWidth } from "../state/canvas";
import { CANVAS } from "../state/phase_colour";
import { keyed, LEFT, useWheel } from "../state/vector_chart";
import { type Extent, moved, ofBin, type Window, zoomed } from "../state/window";
import { short } from "../words/numbers";

const HEIGHT = 200;
const RIGHT = 8;

interface Props {
  first: Bins;
  second: Bins;
  extent: Extent;
  window: Window;
  change: (window: Window) => void;
  describedBy: string;
}

export function DifferenceChart({ first, second, extent, window, change, describedBy }: Props): ReactNode {
  const theme = useTheme();
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box, 800);
  const inner = Math.max(1, width - LEFT - RIGHT);
  const [pointed, setPointed] = useState<{ bin: number; x: number } | null>(null);
  const values = useMemo(() => first.sums.map((value, bin) => (second.sums[bin] as number) - value), [first, second]);
  const greatest = useMemo(() => values.reduce((most, value) => Math.max(most, Math.abs(value) || 0), 0) || 1, [values]);
  const draw = useCallback<Draw>(
    (context, wide, high) => {
      const colours = CANVAS[theme];
      const middle = high / 2;
      const room = middle - 10;
      context.font = "11px system-ui, sans-serif";
      context.textAlign = "right";
      context.textBaseline = "middle";
      for (const part of [-1, 0, 1]) {
        context.fillStyle = colours.line;
        context.fillRect(LEFT, middle - part * room, wide - LEFT - RIGHT, 1);
        context.fillStyle = colours.faint;
        context.fillText(`${part > 0 ? "+" : ""}${short(part * greatest, 3)}`, LEFT - 6, middle - part * room);
      }
      const step = (wide - LEFT - RIGHT) / values.length;
      values.forEach((value, bin) => {
        const x = LEFT + bin * step;
        if (Number.isNaN(value)) {
          context.fillStyle = colours.unread;
          context.fillRect(x, 10, step + 0.5, 2 * room);
          return;
        }
        const tall = (Math.abs(value) / greatest) * room;
        context.fillStyle = value > 0 ? colours.second : colours.bar;
        if (tall > 0) context.fillRect(x, value > 0 ? middle - tall : middle, Math.max(step - (step > 6 ? 1 : 0), 0.75), Math.max(tall, 0.5));
      });
    },
    [values, greatest, theme],
  );
  const fraction = (x: number) => Math.min(1 - 1e-9, Math.max(0, (x - LEFT) / inner));
  const xOf = (event: { clientX: number }) => event.clientX - (box.current?.getBoundingClientRect().left ?? 0);
  useWheel(box, (event) => {
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) change(moved(extent, window, Math.sign(event.deltaX || event.deltaY) * 0.125));
    else change(zoomed(extent, window, event.deltaY < 0 ? 1 : -1, fraction(xOf(event))));
  });
  const press = (event: KeyboardEvent) => {
    const next = keyed(event, extent, window);
    if (!next) return;
    event.preventDefault();
    change(next);
  };
  const value = pointed ? values[pointed.bin] : undefined;
  return (
    <div
      className="chart"
      ref={box}
      role="group"
      aria-label="Difference of the probabilities, second minus first"
      aria-describedby={describedBy}
      tabIndex={0}
      onKeyDown={press}
      onPointerMove={(event) => {
        const x = xOf(event);
        setPointed({ bin: Math.floor(fraction(x) * values.length), x });
      }}
      onPointerLeave={() => setPointed(null)}
      onClick={(event) => change(ofBin(extent, first.level, first.first + Math.floor(fraction(xOf(event)) * values.length)))}
      data-testid="difference-chart"
    >
      <Canvas width={width} height={HEIGHT} draw={draw} aria-hidden="true" />
      {pointed && value !== undefined && (
        <div className="tip" style={pointed.x > width / 2 ? { right: width - pointed.x + 14 } : { left: pointed.x + 14 }}>
          <div className="numeric tip-bits">{binBits(first, pointed.bin)}</div>
          <div className="faint">{binRange(first, pointed.bin)}</div>
          <div>
            first {short(first.sums[pointed.bin] as number)}, second {short(second.sums[pointed.bin] as number)}
          </div>
          <div>
            difference <b>{short(value)}</b>
          </div>
        </div>
      )}
    </div>
  );
}
