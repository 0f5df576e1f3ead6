import { describe, expect, it } from "vitest";
import { copyMatrixTile, copyTile, emptyBins, type Cells } from "../src/data/tiles";
import { binBits, binRange, peakBits, peakState } from "../src/state/bin_words";
import { aroundMatrix, drawnMatrix, movedMatrix, parseMatrixWindow, wholeMatrix, zoomedMatrix } from "../src/state/matrix_window";
import { phaseColour } from "../src/state/phase_colour";
import { heightOf, scaleFor, ticks } from "../src/state/scale";
import { ancestors, around, drawn, moved, ofBin, parseWindow, type Window, windowText, wholeWindow, zoomed } from "../src/state/window";

const LARGE = { qubits: 28, levels: 28 };

function isInside(extent: { qubits: number; levels: number }, window: Window): void {
  const { level, first, count } = drawn(extent, window);
  expect(window.start).toBeGreaterThanOrEqual(0);
  expect(window.start + 2 ** window.exponent).toBeLessThanOrEqual(2 ** extent.qubits);
  expect(first * 2 ** (extent.qubits - level)).toBe(window.start);
  expect(level).toBeLessThanOrEqual(extent.levels);
  expect(count).toBeLessThanOrEqual(1024);
  expect(first + count).toBeLessThanOrEqual(2 ** level);
}

describe("the part of a vector that is in sight", () => {
  it("is drawn with 1,024 bins", () => {
    expect(drawn(LARGE, wholeWindow(LARGE))).toEqual({ level: 10, first: 0, count: 1024 });
    expect(drawn(LARGE, { start: 2 ** 20, exponent: 10 })).toEqual({ level: 28, first: 2 ** 20, count: 1024 });
    expect(drawn({ qubits: 3, levels: 3 }, { start: 0, exponent: 3 })).toEqual({ level: 3, first: 0, count: 8 });
  });

  it("begins with a bin wherever it is zoomed and moved to", () => {
    let seed = 1;
    const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
    for (const extent of [LARGE, { qubits: 28, levels: 14 }, { qubits: 5, levels: 5 }, { qubits: 1, levels: 1 }]) {
      let window = wholeWindow(extent);
      for (let step = 0; step < 300; step += 1) {
        const choice = random();
        if (choice < 0.5) window = zoomed(extent, window, choice < 0.35 ? 1 : -1, random());
        else if (choice < 0.8) window = moved(extent, window, random() * 2 - 1);
        else window = ofBin(extent, drawn(extent, window).level, drawn(extent, window).first + Math.floor(random() * drawn(extent, window).count));
        isInside(extent, window);
        expect(parseWindow(extent, windowText(extent, window))).toEqual(window);
      }
    }
  });

  it("keeps what is pointed at when it zooms", () => {
    const window = zoomed(LARGE, wholeWindow(LARGE), 4, 0.3);
    const at = 0.3 * 2 ** 28;
    expect(window.exponent).toBe(24);
    expect(Math.abs(window.start + 0.3 * 2 ** 24 - at)).toBeLessThan(2 ** 15);
  });

  it("contains the basis states that it is put around", () => {
    const window = around(LARGE, 1000, 1999);
    expect(window.start).toBeLessThanOrEqual(1000);
    expect(window.start + 2 ** window.exponent).toBeGreaterThan(1999);
    expect(window.exponent).toBe(10);
  });

  it("is below larger parts that contain it", () => {
    const steps = ancestors(LARGE, { start: 5 * 2 ** 8, exponent: 8 });
    expect(steps.map((step) => step.exponent)).toEqual([28, 18]);
  });

  it("is the whole vector if its address is damaged", () => {
    for (const text of [null, "", "x", "1-2-3", "-5-3"]) expect(parseWindow(LARGE, text)).toEqual(wholeWindow(LARGE));
    isInside(LARGE, parseWindow(LARGE, "9999999999999999-99"));
  });
});

describe("the part of a matrix that is in sight", () => {
  const extent = { qubits: 12, levels: 12 };
  it("is drawn with at most 128 x 128 bins", () => {
    expect(drawnMatrix(extent, wholeMatrix(extent))).toEqual({ level: 7, row: 0, column: 0, count: 128 });
    const near = aroundMatrix(extent, [100, 200], [103, 203]);
    expect(drawnMatrix(extent, near)).toMatchObject({ level: 12, count: 8 });
  });

  it("stays inside", () => {
    const window = movedMatrix(extent, zoomedMatrix(extent, wholeMatrix(extent), 3, 1, 1), 5, -50);
    expect(window).toEqual({ exponent: 9, row: 4096 - 512, column: 0 });
    expect(parseMatrixWindow(extent, "3584-0-9")).toEqual(window);
  });
});

describe("tiles", () => {
  it("are put together where a part crosses their border", () => {
    const bins = emptyBins(4, 3, 2, 4);
    const tile = (index: number) => Float32Array.from({ length: 16 }, (_, place) => 100 * Math.floor(place / 4) + 4 * index + (place % 4));
    copyTile(bins, tile(0), 0, 4);
    copyTile(bins, tile(1), 1, 4);
    expect([...bins.sums]).toEqual([2, 3, 4, 5]);
    expect([...bins.phases]).toEqual([202, 203, 204, 205]);
    expect([...bins.offsets]).toEqual([302, 303, 304, 305]);
  });

  it("of a matrix as well", () => {
    const cells: Cells = { level: 2, row: 1, column: 1, count: 2, magnitudes: new Float32Array(4), phases: new Float32Array(4) };
    for (const row of [0, 1]) {
      for (const column of [0, 1]) {
        const value = (place: number) => (2 * row + Math.floor(place / 2)) * 4 + 2 * column + (place % 2);
        copyMatrixTile(cells, Float32Array.from({ length: 8 }, (_, place) => value(place % 4) + (place < 4 ? 0 : 100)), row, column, 2);
      }
    }
    expect([...cells.magnitudes]).toEqual([5, 6, 9, 10]);
    expect([...cells.phases]).toEqual([105, 106, 109, 110]);
  });

  it("say which basis states a bin has", () => {
    const bins = emptyBins(6, 2, 1, 1);
    bins.offsets[0] = 5;
    expect(binBits(bins, 0)).toBe("|01····⟩");
    expect(binRange(bins, 0)).toBe("16 to 31");
    expect([peakState(bins, 0), peakBits(bins, 0)]).toEqual([21, "|010101⟩"]);
    const wide = emptyBins(28, 1, 1, 1);
    wide.offsets[0] = 2 ** 26 + 8;
    expect([peakState(wide, 0), peakBits(wide, 0)]).toEqual([null, "|1100000000000000000000001···⟩"]);
  });
});

describe("a scale", () => {
  it("leaves out what was not read yet", () => {
    const scale = scaleFor(Float32Array.of(NaN, 0.5, 0.25, 0), "linear");
    expect(scale).toMatchObject({ least: 0, greatest: 0.5 });
    expect([heightOf(0.25, scale), heightOf(NaN, scale)]).toEqual([0.5, 0]);
  });

  it("of logarithms shows at most twelve decades", () => {
    const scale = scaleFor(Float32Array.of(1e-30, 1e-3, 1), "log");
    expect(scale.least).toBeGreaterThan(1e-14);
    expect(heightOf(1, scale)).toBe(1);
    expect(ticks(scale).length).toBeLessThan(9);
  });

  it("exists for a vector of zeros", () => expect(ticks(scaleFor(new Float32Array(4), "log")).length).toBeGreaterThan(0));
});

describe("colours of phases", () => {
  it("go around a circle, the lightest at 0 and the darkest at ±π", () => {
    const lightness = ([red, green, blue]: readonly [number, number, number]) => 0.21 * red + 0.72 * green + 0.07 * blue;
    for (const theme of ["light", "dark"] as const) {
      expect(phaseColour(Math.PI, theme)).toEqual(phaseColour(-Math.PI, theme));
      expect(lightness(phaseColour(0, theme))).toBeGreaterThan(lightness(phaseColour(Math.PI, theme)) + 30);
    }
  });
});
