/**
 * Colours of phases: hues around a circle. The colour of phase 0 is the lightest and that of ±π the darkest, so that these can be
 * told apart without seeing hues.
 */
import type { Theme } from "../frame/theme";

export type Rgb = readonly [number, number, number];

/** sRGB from OKLCH, with channels from 0 to 255; channels outside are cut. */
export function oklch(lightness: number, chroma: number, hue: number): Rgb {
  const a = chroma * Math.cos(hue);
  const b = chroma * Math.sin(hue);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const channel = (linear: number) => {
    const value = linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
    return Math.round(255 * Math.min(1, Math.max(0, value)));
  };
  return [
    channel(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    channel(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    channel(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

const STEPS = 256;
const MIDDLE: Record<Theme, number> = { light: 0.57, dark: 0.7 };

function circle(theme: Theme): Rgb[] {
  return Array.from({ length: STEPS }, (_, step) => {
    const phase = (2 * Math.PI * step) / STEPS - Math.PI;
    return oklch(MIDDLE[theme] + 0.1 * Math.cos(phase), 0.14, phase + 0.6);
  });
}

const CIRCLES: Record<Theme, Rgb[]> = { light: circle("light"), dark: circle("dark") };

/** The colour of a phase from -π to π; grey if it was not read yet. */
export function phaseColour(phase: number, theme: Theme): Rgb {
  if (Number.isNaN(phase)) return [128, 128, 128];
  const step = Math.round(((phase + Math.PI) / (2 * Math.PI)) * STEPS) % STEPS;
  return CIRCLES[theme][step < 0 ? step + STEPS : step] ?? [0, 0, 0];
}

export function css([red, green, blue]: Rgb): string {
  return `rgb(${red} ${green} ${blue})`;
}

/** Colours for what a canvas draws besides phases, as in colours.css. */
export const CANVAS: Record<Theme, { paper: Rgb; ink: string; faint: string; line: string; bar: string; second: string; unread: string }> = {
  light: { paper: [255, 255, 255], ink: "#1f2328", faint: "#59636e", line: "#d0d7de", bar: "#1f77b4", second: "#b35900", unread: "#e3e7eb" },
  dark: { paper: [22, 27, 34], ink: "#e6edf3", faint: "#9ea7b3", line: "#3d444d", bar: "#58a6ff", second: "#f0a04b", unread: "#2b323a" },
};

/** A colour between two: the first at 0, the second at 1. */
export function mixed(first: Rgb, second: Rgb, share: number): Rgb {
  const at = (place: 0 | 1 | 2) => Math.round(first[place] + (second[place] - first[place]) * share);
  return [at(0), at(1), at(2)];
}
