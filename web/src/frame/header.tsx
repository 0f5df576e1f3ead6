import { type ReactNode, useRef } from "react";
import type { Project } from "../data/interface";
import { href, type Place } from "../route";
import { bytes, counted, whole } from "../words/numbers";
import { line, plain, shellText } from "../words/safe";
import { Help } from "./help";
import type { Choice, Theme } from "./theme";

interface Themes {
  theme: Theme;
  choice: Choice;
  choose: (choice: Choice) => void;
}

const LINKS: [Place, string][] = [
  [{ view: "list" }, "Runs"],
  [{ view: "sweep" }, "Sweep"],
  [{ view: "tree", path: "/" }, "Tree"],
];

export function Header({ project, gone, place, themes }: { project: Project | null; gone: boolean; place: Place; themes: Themes }): ReactNode {
  const help = useRef<HTMLDialogElement>(null);
  return (
    <header className="head">
      <div className="head-name">
        <a href="#/" className="project-name" title={project ? line(project.name, 300) : undefined}>
          {project ? <bdi>{line(project.name, 60)}</bdi> : "aerchive"}
        </a>
        {project && <Follow live={project.live} gone={gone} />}
      </div>
      <nav aria-label="Views">
        {LINKS.map(([target, text]) => (
          <a key={text} href={href(target)} aria-current={target.view === place.view ? "page" : undefined}>
            {text}
          </a>
        ))}
      </nav>
      {project && <Facts project={project} />}
      <div className="head-tools">
          <select value={themes.choice} onChange={(event) => themes.choose(event.target.value as Choice)} aria-label="Colours">
            <option value="system">Colours: as the system</option>
            <option value="light">Colours: light</option>
            <option value="dark">Colours: dark</option>
          </select>
        <button type="button" onClick={() => help.current?.showModal()}>
          Help
        </button>
      </div>
      <Help dialog={help} />
    </header>
  );
}

function Follow({ live, gone }: { live: boolean; gone: boolean }): ReactNode {
  const [text, title] = gone
    ? ["not connected", "The project cannot be read, or the server does not answer."]
    : live
      ? ["live", "The page follows the project: new runs appear by themselves."]
      : ["published copy", "These data were published once and do not change."];
  return (
    <span className={`follow ${gone ? "is-gone" : live ? "is-live" : "is-copy"}`} title={title} role="status" data-testid="follow">
      {text}
    </span>
  );
}

function Facts({ project }: { project: Project }): ReactNode {
  const outcomes = Object.entries(project.outcomes).sort((a, b) => b[1] - a[1]);
  return (
    <p className="head-facts" data-testid="project-facts">
      {counted(project.runs, "run")}, {bytes(project.file_bytes)}
      {outcomes.map(([outcome, number]) => (
        <span key={outcome}>
          {", "}
          {whole(number)} <bdi>{line(outcome, 20)}</bdi>
        </span>
      ))}
    </p>
  );
}

export function GoneBanner({ name, why }: { name: string; why: string | null }): ReactNode {
  if (why !== null) {
    return (
      <p className="banner" role="alert">
        The project cannot be read any more; the page shows what it has read. The server says: {plain(why)}
      </p>
    );
  }
  return (
    <p className="banner" role="alert">
      The server does not answer any more; the page shows what it has read. Start it again in a terminal with{" "}
      <code>{plain(`aerchive view ${shellText(name)}`)}</code> and open the address that it prints.
    </p>
  );
}
