import { describe, expect, it } from "vitest";
import { bits, grouped, prefix } from "../src/words/bits";
import { bytes, complex, percent, powerOfTwo, short, whole } from "../src/words/numbers";
import { line, plain, pythonText, shellText, shortId } from "../src/words/safe";
import { interval, localTime } from "../src/words/times";

describe("numbers as texts", () => {
  it.each([
    [0.25, "0.25"],
    [1234567, "1,234,567"],
    [-0.1234567, "−0.123457"],
    [1.5e-9, "1.5e−9"],
    [6.02e23, "6.02e23"],
    [NaN, ""],
    [-Infinity, "−∞"],
    [0, "0"],
  ])("%d is %s", (value, text) => expect(short(value)).toBe(text));

  it("say sizes, shares and complex numbers", () => {
    expect([bytes(0), bytes(1023), bytes(1536), bytes(4 * 2 ** 30)]).toEqual(["0 B", "1,023 B", "1.5 KiB", "4.0 GiB"]);
    expect([percent(0), percent(1), percent(1e-9), percent(0.999999), percent(0.1234)]).toEqual(["0 %", "100 %", "< 0.01 %", "> 99.99 %", "12.3 %"]);
    expect([complex(0.5, -0.25), complex(0, 0)]).toEqual(["0.5 − 0.25i", "0 + 0i"]);
    expect([powerOfTwo(10), powerOfTwo(28), whole(2 ** 28)]).toEqual(["1,024", "2²⁸", "268,435,456"]);
  });
});

describe("basis states as bits", () => {
  it("are exact above 2^32", () => {
    expect(bits(2 ** 40 + 1, 42)).toBe(`01${"0".repeat(39)}1`);
    expect(bits(0, 0)).toBe("");
  });

  it("have the bits in common that all of a range begin with", () => {
    expect(prefix(16, 31, 6)).toBe("01");
    expect(prefix(0, 63, 6)).toBe("");
    expect(prefix(5, 5, 3)).toBe("101");
  });

  it("are grouped from the left", () => expect([grouped("110101"), grouped("1101")]).toEqual(["1101 01", "1101"]));
});

describe("times", () => {
  it("are local and have their offset", () => {
    expect(localTime(Date.UTC(2026, 11, 1, 12, 2, 3) * 1000)).toBe("2026-12-01 13:02:03+01:00");
    expect(localTime(Date.UTC(2026, 6, 1, 12) * 1000)).toBe("2026-07-01 14:00:00+02:00");
    expect(localTime(NaN)).toBe("");
  });

  it("that are typed are intervals", () => {
    expect(interval("2026-12-01")).toEqual([Date.UTC(2026, 10, 30, 23) * 1000, Date.UTC(2026, 11, 1, 23) * 1000]);
    expect(interval("2026-12-01T12:30Z")).toEqual([Date.UTC(2026, 11, 1, 12, 30) * 1000, Date.UTC(2026, 11, 1, 12, 31) * 1000]);
    expect(interval("2026-12-01T12:30:05+02:00")?.[0]).toBe(Date.UTC(2026, 11, 1, 10, 30, 5) * 1000);
    expect([interval("soon"), interval("2026-13-01"), interval("2026-12-01T25:00")]).toEqual([null, null, null]);
  });
});

describe("texts of strangers", () => {
  it("show letters that mislead", () => {
    expect(plain("a\u202eb\u0000c\u200bd\ne\tf")).toBe("a‹U+202E›b‹U+0000›c‹U+200B›d\ne\tf");
  });

  it("are cut to one line", () => {
    expect(line("two\n lines")).toBe("two lines");
    expect(line("x".repeat(10_000), 20)).toBe(`${"x".repeat(20)}…`);
    expect(line("😀".repeat(30), 20)).toBe(`${"😀".repeat(20)}…`);
  });

  it("become ids, Python literals and words of a shell", () => {
    expect([shortId("4ff2da70-1234-4123-8123-000000000000"), shortId("hostile-1")]).toEqual(["4ff2da70", "hostile-1"]);
    expect(pythonText('a"b\\c\nd\u202eψ\u{1f600}')).toBe('"a\\"b\\\\c\\nd\\u202eψ\\U0001f600"');
    expect([shellText("vqe.h5"), shellText("a b'c"), shellText("-rf"), shellText("a\nb")]).toEqual(["vqe.h5", "'a b'\\''c'", "'-rf'", "$'a\\u000ab'"]);
  });
});

it("a day ends with the day, also when the clock changes, and days have names", () => {
  const [start, end] = interval("2026-10-25") ?? [0, 0];
  expect(end).toBe(new Date(2026, 9, 26).getTime() * 1000);
  expect(start).toBe(new Date(2026, 9, 25).getTime() * 1000);
  const now = new Date();
  expect(interval("yesterday")?.[1]).toBe(new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime() * 1000);
});

it("what is not all is never shown as all", () => {
  expect(percent(0.9997)).toBe("99.97 %");
  expect(percent(0.99999)).toBe("> 99.99 %");
  expect(percent(1)).toBe("100 %");
});
