/** Draws a sweep with Observable Plot. */
import * as Plot from "@observablehq/plot";
import { type ReactNode, useLayoutEffect, useRef } from "react";
import type { Column } from "../data/columns";
import { useTheme } from "../frame/theme";
import { useWidth } from "../state/canvas";
import { short, whole } from "../words/numbers";
import { line, shortId } from "../words/safe";
import { cellText } from "../words/cell";
import { columnTitle } from "../words/column_title";
import { binned, categories, type Cell, MOST_POINTS, type Point } from "./points";

interface Props {
  points: Point[];
  x: Column;
  y: Column;
  colour: Column | undefined;
  ids: Column | undefined;
  names: Column | undefined;
  lines: boolean;
  open: (run: number) => void;
  zoom: (cell: Cell) => void;
}

const isTime = (column: Column) => column.type === "time";
/** Plot takes dates; the columns have microseconds. */
const scaled = (column: Column) => (value: number) => (isTime(column) ? new Date(value / 1000) : value);

export function SweepPlot(props: Props): ReactNode {
  const { points, x, y, colour, ids, names, lines, open, zoom } = props;
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box, 900);
  const theme = useTheme();
  useLayoutEffect(() => {
    const place = box.current;
    if (!place) return undefined;
    const [toX, toY] = [scaled(x), scaled(y)];
    const many = points.length > MOST_POINTS;
    const scheme = "turbo";
    const marks: Plot.Markish[] = [];
    let scale: Plot.ScaleOptions = {};
    if (many) {
      const ofNumbers = colour?.numbers ? colour : undefined;
      const cells = binned(points, ofNumbers, Math.min(100, Math.ceil(width / 9)), 60);
      const title = (cell: Cell) =>
        [`${whole(cell.runs)} ${cell.runs === 1 ? "run" : "runs"}`, ofNumbers ? `${columnTitle(ofNumbers)}: mean ${short(cell.mean)}` : ""].filter(Boolean).join("\n");
      const geometry = {
        x1: (cell: Cell) => toX(cell.x1),
        x2: (cell: Cell) => toX(cell.x2),
        y1: (cell: Cell) => toY(cell.y1),
        y2: (cell: Cell) => toY(cell.y2),
      };
      marks.push(Plot.rect(cells, { ...geometry, inset: 0, fill: ofNumbers ? "mean" : "runs" }));
      marks.push(Plot.tip(cells, Plot.pointer({ ...geometry, title })));
      scale = ofNumbers ? { scheme, label: `mean of ${columnTitle(ofNumbers)}`, legend: true } : { type: "log", scheme: theme === "dark" ? "viridis" : "YlGnBu", label: "runs", legend: true };
    } else {
      const place = { x: (point: Point) => toX(point.x), y: (point: Point) => toY(point.y) };
      const title = (point: Point) =>
        [
          `${shortId(ids?.text(point.run) ?? "")} ${line(names?.text(point.run) ?? "", 40)}`.trim(),
          `${columnTitle(x)}: ${cellText(x, point.run)}`,
          `${columnTitle(y)}: ${cellText(y, point.run)}`,
          ...(colour ? [`${columnTitle(colour)}: ${cellText(colour, point.run, 40)}`] : []),
        ].join("\n");
      let fill: ((point: Point) => string | number) | string = "var(--bar)";
      if (colour?.numbers) {
        fill = (point) => colour.number(point.run);
        scale = { scheme, label: columnTitle(colour), legend: true, ...(isTime(colour) ? { tickFormat: (value: number) => new Date(value / 1000).toISOString().slice(0, 10) } : {}) };
      } else if (colour) {
        const { names: domain, nameOf } = categories(points, colour);
        const shown = (text: string) => (text === "" ? "none" : line(text, 30));
        fill = (point) => shown(nameOf(point.run));
        scale = { type: "categorical", domain: [...new Set(domain.map(shown))], scheme: theme === "dark" ? "Set2" : "Dark2", legend: true };
      }
      if (lines) marks.push(Plot.line(points, { ...place, sort: "x", stroke: "var(--faint)", strokeWidth: 1 }));
      marks.push(Plot.dot(points, { ...place, fill, r: points.length > 1000 ? 2 : 3.5, fillOpacity: 0.85 }));
      marks.push(Plot.dot(points, Plot.pointer({ ...place, stroke: "var(--ink)", r: 6, strokeWidth: 1.5 })));
      marks.push(Plot.tip(points, Plot.pointer({ ...place, title })));
    }
    const figure = Plot.plot({
      width,
      height: Math.max(300, Math.min(460, width * 0.6)),
      marginLeft: 64,
      marginBottom: 42,
      className: "plot",
      style: { background: "transparent", fontSize: "12px" },
      x: { label: columnTitle(x), grid: true, type: isTime(x) ? "time" : "linear", nice: !many },
      y: { label: columnTitle(y), grid: true, type: isTime(y) ? "time" : "linear", nice: !many },
      color: scale,
      marks,
    });
    // These rules are in sweep.css: the page allows no style elements.
    for (const style of figure.querySelectorAll("style")) style.remove();
    figure.setAttribute("aria-hidden", "true");
    const click = () => {
      const chosen: unknown = (figure as unknown as { value: unknown }).value;
      if (typeof chosen !== "object" || chosen === null) return;
      if ("run" in chosen) open((chosen as Point).run);
      else zoom(chosen as Cell);
    };
    figure.addEventListener("click", click);
    place.replaceChildren(figure);
    return () => figure.remove();
  }, [points, x, y, colour, ids, names, lines, width, theme, open, zoom]);
  return <div className="sweep-plot" ref={box} data-testid="sweep-plot" />;
}
