/** A heat map of a matrix: strength of colour is magnitude, colour is phase. */
import { type KeyboardEvent, type PointerEvent, type ReactNode, useCallback, useMemo, useRef, useState } from "react";
import type { Cells } from "../data/tiles";
import { useTheme } from "../frame/theme";
import { bits } from "../words/bits";
import { short } from "../words/numbers";
import { Swatch } from "./bin_tip";
import { phaseText } from "./bin_words";
import { Canvas, type Draw, useWidth } from "./canvas";
import { aroundMatrix, type MatrixWindow, movedMatrix, wholeMatrix, zoomedMatrix } from "./matrix_window";
import { CANVAS, mixed, phaseColour } from "./phase_colour";
import { heightOf, scaleFor } from "./scale";
import { useWheel } from "./vector_chart";
import type { Extent } from "./window";

const WIDEST = 640;
const DRAG = 4;

interface Props {
  label: string;
  /** The id of the element that says which keys there are. */
  describedBy: string;
  cells: Cells;
  log: boolean;
  extent: Extent;
  window: MatrixWindow;
  change: (window: MatrixWindow) => void;
}

export function MatrixChart({ label, describedBy, cells, log, extent, window, change }: Props): ReactNode {
  const theme = useTheme();
  const place = useRef<HTMLDivElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const side = Math.min(useWidth(place, WIDEST), WIDEST);
  const [pointed, setPointed] = useState<[number, number] | null>(null);
  const [dragged, setDragged] = useState<[number, number] | null>(null);
  const down = useRef<[number, number] | null>(null);
  const scale = useMemo(() => scaleFor(cells.magnitudes, log ? "log" : "linear"), [cells, log]);

  const picture = useMemo(() => {
    const image = new ImageData(cells.count, cells.count);
    const { paper } = CANVAS[theme];
    for (let at = 0; at < cells.magnitudes.length; at += 1) {
      const magnitude = cells.magnitudes[at] as number;
      const colour = Number.isNaN(magnitude)
        ? mixed(paper, [128, 128, 128], 0.25)
        : mixed(paper, phaseColour(cells.phases[at] as number, theme), heightOf(magnitude, scale));
      image.data.set([...colour, 255], at * 4);
    }
    const canvas = document.createElement("canvas");
    canvas.width = cells.count;
    canvas.height = cells.count;
    canvas.getContext("2d")?.putImageData(image, 0, 0);
    return canvas;
  }, [cells, scale, theme]);
  const draw = useCallback<Draw>(
    (context, width, height) => {
      context.imageSmoothingEnabled = false;
      context.drawImage(picture, 0, 0, width, height);
    },
    [picture],
  );

  const at = (event: { clientX: number; clientY: number }): [number, number] => {
    const from = box.current?.getBoundingClientRect();
    const fit = (value: number) => Math.min(side - 1e-6, Math.max(0, value));
    return [fit(event.clientY - (from?.top ?? 0)), fit(event.clientX - (from?.left ?? 0))];
  };
  const cellAt = ([y, x]: [number, number]): [number, number] => [Math.floor((y / side) * cells.count), Math.floor((x / side) * cells.count)];
  const size = 2 ** (extent.qubits - cells.level);
  const elements = ([row, column]: [number, number], end: 0 | 1): [number, number] => [
    (cells.row + row + end) * size - end,
    (cells.column + column + end) * size - end,
  ];

  useWheel(box, (event) => {
    const [y, x] = at(event);
    change(zoomedMatrix(extent, window, event.deltaY < 0 ? 1 : -1, y / side, x / side));
  });
  const move = (event: PointerEvent) => {
    const here = at(event);
    setPointed(here);
    const from = down.current;
    if (from && Math.hypot(here[0] - from[0], here[1] - from[1]) > DRAG) setDragged(here);
  };
  const up = (event: PointerEvent) => {
    const from = down.current;
    down.current = null;
    if (!from) return;
    const [a, b] = [cellAt(from), cellAt(at(event))];
    if (dragged) {
      change(aroundMatrix(extent, elements([Math.min(a[0], b[0]), Math.min(a[1], b[1])], 0), elements([Math.max(a[0], b[0]), Math.max(a[1], b[1])], 1)));
    } else {
      change(zoomedMatrix(extent, window, 2, from[0] / side, from[1] / side));
    }
    setDragged(null);
  };
  const press = (event: KeyboardEvent) => {
    const next = keyedMatrix(event, extent, window);
    if (!next) return;
    event.preventDefault();
    change(next);
  };
  const from = down.current;
  return (
    <div ref={place}>
      <div
        className="chart heat"
        ref={box}
        role="group"
        aria-label={label}
        aria-describedby={describedBy}
        tabIndex={0}
        style={{ width: side, height: side }}
        onKeyDown={press}
        onPointerMove={move}
        onPointerLeave={() => !down.current && setPointed(null)}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          down.current = at(event);
          event.currentTarget.setPointerCapture(event.pointerId);
        }}
        onPointerUp={up}
        onPointerCancel={() => ((down.current = null), setDragged(null))}
        data-testid="matrix"
      >
        <Canvas width={side} height={side} draw={draw} aria-hidden="true" />
        {from && dragged && (
          <div
            className="chart-range"
            style={{
              top: Math.min(from[0], dragged[0]),
              left: Math.min(from[1], dragged[1]),
              height: Math.abs(from[0] - dragged[0]),
              width: Math.abs(from[1] - dragged[1]),
            }}
          />
        )}
        {pointed && !dragged && <CellTip cells={cells} cell={cellAt(pointed)} qubits={extent.qubits} at={pointed} side={side} />}
      </div>
    </div>
  );
}

export function cellBits(qubits: number, level: number, bin: number): string {
  return `${bits(bin, level)}${"·".repeat(qubits - level)}`;
}

function CellTip({ cells, cell, qubits, at, side }: { cells: Cells; cell: [number, number]; qubits: number; at: [number, number]; side: number }): ReactNode {
  const place = cell[0] * cells.count + cell[1];
  const magnitude = cells.magnitudes[place] ?? NaN;
  const phase = cells.phases[place] ?? NaN;
  const one = cells.level === qubits;
  return (
    <div
      className="tip"
      style={{
        ...(at[1] > side / 2 ? { right: side - at[1] + 14 } : { left: at[1] + 14 }),
        ...(at[0] > side / 2 ? { bottom: side - at[0] + 10 } : { top: at[0] + 10 }),
      }}
      data-testid="tip"
    >
      <div className="numeric tip-bits">
        ⟨{cellBits(qubits, cells.level, cells.row + cell[0])}|·|{cellBits(qubits, cells.level, cells.column + cell[1])}⟩
      </div>
      {Number.isNaN(magnitude) ? (
        <div>not read yet</div>
      ) : (
        <>
          <div>
            {one ? "magnitude" : "greatest magnitude"} <b>{short(magnitude)}</b>
          </div>
          {magnitude > 0 && (
            <div>
              <Swatch phase={phase} /> phase {phaseText(phase)}
            </div>
          )}
        </>
      )}
    </div>
  );
}

function keyedMatrix(event: { key: string; ctrlKey: boolean; metaKey: boolean; altKey: boolean }, extent: Extent, window: MatrixWindow): MatrixWindow | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  switch (event.key) {
    case "+":
    case "=":
      return zoomedMatrix(extent, window, 1);
    case "-":
    case "Backspace":
      return zoomedMatrix(extent, window, -1);
    case "ArrowLeft":
      return movedMatrix(extent, window, 0, -0.25);
    case "ArrowRight":
      return movedMatrix(extent, window, 0, 0.25);
    case "ArrowUp":
      return movedMatrix(extent, window, -0.25, 0);
    case "ArrowDown":
      return movedMatrix(extent, window, 0.25, 0);
    case "Home":
      return wholeMatrix(extent);
    default:
      return null;
  }
}
