/** The addresses of the views, after the `#` of the page's address. */

export type Place =
  | { view: "list" }
  | { view: "run"; key: string }
  | { view: "state"; key: string; number: number }
  | { view: "sweep" }
  | { view: "compare"; first: string; second: string }
  | { view: "tree"; path: string }
  | { view: "unknown"; path: string };

export interface Route {
  place: Place;
  /** What is set in a view, such as its filter and its axes. */
  settings: URLSearchParams;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function parseRoute(hash: string): Route {
  const text = hash.replace(/^#/, "");
  const mark = text.indexOf("?");
  const path = mark < 0 ? text : text.slice(0, mark);
  const settings = new URLSearchParams(mark < 0 ? "" : text.slice(mark + 1));
  const parts = path.split("/").filter(Boolean).map(decoded);
  return { place: parsePlace(parts, path), settings };
}

function parsePlace(parts: string[], path: string): Place {
  const [view, first, second] = parts;
  if (view === undefined) return { view: "list" };
  if (view === "runs" && first !== undefined && parts.length === 2) return { view: "run", key: first };
  if (view === "states" && first !== undefined && parts.length === 3 && /^\d{1,9}$/.test(second ?? "")) {
    return { view: "state", key: first, number: Number(second) };
  }
  if (view === "sweep" && parts.length === 1) return { view: "sweep" };
  if (view === "compare" && first !== undefined && second !== undefined && parts.length === 3) {
    return { view: "compare", first, second };
  }
  if (view === "tree") return { view: "tree", path: `/${parts.slice(1).join("/")}` };
  return { view: "unknown", path };
}

function pathOf(place: Place): string {
  const parts = (...names: string[]) => `/${names.map(encodeURIComponent).join("/")}`;
  switch (place.view) {
    case "list":
      return "/";
    case "run":
      return parts("runs", place.key);
    case "state":
      return parts("states", place.key, String(place.number));
    case "sweep":
      return "/sweep";
    case "compare":
      return parts("compare", place.first, place.second);
    case "tree":
      return parts("tree", ...place.path.split("/").filter(Boolean));
    case "unknown":
      return place.path;
  }
}

export type Settings = Record<string, string | null | undefined>;

/** The address of a place, with its settings; those that are null or empty are left out. */
export function href(place: Place, settings: URLSearchParams | Settings = {}): string {
  const given = settings instanceof URLSearchParams ? [...settings] : Object.entries(settings);
  const query = new URLSearchParams();
  for (const [name, value] of given) if (value) query.set(name, value);
  const text = query.toString();
  return `#${pathOf(place)}${text ? `?${text}` : ""}`;
}

/** Settings with some of them changed. */
export function changed(settings: URLSearchParams, changes: Settings): URLSearchParams {
  const next = new URLSearchParams(settings);
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  return next;
}
