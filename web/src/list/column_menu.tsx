/** The menu that chooses the columns of the list. */
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useProject } from "../data/following";
import { columnTitle } from "../words/column_title";
import { line } from "../words/safe";
import { columnsSetting, HIDDEN } from "./columns_shown";

const GROUPS: Record<string, string> = {
  run: "Run",
  params: "Parameters",
  metadata: "Metadata of circuits",
  circuit: "Circuit",
  saved: "Saved values",
  bound: "Bound parameters",
  counts: "Counts",
};

export function ColumnMenu({ shown, change }: { shown: ReadonlySet<string>; change: (setting: string | null) => void }): ReactNode {
  const project = useProject();
  const details = useRef<HTMLDetailsElement>(null);
  const [looked, setLooked] = useState("");
  useEffect(() => {
    const close = (event: Event) => {
      if (!details.current?.open) return;
      if (event instanceof KeyboardEvent) {
        if (event.key !== "Escape") return;
        details.current.open = false;
        details.current.querySelector("summary")?.focus();
      } else if (!(event.target instanceof Node) || !details.current.contains(event.target)) {
        details.current.open = false;
      }
    };
    document.addEventListener("keydown", close);
    document.addEventListener("pointerdown", close);
    return () => {
      document.removeEventListener("keydown", close);
      document.removeEventListener("pointerdown", close);
    };
  }, []);
  const toggle = (name: string) => {
    const next = new Set(shown);
    if (!next.delete(name)) next.add(name);
    change(columnsSetting(project, next));
  };
  const columns = project.columns.filter(
    (column) => !HIDDEN.has(column.name) && `${column.name} ${column.title}`.toLowerCase().includes(looked.toLowerCase()),
  );
  const groups = [...new Set(columns.map((column) => column.group))];
  return (
    <details className="menu" ref={details}>
      <summary>Columns</summary>
      <div className="menu-body">
        <div className="menu-line">
          <input type="search" aria-label="Find a column" placeholder="find a column" value={looked} onChange={(event) => setLooked(event.target.value)} />
          <button type="button" onClick={() => change(null)}>
            usual ones
          </button>
        </div>
        {groups.map((group) => (
          <fieldset key={group}>
            <legend>{GROUPS[group] ?? line(group, 30)}</legend>
            {columns
              .filter((column) => column.group === group)
              .slice(0, 500)
              .map((column) => (
                <label key={column.name} title={line(column.name, 300)}>
                  <input type="checkbox" checked={shown.has(column.name)} onChange={() => toggle(column.name)} />
                  <bdi>{columnTitle(column)}</bdi>
                </label>
              ))}
          </fieldset>
        ))}
        {columns.length === 0 && <p>There is no column with “{line(looked, 40)}” in its name.</p>}
      </div>
    </details>
  );
}
