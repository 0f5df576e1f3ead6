/** The nodes of the file in H5Web, read through the data interface. */
import { App as H5Web, DataProvider } from "@h5web/app";
import "@h5web/app/styles.css";
import { type ReactNode, useMemo } from "react";
import { fetchJson, FRESH } from "../data/fetching";
import { useProject } from "../data/following";
import type { TreeNode } from "../data/interface";
import { useLoaded } from "../data/loaded";
import { useTheme } from "../frame/theme";
import { useRoute } from "../routing";
import { Failure, Loading } from "../words/notices";
import { TreeApi } from "./provider";
import "../styles/tree.css";

export default function TreeView({ path }: { path: string }): ReactNode {
  const project = useProject();
  const theme = useTheme();
  const { settings } = useRoute();
  const address = settings.get("node");
  const safe = address !== null && /^tree\/[\w~/-]*node\.json$/.test(address) ? address : null;
  // The address of a node says where its description is; the path of names is in there.
  const loaded = useLoaded(safe, (signal) => fetchJson<TreeNode>(safe ?? "", { ...FRESH, signal }));
  const api = useMemo(() => new TreeApi(project.name), [project.name, project.generation]);
  if (safe !== null && loaded.state === "loading") return <Loading what="the node" />;
  const start = safe !== null && loaded.state === "ready" ? loaded.value.path : path;
  return (
    <>
      <h1 className="sr">Tree of the file</h1>
      {safe !== null && loaded.state === "failed" && <Failure error={loaded.error} what="The node cannot be shown" />}
      <p className="faint tree-words">
        Everything in the file as HDF5 has it. Datasets of more than 4 MiB are not drawn here: look at states in the state explorer, from
        the page of their run.
      </p>
      <div className="tree" data-testid="tree">
        <DataProvider key={project.generation} api={api}>
          <H5Web key={start} initialPath={start} disableDarkMode={theme === "light"} />
        </DataProvider>
      </div>
    </>
  );
}
