import { describe, expect, it } from "vitest";
import { changed, href, parseRoute, type Place } from "../src/route";

const PLACES: Place[] = [
  { view: "list" },
  { view: "run", key: "4ff2da70-1" },
  { view: "run", key: "~PHNjcmlwdD4" },
  { view: "state", key: "a", number: 12 },
  { view: "sweep" },
  { view: "compare", first: "a", second: "b" },
  { view: "tree", path: "/runs/a b?c#d%/<x>" },
  { view: "tree", path: "/" },
];

describe("an address", () => {
  it.each(PLACES)("leads back to its place: %j", (place) => {
    const settings = { filter: 'tags = "a&b" ü', at: "16-4" };
    const route = parseRoute(href(place, settings));
    expect(route.place).toEqual(place);
    expect(Object.fromEntries(route.settings)).toEqual(settings);
  });

  it.each(["#/states/a/x", "#/compare/a", "#/runs/a/b", "#/sweep/1", "#/nothing"])("of no view is said to be unknown: %s", (hash) => {
    expect(parseRoute(hash).place.view).toBe("unknown");
  });

  it("may be damaged without an error", () => {
    expect(parseRoute("#/runs/%E0%A4%A").place).toEqual({ view: "run", key: "%E0%A4%A" });
    expect(parseRoute("").place).toEqual({ view: "list" });
  });

  it("leaves out settings without a value", () => {
    expect(href({ view: "list" }, changed(new URLSearchParams("filter=a&sort=b"), { filter: null, nested: "1" }))).toBe("#/?sort=b&nested=1");
  });
});
