/** Two runs side by side. */
import type { ReactNode } from "react";
import { fetchRun } from "../data/run";
import { useProject } from "../data/following";
import type { RunDocument } from "../data/interface";
import { latest, useLoaded } from "../data/loaded";
import { href } from "../route";
import { Failure, Loading } from "../words/notices";
import { outcomeKind } from "../words/outcomes";
import { line, shortId } from "../words/safe";
import { localTime, machineTime } from "../words/times";
import { CountsCompared } from "./counts_compared";
import { DifferencesTable } from "./differences_table";
import { StatesCompared } from "./states_compared";

function useRun(key: string) {
  const project = useProject();
  return useLoaded(`${project.generation} ${key}`, (signal) => fetchRun(key, signal), true);
}

export default function CompareView({ first, second }: { first: string; second: string }): ReactNode {
  const [a, b] = [useRun(first), useRun(second)];
  const [one, other] = [latest(a), latest(b)];
  return (
    <>
      <div className="card-head">
        <h1>Comparison</h1>
        <a className="button" href={href({ view: "compare", first: second, second: first })}>
          Exchange
        </a>
      </div>
      {[a, b].map(
        (loaded, place) => loaded.state === "failed" && <Failure key={place} error={loaded.error} what={`The ${place ? "second" : "first"} run cannot be shown`} again={loaded.again} />,
      )}
      {one && other ? (
        <>
          <div className="pair">
            <RunHead run={one} which="first" />
            <RunHead run={other} which="second" />
          </div>
          <CountsCompared first={one} second={other} />
          <StatesCompared first={one} second={other} />
          <DifferencesTable first={one} second={other} />
        </>
      ) : (
        (a.state === "loading" || b.state === "loading") && <Loading what="the runs" />
      )}
    </>
  );
}

function RunHead({ run, which }: { run: RunDocument; which: "first" | "second" }): ReactNode {
  return (
    <section className={`card head-${which}`} aria-label={`The ${which} run`}>
      <h2>
        <span className={`key key-${which}`} aria-hidden="true" />
        {which}: <bdi>{line(run.name || run.title || run.job_id, 120)}</bdi>{" "}
        <span className={`mark outcome-${outcomeKind(run.outcome)}`}>{line(run.outcome, 30)}</span>
      </h2>
      <p>
        <a href={href({ view: "run", key: run.key })}>
          <bdi>{shortId(run.job_id)}</bdi>
        </a>
        , submitted <time dateTime={machineTime(run.created)}>{localTime(run.created)}</time>
      </p>
    </section>
  );
}
