import type { ReactNode, RefObject } from "react";

const KEYS: [string, [string, string][]][] = [
  [
    "The list of runs",
    [
      ["/", "go to the filter"],
      ["↑ ↓ Page Up Page Down Home End", "move from run to run"],
      ["Enter", "open the run"],
      ["Space", "choose the run for a comparison"],
    ],
  ],
  ["A run", [["← →", "the run before and after"]]],
  [
    "The state explorer",
    [
      ["+ −", "zoom in and out"],
      ["← →", "move the visible range (and ↑ ↓ for a matrix)"],
      ["Home", "show the whole range"],
      ["Backspace", "zoom out by one step"],
    ],
  ],
];

const FILTERS: [string, string][] = [
  ["ghz", "the word, in id, name, tags, circuit, outcome, method, backend and message"],
  ["num_qubits >= 20", "compare a column with a number"],
  ["params.theta < 1 outcome = failed", "both conditions hold; “and” may stand between them"],
  ["tags = vqe or tags = qaoa", "one of them holds"],
  ["created > 2026-11-30", "from the end of that day on, in your time zone"],
  ["method in [stabilizer, statevector]", "one of several"],
  ["name contains noisy", "a part of a text; also “startswith”"],
  ["not noisy", "the opposite; ( ) group conditions"],
  ["params.theta != none", "has a value"],
];

export function Help({ dialog }: { dialog: RefObject<HTMLDialogElement> }): ReactNode {
  return (
    <dialog ref={dialog} className="help" aria-labelledby="help-title">
      <form method="dialog">
        <button aria-label="Close the help">Close</button>
      </form>
      <h2 id="help-title">Help</h2>
      <h3>Keys</h3>
      {KEYS.map(([where, keys]) => (
        <section key={where}>
          <h4>{where}</h4>
          <dl className="facts">
            {keys.map(([key, what]) => (
              <div key={key}>
                <dt>
                  <kbd>{key}</kbd>
                </dt>
                <dd>{what}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
      <h3>The filter</h3>
      <dl className="facts">
        {FILTERS.map(([text, what]) => (
          <div key={text}>
            <dt>
              <code>{text}</code>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p>Filter, columns and axes are in the address of the page, so that a bookmark keeps them.</p>
      <p>
        <a href="./LICENSES.txt">Licences of the packages in this page</a>
      </p>
    </dialog>
  );
}
