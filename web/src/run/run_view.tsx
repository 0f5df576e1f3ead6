/** Everything about one run. */
import { type ReactNode, useEffect } from "react";
import { useProject } from "../data/following";
import { fetchRun } from "../data/run";
import type { RunDocument } from "../data/interface";
import { latest, useLoaded } from "../data/loaded";
import { useTable } from "../data/table";
import { href } from "../route";
import { go } from "../routing";
import { Failure, Loading } from "../words/notices";
import { outcomeKind } from "../words/outcomes";
import { line, plain } from "../words/safe";
import { localTime, machineTime } from "../words/times";
import { Attachments, History, Labels } from "./about";
import { Circuits } from "./circuits";
import { Commands } from "./commands";
import { Counts } from "./counts";
import { Documents } from "./documents";
import { Memory } from "./memory";
import { Saved } from "./saved";

/** Facts that the card of the labels shows. */
const LABELS = new Set(["tags", "params", "notes"]);

export function RunView({ runKey }: { runKey: string }): ReactNode {
  const project = useProject();
  const loaded = useLoaded(
    `${project.generation} ${runKey}`,
    (signal) => fetchRun(runKey, signal),
    true,
  );
  const run = latest(loaded);
  return (
    <>
      <Neighbours runKey={runKey} />
      {run ? (
        <RunDocumentView run={run} />
      ) : loaded.state === "failed" ? (
        <Failure error={loaded.error} what="The run cannot be shown" main again={loaded.again} />
      ) : (
        <Loading what="the run" />
      )}
    </>
  );
}

/** Links to the runs before and after, in the order of their submission; nested runs are among nested ones. */
function Neighbours({ runKey }: { runKey: string }): ReactNode {
  const project = useProject();
  const { table } = useTable(project, ["key", "parent"]);
  const keys = table?.column("key");
  let before: string | undefined;
  let after: string | undefined;
  if (table && keys) {
    const parent = table.column("parent");
    let here = -1;
    for (let run = 0; run < table.runs && here < 0; run += 1) if (keys.text(run) === runKey) here = run;
    const nested = Boolean(parent?.text(here));
    const find = (step: number) => {
      for (let run = here + step; here >= 0 && run >= 0 && run < table.runs; run += step) {
        if (Boolean(parent?.text(run)) === nested) return keys.text(run);
      }
      return undefined;
    };
    before = find(-1);
    after = find(1);
  }
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const at = event.target instanceof Element ? event.target : null;
      if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || at?.closest("input,textarea,select,pre,dialog[open],.wide")) return;
      const key = event.key === "ArrowLeft" ? before : event.key === "ArrowRight" ? after : undefined;
      if (key !== undefined) go({ view: "run", key });
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [before, after]);
  const step = (key: string | undefined, text: string) =>
    key === undefined ? (
      <span className="faint">{text}</span>
    ) : (
      <a href={href({ view: "run", key })}>{text}</a>
    );
  return (
    <nav className="neighbours" aria-label="Neighbouring runs">
      {step(before, "← Run before")}
      {step(after, "Run after →")}
    </nav>
  );
}

function RunDocumentView({ run }: { run: RunDocument }): ReactNode {
  return (
    <article className="run">
      <section className="card run-card">
        <h1>
          <bdi>{line(run.name || run.title || run.job_id, 160)}</bdi>{" "}
          <span className={`mark outcome-${outcomeKind(run.outcome)}`} data-testid="outcome">
            {line(run.outcome, 30)}
          </span>
        </h1>
        {run.message && <Message text={run.message} bad={outcomeKind(run.outcome) === "bad"} />}
        {run.pending && <p className="faint">This run is not in the project file yet; what it made appears here when it is.</p>}
        <dl className="facts" data-testid="facts">
          <Fact name="id">
            <code className="id-whole">{line(run.job_id, 300)}</code>
          </Fact>
          <Fact name="submitted">
            <time dateTime={machineTime(run.created)}>{localTime(run.created)}</time>
          </Fact>
          {run.facts.filter(([name]) => !LABELS.has(name)).map(([name, text], place) => (
            <Fact key={place} name={name}>
              <span className="text">{plain(text)}</span>
            </Fact>
          ))}
        </dl>
        <p className="links">
          {run.tree && <a href={href({ view: "tree", path: "/" }, { node: run.tree })}>Show its nodes in the tree</a>}
        </p>
        {run.unreadable.length > 0 && (
          <div className="unreadable" role="alert">
            <p>Parts of this run cannot be read:</p>
            <ul>
              {run.unreadable.map((sentence, place) => (
                <li key={place}>{plain(sentence)}</li>
              ))}
            </ul>
          </div>
        )}
      </section>
      <Labels labels={run.labels} />
      <Counts experiments={run.experiments} all={run.num_experiments} />
      <Circuits circuits={run.circuits} all={run.num_circuits} />
      <Saved run={run} />
      <Memory experiments={run.experiments} />
      <Documents run={run} />
      <History history={run.history} />
      <Attachments attachments={run.attachments} />
      <Commands run={run} />
    </article>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }): ReactNode {
  return (
    <div>
      <dt>{line(name, 40)}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** The message of an outcome; long ones are folded. */
function Message({ text, bad }: { text: string; bad: boolean }): ReactNode {
  const shown = plain(text);
  const className = `message text${bad ? " bad" : ""}`;
  if (shown.length <= 600) return <p className={className}>{shown}</p>;
  return (
    <details className={className}>
      <summary>{line(text, 300)}</summary>
      {shown}
    </details>
  );
}
