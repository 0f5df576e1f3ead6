/** The outcome of each shot, in their order. */
import { type ReactNode, useState } from "react";
import { fetchJson, fill } from "../data/fetching";
import type { Experiment, MemoryPage } from "../data/interface";
import { useLoaded } from "../data/loaded";
import { counted, whole } from "../words/numbers";
import { Failure, Loading } from "../words/notices";
import { line } from "../words/safe";
import { ExperimentChooser } from "./experiment_chooser";

export function Memory({ experiments }: { experiments: Experiment[] }): ReactNode {
  const remembered = experiments.filter((one) => one.memory !== null);
  const [place, setPlace] = useState(0);
  const [open, setOpen] = useState(false);
  const memory = remembered[Math.min(place, remembered.length - 1)]?.memory;
  if (!memory) return null;
  return (
    <section className="card" aria-labelledby="memory">
      <div className="card-head">
        <h2 id="memory">Memory</h2>
        <ExperimentChooser experiments={remembered} place={place} choose={setPlace} />
      </div>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>{counted(memory.shots, "shot")} in their order</summary>
        {open && <Pages key={memory.address} memory={memory} />}
      </details>
    </section>
  );
}

function Pages({ memory }: { memory: { shots: number; page: number; address: string } }): ReactNode {
  const [page, setPage] = useState(0);
  const pages = Math.max(1, Math.ceil(memory.shots / memory.page));
  const address = fill(memory.address, { page });
  const loaded = useLoaded(address, (signal) => fetchJson<MemoryPage>(address, { cache: "no-cache", signal }), true);
  const shown = loaded.state === "ready" ? loaded.value : loaded.state === "loading" ? loaded.last : undefined;
  const last = Math.min(memory.shots, (page + 1) * memory.page);
  return (
    <>
      {pages > 1 && (
        <div className="pager" role="group" aria-label="Pages of the memory">
          <button type="button" disabled={page === 0} onClick={() => setPage(page - 1)}>
            ← Before
          </button>
          <span role="status">
            shots {whole(page * memory.page)} to {whole(last - 1)} of {whole(memory.shots)}
          </span>
          <button type="button" disabled={page === pages - 1} onClick={() => setPage(page + 1)}>
            After →
          </button>
        </div>
      )}
      {loaded.state === "failed" && <Failure error={loaded.error} what="The memory cannot be shown" again={loaded.again} />}
      {!shown && loaded.state === "loading" && <Loading what="the memory" />}
      {shown && (
        <ol className="memory" start={shown.first} tabIndex={0} aria-label="Outcomes of shots" data-testid="memory">
          {shown.memory.map((outcome, place) => (
            <li key={place} value={shown.first + place}>
              <span className="faint">{whole(shown.first + place)}</span> {line(outcome, 80)}
            </li>
          ))}
        </ol>
      )}
    </>
  );
}
