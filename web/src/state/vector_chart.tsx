/** A chart of bins: height is probability, colour is phase. It zooms by wheel, click, drag and keys. */
import { type KeyboardEvent, type PointerEvent, type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import type { Bins } from "../data/tiles";
import { useTheme } from "../frame/theme";
import { Canvas, type Draw, useWidth } from "./canvas";
import { CANVAS, css, phaseColour } from "./phase_colour";
import { bits } from "../words/bits";
import { whole } from "../words/numbers";
import { BinTip } from "./bin_tip";
import { binSize } from "./bin_words";
import { heightOf, type Scale, ticks } from "./scale";
import { around, type Extent, moved, ofBin, type Window, wholeWindow, zoomed } from "./window";

export const LEFT = 58;
const RIGHT = 8;
const TOP = 10;
const BOTTOM = 20;
const HEIGHT = 274;
/** How far the pointer moves before it is a drag, in pixels. */
const DRAG = 4;
/** How far a wheel turns for one step of zoom. */
const TURN = 80;

interface Props {
  label: string;
  /** The id of the element that says which keys there are. */
  describedBy: string;
  bins: Bins;
  values: Float32Array;
  scale: Scale;
  /** Whether colours say phases. */
  coloured: boolean;
  colour?: "bar" | "second";
  extent: Extent;
  window: Window;
  change: (window: Window) => void;
  height?: number;
}

export function VectorChart({ label, describedBy, bins, values, scale, coloured, colour = "bar", extent, window, change, height = HEIGHT }: Props): ReactNode {
  const theme = useTheme();
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box, 800);
  const inner = Math.max(1, width - LEFT - RIGHT);
  const [pointed, setPointed] = useState<{ bin: number; x: number } | null>(null);
  const [dragged, setDragged] = useState<{ from: number; to: number } | null>(null);
  const down = useRef<number | null>(null);

  const draw = useCallback<Draw>(
    (context, wide, high) => {
      const colours = CANVAS[theme];
      const floor = high - BOTTOM;
      const room = floor - TOP;
      context.font = "11px system-ui, sans-serif";
      context.textAlign = "right";
      context.textBaseline = "middle";
      for (const { value, text } of ticks(scale)) {
        const y = Math.round(floor - room * (scale.kind === "linear" ? value / scale.greatest : heightOf(value, scale))) + 0.5;
        context.fillStyle = colours.line;
        context.fillRect(LEFT, y, wide - LEFT - RIGHT, 1);
        context.fillStyle = colours.faint;
        context.fillText(text, LEFT - 6, y);
      }
      const step = (wide - LEFT - RIGHT) / bins.count;
      const gap = step > 6 ? 1 : 0;
      for (let bin = 0; bin < bins.count; bin += 1) {
        const value = values[bin] as number;
        const x = LEFT + bin * step;
        if (Number.isNaN(value)) {
          context.fillStyle = colours.unread;
          context.fillRect(x, TOP, step + 0.5, room);
          continue;
        }
        const tall = room * heightOf(value, scale);
        if (tall <= 0) continue;
        context.fillStyle = coloured ? css(phaseColour(bins.phases[bin] as number, theme)) : colours[colour];
        context.fillRect(x, floor - Math.max(tall, 0.75), Math.max(step - gap, 0.75), Math.max(tall, 0.75));
      }
      context.fillStyle = colours.faint;
      context.fillRect(LEFT, floor, wide - LEFT - RIGHT, 1);
      drawPlaces(context, bins, step, floor + 11);
    },
    [bins, values, scale, coloured, colour, theme],
  );

  const fraction = (x: number) => Math.min(1 - 1e-9, Math.max(0, (x - LEFT) / inner));
  const binAt = (x: number) => Math.floor(fraction(x) * bins.count);
  const xOf = (event: { clientX: number }) => event.clientX - (box.current?.getBoundingClientRect().left ?? 0);

  useWheel(box, (event) => {
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
      change(moved(extent, window, Math.sign(event.deltaX || event.deltaY) * 0.125));
    } else {
      change(zoomed(extent, window, event.deltaY < 0 ? 1 : -1, fraction(xOf(event))));
    }
  });

  const move = (event: PointerEvent) => {
    const x = xOf(event);
    setPointed({ bin: binAt(x), x });
    if (down.current !== null && Math.abs(x - down.current) > DRAG) setDragged({ from: down.current, to: x });
  };
  const up = (event: PointerEvent) => {
    const x = xOf(event);
    const from = down.current;
    down.current = null;
    if (from === null) return;
    const size = 2 ** (extent.qubits - bins.level);
    if (dragged) {
      const [a, b] = [binAt(Math.min(from, x)), binAt(Math.max(from, x))];
      change(around(extent, (bins.first + a) * size, (bins.first + b + 1) * size - 1));
    } else {
      change(ofBin(extent, bins.level, bins.first + binAt(x)));
    }
    setDragged(null);
  };
  const press = (event: KeyboardEvent) => {
    const next = keyed(event, extent, window);
    if (!next) return;
    event.preventDefault();
    change(next);
  };
  return (
    <div
      className="chart"
      ref={box}
      role="group"
      aria-label={label}
      aria-describedby={describedBy}
      tabIndex={0}
      onKeyDown={press}
      onPointerMove={move}
      onPointerLeave={() => down.current === null && setPointed(null)}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        down.current = xOf(event);
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerUp={up}
      onPointerCancel={() => ((down.current = null), setDragged(null))}
      data-testid="chart"
    >
      <Canvas width={width} height={height} draw={draw} aria-hidden="true" />
      {dragged && (
        <div
          className="chart-range"
          style={{ left: Math.max(LEFT, Math.min(dragged.from, dragged.to)), width: Math.abs(dragged.to - dragged.from) }}
        />
      )}
      {pointed && !dragged && pointed.bin < bins.count && (
        <>
          <div className="chart-line" style={{ left: LEFT + ((pointed.bin + 0.5) * inner) / bins.count }} />
          <BinTip bins={bins} bin={pointed.bin} phases={coloured} left={pointed.x} width={width} />
        </>
      )}
    </div>
  );
}

/** Writes below the bars which basis states they are, or at least the first and the last in sight. */
function drawPlaces(context: CanvasRenderingContext2D, bins: Bins, step: number, y: number): void {
  context.font = "11px ui-monospace, 'DejaVu Sans Mono', monospace";
  const widest = context.measureText("0".repeat(bins.level)).width + 6;
  if (bins.level > 0 && step >= widest) {
    context.textAlign = "center";
    for (let bin = 0; bin < bins.count; bin += 1) context.fillText(bits(bins.first + bin, bins.level), LEFT + (bin + 0.5) * step, y);
    return;
  }
  const size = binSize(bins);
  context.textAlign = "left";
  context.fillText(whole(bins.first * size), LEFT, y);
  context.textAlign = "right";
  context.fillText(whole((bins.first + bins.count) * size - 1), LEFT + bins.count * step, y);
}

/** The window after a key; null if the key means nothing here. */
export function keyed(event: { key: string; ctrlKey: boolean; metaKey: boolean; altKey: boolean }, extent: Extent, window: Window): Window | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  switch (event.key) {
    case "+":
    case "=":
    case "ArrowUp":
      return zoomed(extent, window, 1);
    case "-":
    case "Backspace":
    case "ArrowDown":
      return zoomed(extent, window, -1);
    case "ArrowLeft":
      return moved(extent, window, -0.25);
    case "ArrowRight":
      return moved(extent, window, 0.25);
    case "Home":
      return wholeWindow(extent);
    default:
      return null;
  }
}

/** Calls `turn` for each step of a wheel, and keeps the page from scrolling meanwhile. */
export function useWheel(element: React.RefObject<HTMLElement>, turn: (event: WheelEvent) => void): void {
  const latest = useRef(turn);
  latest.current = turn;
  useEffect(() => {
    const node = element.current;
    let turned = 0;
    const wheel = (event: WheelEvent) => {
      if (event.ctrlKey) return;
      event.preventDefault();
      const size = event.deltaMode === 0 ? 1 : TURN / 3;
      turned += Math.max(Math.abs(event.deltaX), Math.abs(event.deltaY)) * size;
      if (turned < TURN) return;
      turned = 0;
      latest.current(event);
    };
    node?.addEventListener("wheel", wheel, { passive: false });
    return () => node?.removeEventListener("wheel", wheel);
  }, [element]);
}
