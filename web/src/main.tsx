import { createRoot } from "react-dom/client";
import { App } from "./frame/app";
import "./styles/colours.css";
import "./styles/page.css";
import "./styles/frame.css";
import "./styles/list.css";
import "./styles/run.css";
import "./styles/state.css";
import "./styles/sweep.css";
import "./styles/compare.css";
import "./styles/print.css";

const root = document.getElementById("page");
if (root) createRoot(root).render(<App />);
