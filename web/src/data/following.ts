/** Follows `project.json`: reads it again every two seconds while the project is live. */
import { createContext, useContext, useEffect, useState } from "react";
import { DataError, fetchJson, FRESH } from "./fetching";
import type { Project } from "./interface";

const PERIOD_MS = 2000;
/** The interface of which this page knows the answers. */
const INTERFACE = 1;

export interface Following {
  project: Project | null;
  /** Why there is no first answer. */
  error: Error | null;
  /** Whether the project cannot be followed: the server does not answer, or says why it cannot. */
  gone: boolean;
  /** What the server says, if it answers. */
  why: string | null;
}

function checked(project: Project): Project {
  if (project.interface !== INTERFACE) {
    throw new DataError(`This page reads interface ${INTERFACE} of the data, and these data have interface ${String(project.interface)}.`, 200);
  }
  return project;
}

export function useFollowing(): Following {
  const [following, setFollowing] = useState<Following>({ project: null, error: null, gone: false, why: null });
  useEffect(() => {
    let timer = 0;
    let stopped = false;
    const ask = async () => {
      try {
        const project = checked(await fetchJson<Project>("project.json", FRESH));
        if (stopped) return;
        setFollowing((before) =>
          before.project?.generation === project.generation && !before.gone ? before : { project, error: null, gone: false, why: null },
        );
        if (project.live) timer = window.setTimeout(ask, PERIOD_MS);
      } catch (error) {
        if (stopped) return;
        const failure = error instanceof Error ? error : new Error(String(error));
        const why = error instanceof DataError && error.status > 0 ? error.message : null;
        setFollowing((before) => (before.project ? { ...before, gone: true, why } : { ...before, error: failure }));
        timer = window.setTimeout(ask, PERIOD_MS);
      }
    };
    void ask();
    return () => {
      stopped = true;
      window.clearTimeout(timer);
    };
  }, []);
  return following;
}

export const ProjectContext = createContext<Project | null>(null);

export function useProject(): Project {
  const project = useContext(ProjectContext);
  if (project === null) throw new Error("useProject is called outside of a project.");
  return project;
}
