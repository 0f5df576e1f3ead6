/** The counts of an experiment as bars. */
import { type ReactNode, useMemo, useState } from "react";
import { fetchJson } from "../data/fetching";
import type { CountsDocument, Experiment } from "../data/interface";
import { useLoaded } from "../data/loaded";
import { useProject } from "../data/following";
import { type Bar, Bars } from "../words/bars";
import { counted, whole } from "../words/numbers";
import { Failure, Loading } from "../words/notices";
import { line } from "../words/safe";
import { ExperimentChooser } from "./experiment_chooser";
import { LeftOut } from "./left_out";
import { Wide } from "../words/wide";

const STEP = 32;

export function Counts({ experiments, all }: { experiments: Experiment[]; all: number }): ReactNode {
  const counted = experiments.filter((one) => one.counts !== null);
  const [place, setPlace] = useState(0);
  const experiment = counted[Math.min(place, counted.length - 1)];
  if (!experiment?.counts) return null;
  return (
    <section className="card" aria-labelledby="counts">
      <div className="card-head">
        <h2 id="counts">Counts</h2>
        <ExperimentChooser experiments={counted} place={place} choose={setPlace} />
      </div>
      <CountsOf key={experiment.number} address={experiment.counts.address} />
      <LeftOut shown={experiments.length} all={all} what="experiment" />
    </section>
  );
}

function CountsOf({ address }: { address: string }): ReactNode {
  const { generation } = useProject();
  const loaded = useLoaded(`${generation} ${address}`, (signal) => fetchJson<CountsDocument>(address, { cache: "no-cache", signal }), true);
  if (loaded.state === "failed") return <Failure error={loaded.error} what="The counts cannot be shown" again={loaded.again} />;
  const document = loaded.state === "ready" ? loaded.value : loaded.last;
  return document ? <Histogram document={document} /> : <Loading what="the counts" />;
}

function Histogram({ document }: { document: CountsDocument }): ReactNode {
  const [byOutcome, setByOutcome] = useState(false);
  const [number, setNumber] = useState(STEP);
  const rows = useMemo(() => {
    // The server sorts them; the most frequent are shown also if they are sorted by outcome.
    const first = document.first.slice(0, number);
    if (byOutcome) first.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return first;
  }, [document, byOutcome, number]);
  const full = Math.max(...document.first.slice(0, 1).map(([, count]) => count), 0) / document.shots;
  const bars: Bar[] = rows.map(([outcome, count]) => ({ name: line(outcome, 120), text: whole(count), share: count / document.shots }));
  const hidden = document.first.length - rows.length;
  const others = document.first.slice(number).reduce((sum, [, count]) => sum + count, document.rest);
  if (others > 0) bars.push({ name: "others", text: whole(others), share: others / document.shots });
  return (
    <>
      <div className="card-line">
        <span>
          {counted(document.shots, "shot")}, {counted(document.outcomes, "outcome")}; the last letter is classical bit 0
        </span>
        <label>
          Order{" "}
          <select value={byOutcome ? "outcome" : "frequent"} onChange={(event) => setByOutcome(event.target.value === "outcome")}>
            <option value="frequent">most frequent first</option>
            <option value="outcome">by outcome</option>
          </select>
        </label>
      </div>
      <Wide aria-labelledby="counts" data-testid="counts">
        <Bars label="Counts" heads={["outcome", "shots"]} bars={bars} full={Math.max(full, others > 0 ? others / document.shots : 0)} />
      </Wide>
      {hidden > 0 && (
        <button type="button" className="link" onClick={() => setNumber(number + 8 * STEP)}>
          Show {whole(Math.min(hidden, 8 * STEP))} more outcomes
        </button>
      )}
      {hidden === 0 && document.rest > 0 && (
        <p className="faint">
          The {whole(document.first.length)} most frequent outcomes of {whole(document.outcomes)} are listed.
        </p>
      )}
    </>
  );
}
