/** The route of this moment, for components. */
import { createContext, useCallback, useContext, useEffect, useState } from "react";
import { changed, href, parseRoute, type Place, type Route, type Settings } from "./route";

export function useHash(): Route {
  const [route, setRoute] = useState(() => parseRoute(window.location.hash));
  useEffect(() => {
    const follow = () => setRoute(parseRoute(window.location.hash));
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, []);
  return route;
}

export const RouteContext = createContext<Route>(parseRoute(""));

export function useRoute(): Route {
  return useContext(RouteContext);
}

/** Goes to another view. */
export function go(place: Place, settings?: URLSearchParams | Settings): void {
  window.location.hash = href(place, settings);
}

/** Changes settings of the view without a new step in the history of the browser, unless `step` is true. */
export function useSettings(): [URLSearchParams, (changes: Settings, step?: boolean) => void] {
  const { settings } = useRoute();
  const change = useCallback((changes: Settings, step = false) => {
    const now = parseRoute(window.location.hash);
    const next = href(now.place, changed(now.settings, changes));
    if (next === window.location.hash) return;
    if (step) {
      window.location.hash = next;
    } else {
      window.history.replaceState(null, "", next);
      window.dispatchEvent(new HashChangeEvent("hashchange"));
    }
  }, []);
  return [settings, change];
}
