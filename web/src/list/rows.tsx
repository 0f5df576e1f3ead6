/** The table of runs: only the rows in sight are in the document, so that 100,000 runs scroll smoothly. */
import { type KeyboardEvent, memo, type ReactNode, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Column } from "../data/columns";
import type { ColumnDescription } from "../data/interface";
import type { Table } from "../data/table";
import { href } from "../route";
import { go } from "../routing";
import { cellText } from "../words/cell";
import { outcomeKind } from "../words/outcomes";
import { columnTitle } from "../words/column_title";
import { line, shortId } from "../words/safe";
import { machineTime } from "../words/times";
import { columnWidth } from "./columns_shown";
import { memory } from "./memory";
import type { Order } from "./sorting";

export const ROW = 30;
const HEADER = 32;
/** The width of the column of boxes, in em as the other widths. */
const CHOOSE = 2.4;
/** Rows above and below those in sight. */
const MORE = 8;

interface Props {
  /** What decides which runs are listed, and in which order. */
  question: string;
  table: Table;
  runs: Uint32Array;
  shown: ColumnDescription[];
  order: Order;
  sort: (column: string, isTime: boolean) => void;
  chosen: readonly string[];
  choose: (key: string) => void;
}

export function Rows({ question, table, runs, shown, order, sort, chosen, choose }: Props): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const keys = table.column("key");
  const keyOf = useCallback((place: number) => keys?.text(runs[place] ?? 0) ?? "", [keys, runs]);
  const [active, setActive] = useState(0);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const measure = () => setHeight(element.clientHeight);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useAnchor(box, question, keys, runs, setActive, setTop);

  const first = Math.max(0, Math.floor(top / ROW) - MORE);
  const last = Math.min(runs.length, Math.ceil((top + height) / ROW) + MORE);
  const widths = useMemo(() => shown.map((column) => columnWidth(column, table.column(column.name)) * 0.56 + 1.1), [shown, table]);
  const whole = widths.reduce((sum, width) => sum + width, CHOOSE);

  const show = (place: number) => {
    const element = box.current;
    if (!element) return;
    const at = place * ROW;
    if (at < element.scrollTop) element.scrollTop = at;
    else if (at + ROW > element.scrollTop + element.clientHeight - HEADER) element.scrollTop = at + ROW + HEADER - element.clientHeight;
  };
  const press = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor((height - HEADER) / ROW) - 1);
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -runs.length, End: runs.length };
    const step = steps[event.key];
    if (step !== undefined) {
      const next = Math.min(runs.length - 1, Math.max(0, active + step));
      setActive(next);
      memory.active = keyOf(next);
      show(next);
    } else if (event.key === "Enter") go({ view: "run", key: keyOf(active) });
    else if (event.key === " ") choose(keyOf(active));
    else return;
    event.preventDefault();
  };
  const inSight = active >= first && active < last;
  return (
    <div className="rows" ref={box} onScroll={(event) => setTop(event.currentTarget.scrollTop)} data-testid="rows">
      <table
        role="grid"
        aria-label="Runs"
        aria-rowcount={runs.length + 1}
        aria-multiselectable="true"
        aria-activedescendant={inSight ? `row-${active}` : undefined}
        tabIndex={0}
        style={{ width: `${whole}em` }}
        onKeyDown={press}
        onFocus={(event) => event.target === event.currentTarget && show(active)}
      >
        <colgroup>
          <col style={{ width: `${CHOOSE}em` }} />
          {shown.map((column, place) => (
            <col key={column.name} style={{ width: `${widths[place] ?? 8}em` }} />
          ))}
          <col />
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            <td>
              <span className="sr">Chosen</span>
            </td>
            {shown.map((column) => (
              <Head key={column.name} column={column} order={order} sort={sort} />
            ))}
            <td />
          </tr>
        </thead>
        <tbody>
          <Space rows={first} columns={shown.length + 2} />
          {Array.from({ length: last - first }, (_, at) => {
            const place = first + at;
            const key = keyOf(place);
            return (
              <Row
                key={key}
                table={table}
                run={runs[place] ?? 0}
                place={place}
                runKey={key}
                shown={shown}
                active={place === active}
                chosen={chosen.includes(key)}
                choose={choose}
              />
            );
          })}
          <Space rows={runs.length - last} columns={shown.length + 2} />
        </tbody>
      </table>
    </div>
  );
}

function listAddress(): string {
  return window.location.hash || "#/";
}

/** Keeps the rows in sight where they are when runs appear, and finds the place again when the list is opened again. */
function useAnchor(
  box: React.RefObject<HTMLDivElement>,
  question: string,
  keys: Column | undefined,
  runs: Uint32Array,
  setActive: (place: number) => void,
  setTop: (top: number) => void,
): void {
  const before = useRef<{ question: string; keys: Column | undefined; runs: Uint32Array } | null>(null);
  const placeOf = (key: string | undefined) => {
    if (key === undefined || !keys) return -1;
    for (let place = 0; place < runs.length; place += 1) if (keys.text(runs[place] ?? 0) === key) return place;
    return -1;
  };
  useLayoutEffect(() => {
    const element = box.current;
    const was = before.current;
    before.current = { question, keys, runs };
    if (!element) return;
    if (was === null) {
      if (memory.address === listAddress()) element.scrollTop = memory.top;
      setTop(element.scrollTop);
      setActive(Math.max(0, placeOf(memory.active ?? undefined)));
      return;
    }
    if (was.question !== question) {
      element.scrollTop = 0;
    } else if (was.keys !== keys && element.scrollTop > 0) {
      // Another generation of the project: the first row in sight stays the first one.
      const seen = Math.floor(element.scrollTop / ROW);
      const place = placeOf(was.keys?.text(was.runs[seen] ?? 0));
      if (place >= 0) element.scrollTop += (place - seen) * ROW;
    }
    // The event of scrolling comes later, and the rows would not be there for a moment.
    setTop(element.scrollTop);
    setActive(Math.max(0, placeOf(memory.active ?? undefined)));
  }, [question, keys, runs]);
  useEffect(() => {
    const element = box.current;
    const note = () => {
      if (!element) return;
      memory.address = listAddress();
      memory.top = element.scrollTop;
    };
    element?.addEventListener("scroll", note, { passive: true });
    return () => element?.removeEventListener("scroll", note);
  }, []);
}

function Space({ rows, columns }: { rows: number; columns: number }): ReactNode {
  if (rows <= 0) return null;
  return (
    <tr aria-hidden="true" className="space">
      <td colSpan={columns} style={{ height: rows * ROW }} />
    </tr>
  );
}

function Head({ column, order, sort }: { column: ColumnDescription; order: Order; sort: Props["sort"] }): ReactNode {
  const sorted = order.column === column.name;
  return (
    <th scope="col" aria-sort={sorted ? (order.descending ? "descending" : "ascending") : "none"} className={isRight(column) ? "right" : undefined}>
      <button type="button" onClick={() => sort(column.name, column.type === "time")} title={line(column.name, 300)}>
        <bdi>{columnTitle(column)}</bdi>
        <span aria-hidden="true" className="arrow">
          {sorted ? (order.descending ? "↓" : "↑") : ""}
        </span>
      </button>
    </th>
  );
}

function isRight(column: ColumnDescription): boolean {
  return column.type === "number" || column.type === "integer";
}

interface RowProps {
  table: Table;
  run: number;
  place: number;
  runKey: string;
  shown: ColumnDescription[];
  active: boolean;
  chosen: boolean;
  choose: (key: string) => void;
}

const Row = memo(function Row({ table, run, place, runKey, shown, active, chosen, choose }: RowProps): ReactNode {
  const id = shortId(table.column("job_id")?.text(run) ?? runKey);
  return (
    <tr
      id={`row-${place}`}
      aria-rowindex={place + 2}
      aria-selected={chosen}
      className={active ? "active" : undefined}
      onClick={(event) => {
        const at = event.target as Element;
        if (!at.closest("a,input,label") && !window.getSelection()?.toString()) go({ view: "run", key: runKey });
      }}
    >
      <td className="choose">
        <label>
          <span className="sr">Choose run {id} for a comparison</span>
          <input type="checkbox" tabIndex={-1} checked={chosen} onChange={() => choose(runKey)} />
        </label>
      </td>
      {shown.map((column) => (
        <Cell key={column.name} column={column} values={table.column(column.name)} run={run} runKey={runKey} />
      ))}
      <td />
    </tr>
  );
});

function Cell({ column, values, run, runKey }: { column: ColumnDescription; values: Column | undefined; run: number; runKey: string }): ReactNode {
  if (!values) return <td className="waiting">…</td>;
  if (column.name === "job_id") {
    return (
      <td className="id">
        <a href={href({ view: "run", key: runKey })} tabIndex={-1} title={line(values.text(run), 300)}>
          <bdi>{shortId(values.text(run))}</bdi>
        </a>
      </td>
    );
  }
  const text = cellText(values, run);
  if (column.name === "outcome") {
    return (
      <td>
        <span className={`dot outcome-${outcomeKind(text)}`} aria-hidden="true" /> <bdi>{text}</bdi>
      </td>
    );
  }
  if (column.type === "texts") {
    const value = values.value(run);
    return (
      <td className="tags" title={text}>
        {Array.isArray(value) && value.slice(0, 8).map((tag, place) => <bdi key={place}>{line(String(tag), 30)}</bdi>)}
      </td>
    );
  }
  if (column.type === "time") {
    return (
      <td className="numeric">
        <time dateTime={machineTime(values.number(run))}>{text}</time>
      </td>
    );
  }
  return (
    <td className={isRight(column) ? "numeric right" : undefined} title={text.length > 12 ? text : undefined}>
      <bdi>{text}</bdi>
    </td>
  );
}
