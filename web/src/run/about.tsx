/** Labels, history and attachments of a run. */
import type { ReactNode } from "react";
import type { Json, JsonObject, RunDocument } from "../data/interface";
import { condition } from "../filter/chips";
import { href } from "../route";
import { bytes } from "../words/numbers";
import { line, plain } from "../words/safe";
import { localTime, machineTime } from "../words/times";
import { Tree } from "./documents";
import { Wide } from "../words/wide";

export function Labels({ labels }: { labels: JsonObject }): ReactNode {
  const tags = Array.isArray(labels["tags"]) ? labels["tags"].map(String) : [];
  const params = labels["params"];
  const notes = labels["notes"];
  const named = typeof params === "object" && params !== null && !Array.isArray(params) ? Object.entries(params) : [];
  if (!tags.length && !named.length && !notes) return null;
  return (
    <section className="card" aria-labelledby="labels">
      <h2 id="labels">Labels</h2>
      {tags.length > 0 && (
        <p className="tags">
          {tags.map((tag, place) => (
            <a key={place} className="tag" href={href({ view: "list" }, { filter: condition("tags", "=", tag) })} title={line(tag, 300)}>
              <bdi>{line(tag, 60)}</bdi>
            </a>
          ))}
        </p>
      )}
      {named.length > 0 && (
        <dl className="facts">
          {named.map(([name, value]) => (
            <div key={name}>
              <dt title={line(name, 300)}>
                <bdi>{line(name, 40)}</bdi>
              </dt>
              <dd>{isSimple(value) ? <bdi className="text">{simpleText(value)}</bdi> : <Tree value={value} />}</dd>
            </div>
          ))}
        </dl>
      )}
      {typeof notes === "string" && notes && <p className="text notes">{plain(notes)}</p>}
    </section>
  );
}

function isSimple(value: Json): boolean {
  return typeof value !== "object" || value === null;
}

function simpleText(value: Json): string {
  return value === null ? "none" : plain(String(value));
}

export function History({ history }: { history: RunDocument["history"] }): ReactNode {
  if (!history.length) return null;
  return (
    <section className="card" aria-labelledby="history">
      <h2 id="history">History</h2>
      <Wide aria-labelledby="history">
        <table>
          <thead>
            <tr>
              <th scope="col">when</th>
              <th scope="col">who</th>
              <th scope="col">what</th>
            </tr>
          </thead>
          <tbody>
            {history.map(([when, who, what], place) => (
              <tr key={place}>
                <td className="numeric">
                  <time dateTime={machineTime(when)}>{localTime(when)}</time>
                </td>
                <td>
                  <bdi>{line(who, 80)}</bdi>
                </td>
                <td className="text">{plain(what)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
    </section>
  );
}

export function Attachments({ attachments }: { attachments: RunDocument["attachments"] }): ReactNode {
  if (!attachments.length) return null;
  return (
    <section className="card" aria-labelledby="attachments">
      <h2 id="attachments">Attachments</h2>
      <Wide aria-labelledby="attachments">
        <table>
          <thead>
            <tr>
              <th scope="col">name</th>
              <th scope="col">kind</th>
              <th scope="col">shape</th>
              <th scope="col" className="right">
                size
              </th>
            </tr>
          </thead>
          <tbody>
            {attachments.map((one, place) => (
              <tr key={place}>
                <td>
                  <bdi>{line(one.name, 100)}</bdi>
                </td>
                <td>{line(one.kind, 60)}</td>
                <td className="numeric">{one.shape?.length ? one.shape.join(" × ") : ""}</td>
                <td className="numeric right">{one.nbytes === null ? "" : bytes(one.nbytes)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
    </section>
  );
}
