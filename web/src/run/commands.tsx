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
  const file = shellText(name);
  const shell = [
    `aerchive show ${words}`,
    ...(run.num_circuits > 0 && !run.pending ? [`aerchive rerun ${words}`] : []),
    ...(run.pending ? [] : [`aerchive report ${words}  # one HTML file, to mail or to print`]),
    ...(run.pending ? [] : [`aerchive extract ${words} one-run.h5  # this run as a project, for a colleague`]),
    ...(run.experiments.some((one) => one.counts) ? [`aerchive export ${file} ${shellText(`job_id == "${run.job_id}"`)} --y 'counts.*'  # counts as a table`] : []),
    `aerchive du ${file}  # what takes the space of the project, and how to make room`,
  ].join("\n");
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
