import { lazy, type ReactNode, Suspense, useEffect, useRef } from "react";
import { ProjectContext, useFollowing } from "../data/following";
import type { Project } from "../data/interface";
import { ListView } from "../list/list_view";
import type { Place } from "../route";
import { RouteContext, useHash } from "../routing";
import { RunView } from "../run/run_view";
import { line } from "../words/safe";
import { Failure, Loading, Notice } from "../words/notices";
import { ErrorBoundary } from "./error_boundary";
import { GoneBanner, Header } from "./header";
import { ThemeContext, useThemeChoice } from "./theme";

const StateView = lazy(() => import("../state/state_view"));
const SweepView = lazy(() => import("../sweep/sweep_view"));
const CompareView = lazy(() => import("../compare/compare_view"));
const TreeView = lazy(() => import("../tree/tree_view"));

function View({ place }: { place: Place }): ReactNode {
  switch (place.view) {
    case "list":
      return <ListView />;
    case "run":
      return <RunView key={place.key} runKey={place.key} />;
    case "state":
      return <StateView key={`${place.key}/${place.number}`} runKey={place.key} number={place.number} />;
    case "sweep":
      return <SweepView />;
    case "compare":
      return <CompareView key={`${place.first}/${place.second}`} first={place.first} second={place.second} />;
    case "tree":
      return <TreeView path={place.path} />;
    case "unknown":
      return (
        <Notice title="There is no such view" main>
          <p>
            The address names “{line(place.path, 100)}”. Go to <a href="#/">all runs</a>.
          </p>
        </Notice>
      );
  }
}

const NAMES: Record<Place["view"], string> = {
  list: "Runs",
  run: "Run",
  state: "State",
  sweep: "Sweep",
  compare: "Comparison",
  tree: "Tree",
  unknown: "No such view",
};

/** Names the page after its view, and puts the focus there when another view is opened. */
function useTitle(place: Place, project: Project | null): React.RefObject<HTMLElement> {
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const name = project ? line(project.name, 80) : "aerchive";
  const where = place.view === "run" || place.view === "state" ? place.key : "";
  useEffect(() => {
    document.title = `${NAMES[place.view]} – ${name}`;
  }, [place.view, name]);
  useEffect(() => {
    if (!first.current) {
      main.current?.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
    first.current = false;
  }, [place.view, where]);
  return main;
}

export function App(): ReactNode {
  const route = useHash();
  const themes = useThemeChoice();
  const { project, error, gone, why } = useFollowing();
  const main = useTitle(route.place, project);
  return (
    <ThemeContext.Provider value={themes.theme}>
      <RouteContext.Provider value={route}>
        <a className="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
          Skip to the content
        </a>
        <Header project={project} gone={gone} place={route.place} themes={themes} />
        {gone && <GoneBanner name={project?.name ?? ""} why={why} />}
        <main id="main" ref={main} tabIndex={-1} className={`view view-${route.place.view}`}>
          {project ? (
            <ProjectContext.Provider value={project}>
              <ErrorBoundary key={JSON.stringify(route.place)}>
                <Suspense fallback={<Loading what="the view" />}>
                  <View place={route.place} />
                </Suspense>
              </ErrorBoundary>
            </ProjectContext.Provider>
          ) : error ? (
            <Failure error={error} what="The project cannot be shown" main />
          ) : (
            <Loading what="the project" />
          )}
        </main>
      </RouteContext.Provider>
    </ThemeContext.Provider>
  );
}
