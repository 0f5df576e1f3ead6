/** How to go on with a run in Python and in a terminal. */
import type { ReactNode } from "react";
import { useProject } from "../data/following";
import type { RunDocument } from "../data/interface";
import { CopyButton } from "../words/copy";
import { pythonText, shellText } from "../words/safe";

const LONGEST = 4000;

export function Commands({ run }: { run: RunDocument }): ReactNode {
  const { name } = useProject();
  if (run.job_id.length + name.length > LONGEST) return null;
  const python = [
    "import aerchive",
    "",
    `run = aerchive.open(${pythonText(name)})[${pythonText(run.job_id)}]`,
    run.pending ? "run.outcome" : run.experiments.some((one) => one.counts) ? "run.result().get_counts()" : "run.result()",
  ].join("\n");
  const words = `${shellText(name)} ${shellText(run.job_id)}`;
  const shell = [`aerchive show ${words}`, ...(run.pending ? [] : [`aerchive rerun ${words}`])].join("\n");
  return (
    <section className="card" aria-labelledby="commands">
      <h2 id="commands">Go on with this run</h2>
      <Snippet title="In Python" text={python} what="the Python code" />
      <Snippet title="In a terminal" text={shell} what="the commands" />
    </section>
  );
}

function Snippet({ title, text, what }: { title: string; text: string; what: string }): ReactNode {
  return (
    <div className="snippet">
      <div className="snippet-head">
        <h3>{title}</h3>
        <CopyButton text={text} what={what} />
      </div>
      <pre className="code" tabIndex={0}>
        {text}
      </pre>
    </div>
  );
}
