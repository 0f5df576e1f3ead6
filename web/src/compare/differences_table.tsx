/** The documents of two runs, entry by entry. */
import { type ReactNode, useMemo, useState } from "react";
import type { RunDocument } from "../data/interface";
import { counted, whole } from "../words/numbers";
import { line } from "../words/safe";
import { type Difference, differences, valueText } from "./differences";
import { Wide } from "../words/wide";

const DOCUMENTS: ["labels" | "config" | "status" | "provenance", string][] = [
  ["labels", "Labels"],
  ["config", "Configuration"],
  ["status", "Status"],
  ["provenance", "Provenance"],
];
const MOST = 300;

export function DifferencesTable({ first, second }: { first: RunDocument; second: RunDocument }): ReactNode {
  const [equal, setEqual] = useState(false);
  const found = useMemo(() => DOCUMENTS.map(([name, title]) => ({ title, entries: differences(first[name], second[name]) })), [first, second]);
  const different = found.reduce((sum, { entries }) => sum + entries.filter((one) => !one.equal).length, 0);
  return (
    <section className="card" aria-labelledby="differences">
      <div className="card-head">
        <h2 id="differences">Documents</h2>
        <label className="check">
          <input type="checkbox" checked={equal} onChange={() => setEqual(!equal)} />
          equal entries as well
        </label>
      </div>
      <p className="faint">{counted(different, "entry differs", "entries differ")}.</p>
      <Wide aria-labelledby="differences">
        <table className="differences" data-testid="differences">
          <thead>
            <tr>
              <th scope="col">entry</th>
              <th scope="col">first</th>
              <th scope="col">second</th>
            </tr>
          </thead>
          {found.map(({ title, entries }) => (
            <Group key={title} title={title} entries={equal ? entries : entries.filter((one) => !one.equal)} />
          ))}
        </table>
      </Wide>
    </section>
  );
}

function Group({ title, entries }: { title: string; entries: Difference[] }): ReactNode {
  return (
    <tbody>
      <tr>
        <th scope="rowgroup" colSpan={3} className="group">
          {title}
          {entries.length === 0 && <span className="faint">: no difference</span>}
        </th>
      </tr>
      {entries.slice(0, MOST).map((entry) => (
        <tr key={entry.path.join("\0")} className={entry.equal ? undefined : "different"}>
          <th scope="row">
            <bdi>{line(entry.path.join(" › "), 80)}</bdi>
            {!entry.equal && <span className="sr"> differs</span>}
          </th>
          <Value entry={entry} value={entry.first} />
          <Value entry={entry} value={entry.second} />
        </tr>
      ))}
      {entries.length > MOST && (
        <tr>
          <td colSpan={3} className="faint">
            {whole(entries.length - MOST)} more entries are not listed; `aerchive diff` prints all of them.
          </td>
        </tr>
      )}
    </tbody>
  );
}

function Value({ entry, value }: { entry: Difference; value: Difference["first"] }): ReactNode {
  if (value === undefined) return <td className="faint">is not there</td>;
  const text = valueText(value);
  const shown = <bdi className="text">{line(text, 300)}</bdi>;
  return <td title={text.length > 300 ? line(text, 2000) : undefined}>{entry.equal ? shown : <mark>{shown}</mark>}</td>;
}
