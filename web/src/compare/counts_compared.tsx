/** The counts of two runs over each other, with their distance. */
import { type ReactNode, useMemo, useState } from "react";
import { fetchJson, FRESH } from "../data/fetching";
import { useProject } from "../data/following";
import type { CountsDocument, Experiment, RunDocument } from "../data/interface";
import { useLoaded } from "../data/loaded";
import { ExperimentChooser } from "../run/experiment_chooser";
import { percent, short, whole } from "../words/numbers";
import { Failure, Loading } from "../words/notices";
import { line } from "../words/safe";
import { distances } from "./distances";
import { Wide } from "../words/wide";

const STEP = 32;

export function CountsCompared({ first, second }: { first: RunDocument; second: RunDocument }): ReactNode {
  const [a, b] = [first, second].map((run) => run.experiments.filter((one) => one.counts !== null)) as [Experiment[], Experiment[]];
  const [place, setPlace] = useState(0);
  const [otherPlace, setOtherPlace] = useState(0);
  const [one, other] = [a[place]?.counts?.address, b[otherPlace]?.counts?.address];
  return (
    <section className="card" aria-labelledby="counts">
      <div className="card-head">
        <h2 id="counts">Counts</h2>
        <div className="zoom-tools">
          <ExperimentChooser experiments={a} place={place} choose={setPlace} />
          <ExperimentChooser experiments={b} place={otherPlace} choose={setOtherPlace} />
        </div>
      </div>
      {one !== undefined && other !== undefined ? (
        <Both first={one} second={other} />
      ) : (
        <p className="faint">{!a.length && !b.length ? "Neither run has counts." : `Only the ${a.length ? "first" : "second"} run has counts.`}</p>
      )}
    </section>
  );
}

function Both({ first, second }: { first: string; second: string }): ReactNode {
  const { generation } = useProject();
  const loaded = useLoaded(`${generation} ${first} ${second}`, (signal) =>
    Promise.all([first, second].map((address) => fetchJson<CountsDocument>(address, { ...FRESH, signal }))),
  );
  const [number, setNumber] = useState(STEP);
  const documents = loaded.state === "ready" ? loaded.value : undefined;
  const result = useMemo(() => {
    const [a, b] = documents ?? [];
    return a && b ? distances(a, b) : null;
  }, [documents]);
  if (loaded.state === "failed") return <Failure error={loaded.error} what="The counts cannot be compared" again={loaded.again} />;
  if (!result) return <Loading what="the counts" />;
  const full = Math.max(...result.outcomes.map((one) => Math.max(one.first, one.second)), 1e-300);
  return (
    <>
      <dl className="facts" data-testid="distances">
        <div>
          <dt>total variation distance</dt>
          <dd>
            {result.bound && "at least "}
            <b>{short(result.variation)}</b> <span className="faint">= ½ Σ |p − q|</span>
          </dd>
        </div>
        <div>
          <dt>Hellinger fidelity</dt>
          <dd>
            {result.bound && "at most "}
            <b>{short(result.fidelity)}</b> <span className="faint">= (Σ √(p q))²</span>
          </dd>
        </div>
      </dl>
      <p className="faint">
        p and q are the shares of the outcomes in the first and the second run.
        {result.bound && " The rarest outcomes are not listed; those that may be among them are taken together as “others”."}
      </p>
      <Wide aria-labelledby="counts">
        <table className="bars" aria-label="Counts of both runs" data-testid="counts-compared">
          <thead>
            <tr>
              <th scope="col">outcome</th>
              <th scope="col" className="right">
                <span className="key key-first" aria-hidden="true" />
                first
              </th>
              <th scope="col" className="right">
                <span className="key key-second" aria-hidden="true" />
                second
              </th>
              <th scope="col" className="right">
                difference
              </th>
              <td />
            </tr>
          </thead>
          <tbody>
            {result.outcomes.slice(0, number).map((one) => (
              <tr key={one.outcome}>
                <th scope="row" className="numeric">
                  {line(one.outcome, 120)}
                </th>
                <td className="numeric right">{percent(one.first)}</td>
                <td className="numeric right">{percent(one.second)}</td>
                <td className="numeric right">{signed(one.second - one.first)}</td>
                <td className="bar-cell" aria-hidden="true">
                  <div className="bar bar-first" style={{ width: `${(100 * one.first) / full}%` }} />
                  <div className="bar bar-second" style={{ width: `${(100 * one.second) / full}%` }} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
      {result.outcomes.length > number && (
        <button type="button" className="link" onClick={() => setNumber(number + 8 * STEP)}>
          Show {whole(Math.min(8 * STEP, result.outcomes.length - number))} more outcomes
        </button>
      )}
    </>
  );
}

function signed(share: number): string {
  if (Math.abs(share) < 1e-12) return "0";
  return `${share > 0 ? "+" : "−"}${percent(Math.abs(share))}`;
}
