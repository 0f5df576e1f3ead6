/** The state explorer: one array of a run. */
import type { ReactNode } from "react";
import type { ArrayInfo } from "../data/interface";
import { href } from "../route";
import { useSettings } from "../routing";
import { bytes, counted, percent, short, whole } from "../words/numbers";
import { Failure, Loading, Notice } from "../words/notices";
import { line, plain } from "../words/safe";
import { MatrixPanel } from "./matrix_panel";
import { Marginals, TopStates } from "./summaries";
import { matrixSource, useInfo, vectorSource } from "./use_info";
import { VectorPanel } from "./vector_panel";

export default function StateView({ runKey, number }: { runKey: string; number: number }): ReactNode {
  const [settings, change] = useSettings();
  const row = Math.max(0, Math.floor(Number(settings.get("row") ?? 0)) || 0);
  const { info, error, tick } = useInfo(`runs/${runKey}/arrays/${number}/info.json`, row);
  const back = (
    <p className="neighbours">
      <a href={href({ view: "run", key: runKey })}>← The run</a>
    </p>
  );
  if (!info) {
    return (
      <>
        {back}
        {error ? <Failure error={error} what="The array cannot be shown" main /> : <Loading what="the array" />}
      </>
    );
  }
  return (
    <>
      {back}
      <section className="card">
        <div className="card-head">
          <h1>
            <bdi>{line(info.label, 100)}</bdi>
          </h1>
          {info.rows > 1 && <RowChooser row={row} rows={info.rows} choose={(next) => change({ row: next ? String(next) : null })} />}
        </div>
        <InfoWords info={info} />
        {info.note && <p className="faint">{plain(info.note)}</p>}
        <Progress progress={info.progress} />
        {error && <Failure error={error} what="The array is not read any further" />}
      </section>
      <Panels info={info} row={row} tick={tick} />
    </>
  );
}

function Panels({ info, row, tick }: { info: ArrayInfo; row: number; tick: number }): ReactNode {
  const name = line(info.label, 60);
  if (info.view === "none") {
    return (
      <Notice title="There is no picture of this array">
        <p>{info.note ? plain(info.note) : "Look at its values in the tree."}</p>
      </Notice>
    );
  }
  if (info.view === "matrix") return <MatrixPanel key={row} info={info} row={row} source={matrixSource(info, row)} tick={tick} label={`Elements of ${name}`} />;
  const source = vectorSource(info, row);
  const phases = info.kind !== "probabilities";
  return (
    <div className="state-grid">
      <section className="card" aria-labelledby="amplitudes">
        <h2 id="amplitudes" className="sr">
          {phases ? "Amplitudes" : "Probabilities"}
        </h2>
        <VectorPanel source={source} tick={tick} phases={phases} label={`Probabilities of ${name}`} />
      </section>
      <div>
        <TopStates info={info} phases={phases} />
        <Marginals info={info} />
      </div>
    </div>
  );
}

function InfoWords({ info }: { info: ArrayInfo }): ReactNode {
  const parts = [
    info.kind,
    info.view === "none" ? info.shape.join(" × ") : counted(info.qubits, "qubit"),
    `${info.shape.map(whole).join(" × ")} ${info.dtype}`,
    bytes(info.nbytes),
  ];
  return (
    <dl className="facts">
      <div>
        <dt>array</dt>
        <dd>{line(parts.join(", "), 300)}</dd>
      </div>
      {info.norm !== null && (
        <div>
          <dt>norm</dt>
          <dd>{short(info.norm, 12)}</dd>
        </div>
      )}
      {info.trace && (
        <div>
          <dt>trace</dt>
          <dd>{`${short(info.trace[0], 12)}${info.trace[1] ? ` ${info.trace[1] < 0 ? "−" : "+"} ${short(Math.abs(info.trace[1]), 6)}i` : ""}`}</dd>
        </div>
      )}
      {typeof info.purity === "number" && (
        <div>
          <dt>purity</dt>
          <dd>{short(info.purity, 12)}</dd>
        </div>
      )}
    </dl>
  );
}

function Progress({ progress }: { progress: number }): ReactNode {
  // Told to screen readers in steps of a tenth, not with each answer.
  const tenth = Math.floor(progress * 10) * 10;
  return (
    <div className="progress">
      {progress < 1 && (
        <>
          <progress value={progress} max={1} aria-label="Reading the array" />
          <span aria-hidden="true">{percent(progress)} of the array is read; the picture becomes complete by itself</span>
        </>
      )}
      <span className="sr" role="status">
        {progress < 1 ? `${tenth} % of the array is read` : "The array is read"}
      </span>
    </div>
  );
}

function RowChooser({ row, rows, choose }: { row: number; rows: number; choose: (row: number) => void }): ReactNode {
  return (
    <div className="zoom-tools" role="group" aria-label="Row of the array">
      <button type="button" disabled={row === 0} onClick={() => choose(row - 1)} aria-label="Row before">
        ←
      </button>
      <label>
        Row{" "}
        <input
          type="number"
          min={0}
          max={rows - 1}
          value={row}
          onChange={(event) => {
            const next = Math.floor(Number(event.target.value));
            if (next >= 0 && next < rows) choose(next);
          }}
        />{" "}
        of {whole(rows)}
      </label>
      <button type="button" disabled={row >= rows - 1} onClick={() => choose(row + 1)} aria-label="Row after">
        →
      </button>
    </div>
  );
}
