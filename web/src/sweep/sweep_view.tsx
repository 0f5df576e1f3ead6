/** Any number of each run over any other. */
import { type ReactNode, useCallback, useMemo, useState } from "react";
import { useProject } from "../data/following";
import type { Column } from "../data/columns";
import type { ColumnDescription } from "../data/interface";
import { condition } from "../filter/chips";
import { FilterBox } from "../list/filter_box";
import { useFound } from "../list/found";
import { href } from "../route";
import { go, useSettings } from "../routing";
import { cellText } from "../words/cell";
import { columnTitle } from "../words/column_title";
import { counted, exact, whole } from "../words/numbers";
import { Failure, Loading, Notice } from "../words/notices";
import { line, shortId } from "../words/safe";
import { axesOf, canColour, isPlottable } from "./axes";
import { SweepPlot } from "./plot";
import { type Cell, MOST_POINTS, type Point, pointsOf } from "./points";
import { Wide } from "../words/wide";

export default function SweepView(): ReactNode {
  const project = useProject();
  const [settings, change] = useSettings();
  const text = settings.get("filter") ?? "";
  const nested = settings.get("nested") === "1";
  const lines = settings.get("lines") === "1";
  const axes = useMemo(() => axesOf(project, settings), [project, settings]);
  const names = axes ? ["job_id", "name", axes.x, axes.y, ...(axes.colour ? [axes.colour] : [])] : [];
  const found = useFound(text, nested, names);
  const [x, y] = [found.table?.column(axes?.x ?? ""), found.table?.column(axes?.y ?? "")];
  const colour = axes?.colour ? found.table?.column(axes.colour) : undefined;
  const points = useMemo(() => (x && y ? pointsOf(found.runs, x, y) : []), [found.runs, x, y]);
  const keys = found.table?.column("key");
  const open = useCallback((run: number) => keys && go({ view: "run", key: keys.text(run) }), [keys]);
  const zoom = useCallback(
    (cell: Cell) => {
      if (!axes) return;
      const limits = [
        ...limitsOf(axes.x, cell.x1, cell.x2, x?.type === "time"),
        ...limitsOf(axes.y, cell.y1, cell.y2, y?.type === "time"),
      ];
      change({ filter: [text, ...limits].filter(Boolean).join(" ") }, true);
    },
    [axes, change, text, x, y],
  );
  const setFilter = useCallback((next: string) => change({ filter: next }), [change]);
  if (!axes) {
    return (
      <Notice title="There is nothing to plot yet" main>
        <p>A sweep needs runs with numbers: parameters (labels), saved values, or what the catalogue knows of each run.</p>
      </Notice>
    );
  }
  return (
    <>
      <h1 className="sr">Sweep</h1>
      <FilterBox text={text} change={setFilter} error={found.filterError}>
        <a className="button" href={href({ view: "list" }, { filter: text, nested: nested ? "1" : null })}>
          List these
        </a>
      </FilterBox>
      <section className="card sweep-card" aria-label="Plot">
        <div className="axes">
          <AxisChooser label="y" columns={project.columns.filter(isPlottable)} value={axes.y} choose={(name) => change({ y: name })} />
          <span className="faint">over</span>
          <AxisChooser label="x" columns={project.columns.filter(isPlottable)} value={axes.x} choose={(name) => change({ x: name })} />
          <AxisChooser label="colour" none="one colour" columns={project.columns.filter(canColour)} value={axes.colour ?? ""} choose={(name) => change({ colour: name })} />
          <label className="check">
            <input type="checkbox" checked={lines} onChange={() => change({ lines: lines ? null : "1" })} />
            lines
          </label>
        </div>
        {found.error ? (
          <Failure error={found.error} what="The sweep cannot be shown" />
        ) : !x || !y ? (
          <Loading what="the columns" />
        ) : (
          <>
            <p className="list-count" role="status" data-testid="sweep-count">
              {pointsWords(points.length, found.runs.length)}
              {points.length > MOST_POINTS && ` More than ${whole(MOST_POINTS)} points are binned; a click on a cell shows its runs.`}
            </p>
            {points.length === 0 ? (
              <Notice title="No run has both values">
                <p>
                  None of the {counted(found.runs.length, "run")} that the filter finds has both {columnTitle(x)} and {columnTitle(y)}. Choose other
                  columns, or another filter.
                </p>
              </Notice>
            ) : (
              <SweepPlot
                points={points}
                x={x}
                y={y}
                colour={colour}
                ids={found.table?.column("job_id")}
                names={found.table?.column("name")}
                lines={lines && points.length <= MOST_POINTS}
                open={open}
                zoom={zoom}
              />
            )}
          </>
        )}
      </section>
      {x && y && points.length > 0 && (
        <PointsTable points={points} columns={[x, y, ...(colour && colour !== x && colour !== y ? [colour] : [])]} keys={keys} ids={found.table?.column("job_id")} />
      )}
    </>
  );
}

function pointsWords(points: number, runs: number): string {
  return points === runs ? `${counted(points, "run")}.` : `${counted(points, "run")} with both values, of ${whole(runs)}.`;
}

function limitsOf(name: string, first: number, last: number, time: boolean): string[] {
  const text = (value: number) => (time ? new Date(value / 1000).toISOString() : exact(value));
  return [condition(name, ">=", text(first)), condition(name, "<=", text(last))];
}

interface ChooserProps {
  label: string;
  none?: string;
  columns: ColumnDescription[];
  value: string;
  choose: (name: string | null) => void;
}

function AxisChooser({ label, none, columns, value, choose }: ChooserProps): ReactNode {
  const groups = [...new Set(columns.map((column) => column.group))];
  return (
    <label>
      {label}{" "}
      <select value={value} onChange={(event) => choose(event.target.value || null)} data-testid={`axis-${label}`}>
        {none !== undefined && <option value="">{none}</option>}
        {groups.map((group) => (
          <optgroup key={group} label={line(group, 30)}>
            {columns
              .filter((column) => column.group === group)
              .map((column) => (
                <option key={column.name} value={column.name}>
                  {columnTitle(column)}
                </option>
              ))}
          </optgroup>
        ))}
      </select>
    </label>
  );
}

const STEP = 50;

function PointsTable({ points, columns, keys, ids }: { points: Point[]; columns: Column[]; keys: Column | undefined; ids: Column | undefined }): ReactNode {
  const [number, setNumber] = useState(STEP);
  const sorted = useMemo(() => points.slice().sort((a, b) => a.x - b.x || a.y - b.y), [points]);
  return (
    <section className="card" aria-labelledby="points">
      <h2 id="points">Points</h2>
      <Wide aria-labelledby="points">
        <table data-testid="points">
          <thead>
            <tr>
              <th scope="col">run</th>
              {columns.map((column) => (
                <th key={column.name} scope="col" className={column.numbers ? "right" : undefined}>
                  <bdi>{columnTitle(column)}</bdi>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sorted.slice(0, number).map(({ run }) => (
              <tr key={run}>
                <th scope="row" className="id">
                  <a href={href({ view: "run", key: keys?.text(run) ?? "" })}>
                    <bdi>{shortId(ids?.text(run) ?? "")}</bdi>
                  </a>
                </th>
                {columns.map((column) => (
                  <td key={column.name} className={column.numbers ? "numeric right" : undefined}>
                    <bdi>{cellText(column, run, 40)}</bdi>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
      {sorted.length > number && (
        <button type="button" className="link" onClick={() => setNumber(number + 10 * STEP)}>
          Show {whole(Math.min(10 * STEP, sorted.length - number))} more of {whole(sorted.length)}
        </button>
      )}
    </section>
  );
}
