/** Light or dark: as the system says, or as the reader chose. */
import { createContext, useCallback, useContext, useEffect, useState } from "react";

export type Choice = "system" | "light" | "dark";
export type Theme = "light" | "dark";

const KEPT_AS = "aerchive-theme";
const CHOICES: readonly Choice[] = ["system", "light", "dark"];

function kept(): Choice {
  try {
    const choice = window.localStorage.getItem(KEPT_AS);
    return CHOICES.find((one) => one === choice) ?? "system";
  } catch {
    return "system";
  }
}

export function useThemeChoice(): { theme: Theme; choice: Choice; choose: (choice: Choice) => void } {
  const [choice, setChoice] = useState<Choice>(kept);
  const [dark, setDark] = useState(() => window.matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const query = window.matchMedia("(prefers-color-scheme: dark)");
    const follow = () => setDark(query.matches);
    query.addEventListener("change", follow);
    return () => query.removeEventListener("change", follow);
  }, []);
  const theme: Theme = choice === "system" ? (dark ? "dark" : "light") : choice;
  useEffect(() => {
    document.documentElement.dataset["theme"] = theme;
  }, [theme]);
  const choose = useCallback((next: Choice) => {
    setChoice(next);
    try {
      window.localStorage.setItem(KEPT_AS, next);
    } catch {
      // Without storage the choice holds until the page is closed.
    }
  }, []);
  return { theme, choice, choose };
}

export const ThemeContext = createContext<Theme>("light");

export function useTheme(): Theme {
  return useContext(ThemeContext);
}
