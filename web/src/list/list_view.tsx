/** All runs of the project. */
import { type ReactNode, useCallback, useMemo, useState } from "react";
import { useProject } from "../data/following";
import { href } from "../route";
import { go, useSettings } from "../routing";
import { counted, whole } from "../words/numbers";
import { Failure, Loading, Notice } from "../words/notices";
import { plain, pythonText, shellText } from "../words/safe";
import { ColumnMenu } from "./column_menu";
import { shownColumns } from "./columns_shown";
import { FilterBox } from "./filter_box";
import { useFound } from "./found";
import { memory } from "./memory";
import { Rows } from "./rows";
import { clicked, orderText, parseOrder, sortRuns } from "./sorting";

export function ListView(): ReactNode {
  const project = useProject();
  const [settings, change] = useSettings();
  const text = settings.get("filter") ?? "";
  const nested = settings.get("nested") === "1";
  const order = parseOrder(settings.get("sort"));
  const shown = useMemo(() => shownColumns(project, settings.get("columns")), [project, settings.get("columns")]);
  const names = useMemo(() => ["job_id", order.column, ...shown.map((column) => column.name)], [shown, order.column]);
  const found = useFound(text, nested, names);
  const runs = useMemo(
    () => sortRuns(found.runs.slice(), found.table?.column(order.column), order.descending),
    [found.runs, found.table, order.column, order.descending],
  );
  const [chosen, setChosen] = useState<string[]>(memory.chosen);
  const choose = useCallback((key: string) => {
    setChosen((before) => {
      // Two can be chosen: a third one takes the place of the older one.
      const next = before.includes(key) ? before.filter((one) => one !== key) : [...before, key].slice(-2);
      memory.chosen = next;
      return next;
    });
  }, []);
  const sort = useCallback(
    (column: string, isTime: boolean) => change({ sort: orderText(clicked(parseOrder(settings.get("sort")), column, isTime)) }),
    [change, settings],
  );
  const setFilter = useCallback((next: string) => change({ filter: next }), [change]);
  const [first, second] = chosen;
  return (
    <>
      <h1 className="sr">Runs</h1>
      <FilterBox text={text} change={setFilter} error={found.filterError}>
        <div className="filter-tools">
          <ColumnMenu shown={new Set(shown.map((column) => column.name))} change={(setting) => change({ columns: setting })} />
          {project.columns.some((column) => column.name === "parent") && (
            <label className="check">
              <input type="checkbox" checked={nested} onChange={() => change({ nested: nested ? null : "1" })} />
              nested runs
            </label>
          )}
          <a className="button" href={href({ view: "sweep" }, { filter: text, nested: nested ? "1" : null })}>
            Plot these
          </a>
          <button
            type="button"
            disabled={second === undefined}
            title="Choose two runs with the boxes at the left"
            onClick={() => first !== undefined && second !== undefined && go({ view: "compare", first, second })}
          >
            Compare{chosen.length ? ` (${chosen.length} of 2)` : ""}
          </button>
        </div>
      </FilterBox>
      <Problems sentences={project.problems} />
      <p className="list-count" role="status" data-testid="list-count">
        {found.table ? `${whole(runs.length)} of ${counted(project.runs, "run")}` : ""}
        {found.nested > 0 && `; ${counted(found.nested, "nested run is", "nested runs are")} hidden`}
      </p>
      {found.error ? (
        <Failure error={found.error} what="The list cannot be shown" />
      ) : !found.table ? (
        <Loading what="the runs" />
      ) : runs.length === 0 ? (
        <Nothing all={project.runs} nested={found.nested} clear={() => change({ filter: null })} show={() => change({ nested: "1" })} />
      ) : (
        <Rows
          question={`${text}\0${nested}\0${orderText(order) ?? ""}`}
          table={found.table}
          runs={runs} shown={shown} order={order} sort={sort} chosen={chosen} choose={choose} />
      )}
    </>
  );
}

function Problems({ sentences }: { sentences: readonly string[] }): ReactNode {
  if (!sentences.length) return null;
  return (
    <details className="problems">
      <summary>{counted(sentences.length, "problem")} in this project</summary>
      <ul>
        {sentences.map((sentence, place) => (
          <li key={place}>{plain(sentence)}</li>
        ))}
      </ul>
    </details>
  );
}

function Nothing({ all, nested, clear, show }: { all: number; nested: number; clear: () => void; show: () => void }): ReactNode {
  const project = useProject();
  if (all === 0) {
    return (
      <Notice title="There are no runs yet">
        <p>Archive one, and it appears here by itself:</p>
        <pre className="code" tabIndex={0}>
          {"from aerchive.aer import AerSimulator\n\n"}
          {`AerSimulator(project=${pythonText(project.name)}).run(circuit, shots=1000).result()`}
        </pre>
        <p>
          A program that uses Qiskit Aer is archived without changes by <code>{plain(`aerchive -p ${shellText(project.name)} run program.py`)}</code>.
        </p>
      </Notice>
    );
  }
  return (
    <Notice title="Nothing matches the filter">
      <p>
        {counted(all, "run is", "runs are")} in the project.
        {nested > 0 && ` ${counted(nested, "nested run matches", "nested runs match")}, which other runs have started.`}
      </p>
      <p>
        <button type="button" onClick={clear}>
          Clear the filter
        </button>{" "}
        {nested > 0 && (
          <button type="button" onClick={show}>
            Show nested runs
          </button>
        )}
      </p>
    </Notice>
  );
}
