/** The documents of a run, as nested tables that open by a click. */
import { type ReactNode, useState } from "react";
import type { Json, JsonObject, RunDocument } from "../data/interface";
import { CopyButton } from "../words/copy";
import { counted, whole } from "../words/numbers";
import { line, plain } from "../words/safe";

const NAMES: ["config" | "status" | "provenance", string][] = [
  ["config", "Configuration"],
  ["status", "Status"],
  ["provenance", "Provenance"],
];

export function Documents({ run }: { run: RunDocument }): ReactNode {
  return (
    <section className="card" aria-labelledby="documents">
      <h2 id="documents">Documents</h2>
      {NAMES.map(([name, title]) => (
        <details key={name} className="document" data-testid={`document-${name}`}>
          <summary>{title}</summary>
          <CopyButton text={JSON.stringify(run[name], null, 2)} what={`the ${title.toLowerCase()} as JSON`} />
          <Tree value={run[name]} />
        </details>
      ))}
    </section>
  );
}

const STEP = 200;
const LONG = 2000;

/** A JSON value: objects and lists as tables, the nested ones closed if they are long. */
export function Tree({ value }: { value: Json }): ReactNode {
  if (typeof value !== "object" || value === null) return <Plain value={value} />;
  return <Entries value={value} depth={0} />;
}

function Plain({ value }: { value: Json }): ReactNode {
  if (value === null) return <span className="faint">none</span>;
  if (typeof value === "string") {
    if (value.length > LONG) {
      return (
        <details>
          <summary>
            {line(value, 80)} ({counted(value.length, "letter")})
          </summary>
          <span className="text">{plain(value)}</span>
        </details>
      );
    }
    return value === "" ? <span className="faint">empty</span> : <bdi className="text">{plain(value)}</bdi>;
  }
  return <span className="numeric">{typeof value === "boolean" ? (value ? "true" : "false") : String(value)}</span>;
}

function Entries({ value, depth }: { value: Json[] | JsonObject; depth: number }): ReactNode {
  const [number, setNumber] = useState(STEP);
  const entries: [string, Json][] = Array.isArray(value) ? value.map((one, place) => [String(place), one]) : Object.entries(value);
  if (!entries.length) return <span className="faint">{Array.isArray(value) ? "empty list" : "empty"}</span>;
  if (Array.isArray(value) && value.every((one) => typeof one !== "object" || one === null)) {
    const text = value.map((one) => (one === null ? "none" : String(one))).join(", ");
    return <bdi className="text">{line(text, 2000)}</bdi>;
  }
  return (
    <>
      <table className="entries">
        <tbody>
          {entries.slice(0, number).map(([name, one]) => (
            <tr key={name}>
              <th scope="row" title={name.length > 40 ? line(name, 300) : undefined}>
                <bdi>{line(name, 40)}</bdi>
              </th>
              <td>
                <Entry value={one} depth={depth + 1} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {entries.length > number && (
        <button type="button" className="link" onClick={() => setNumber(number + STEP)}>
          Show more ({whole(entries.length - number)} left)
        </button>
      )}
    </>
  );
}

function Entry({ value, depth }: { value: Json; depth: number }): ReactNode {
  if (typeof value !== "object" || value === null) return <Plain value={value} />;
  const number = Array.isArray(value) ? value.length : Object.keys(value).length;
  const flat = Array.isArray(value) && value.every((one) => typeof one !== "object" || one === null);
  if (number === 0 || flat) return <Entries value={value} depth={depth} />;
  return <Folded value={value} number={number} depth={depth} />;
}

/** The content is made when it is opened first, so that deep documents cost nothing. */
function Folded({ value, number, depth }: { value: Json[] | JsonObject; number: number; depth: number }): ReactNode {
  const [open, setOpen] = useState(number <= 6 && depth <= 2);
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="faint">{Array.isArray(value) ? counted(number, "item") : counted(number, "entry", "entries")}</summary>
      {open && <Entries value={value} depth={depth} />}
    </details>
  );
}
