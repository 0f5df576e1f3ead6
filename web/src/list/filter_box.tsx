/** The line that a filter is typed into, and chips that change it by a click. */
import { type ReactNode, useEffect, useRef, useState } from "react";
import { condition, hasCondition, toggled } from "../filter/chips";
import { useProject } from "../data/following";
import { whole } from "../words/numbers";
import { outcomeKind } from "../words/outcomes";
import { line, plain } from "../words/safe";

const PAUSE_MS = 200;
const TAGS = 8;

interface Props {
  text: string;
  change: (text: string) => void;
  error: string | null;
  children?: ReactNode;
}

export function FilterBox({ text, change, error, children }: Props): ReactNode {
  const input = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState(text);
  const sent = useRef(text);
  useEffect(() => {
    // The setting changed by a chip, by a link or by going back, and not by what was typed here.
    if (text !== sent.current) {
      sent.current = text;
      setTyped(text);
    }
  }, [text]);
  useEffect(() => {
    if (typed === sent.current) return undefined;
    const timer = window.setTimeout(() => {
      sent.current = typed;
      change(typed);
    }, PAUSE_MS);
    return () => window.clearTimeout(timer);
  }, [typed, change]);
  useEffect(() => {
    const toFilter = (event: KeyboardEvent) => {
      const at = event.target instanceof Element ? event.target : null;
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || at?.closest("input,textarea,select,dialog[open]")) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    window.addEventListener("keydown", toFilter);
    return () => window.removeEventListener("keydown", toFilter);
  }, []);
  const apply = (next: string) => {
    sent.current = next;
    setTyped(next);
    change(next);
  };
  return (
    <div className="filter">
      <div className="filter-line" role="search">
        <label htmlFor="filter">Filter</label>
        <input
          id="filter"
          ref={input}
          type="search"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          placeholder="ghz  qubits >= 20  tags = vqe  created = yesterday"
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="off"
          aria-invalid={error !== null}
          aria-describedby={error !== null ? "filter-error" : undefined}
        />
        {children}
      </div>
      {error !== null && (
        <p id="filter-error" className="filter-error" role="alert">
          {plain(error)}
        </p>
      )}
      <Chips text={typed} apply={apply} />
    </div>
  );
}

function Chips({ text, apply }: { text: string; apply: (text: string) => void }): ReactNode {
  const project = useProject();
  const [all, setAll] = useState(false);
  const outcomes = Object.entries(project.outcomes).sort((a, b) => b[1] - a[1]);
  const tags = all ? project.tags.slice(0, 500) : project.tags.slice(0, TAGS);
  const chip = (column: string, value: string, number: number) => {
    const added = condition(column, "=", value);
    const on = hasCondition(text, added);
    return (
      <button
        key={`${column} ${value}`}
        type="button"
        className={`chip chip-${column}`}
        aria-pressed={on}
        title={line(`${column} = ${value}`, 300)}
        onClick={() => apply(toggled(text, added))}
      >
        {column === "outcome" && <span className={`dot outcome-${outcomeKind(value)}`} aria-hidden="true" />}
        <bdi>{line(value, 24)}</bdi> <span className="chip-number">{whole(number)}</span>
      </button>
    );
  };
  if (!outcomes.length && !tags.length) return null;
  return (
    <div className="chips">
      {outcomes.length > 0 && (
        <div role="group" aria-label="Outcomes">
          {outcomes.map(([outcome, number]) => chip("outcome", outcome, number))}
        </div>
      )}
      {tags.length > 0 && (
        <div role="group" aria-label="Tags">
          {tags.map(([tag, number]) => chip("tags", tag, number))}
          {project.tags.length > TAGS && (
            <button type="button" className="link" aria-expanded={all} onClick={() => setAll(!all)}>
              {all ? "fewer tags" : `${whole(project.tags.length - TAGS)} more tags`}
            </button>
          )}
        </div>
      )}
    </div>
  );
}
