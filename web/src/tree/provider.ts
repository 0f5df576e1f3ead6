/** Answers H5Web's questions about the file from the addresses below `tree/`. */
import type { AttributeValues, ChildEntity, Entity, ProvidedEntity, Shape, ValuesStoreParams } from "@h5web/app";
import { DataProviderApi } from "@h5web/app";
import { fetchData, fetchJson, FRESH } from "../data/fetching";
import type { Json, TreeChild, TreeNode } from "../data/interface";
import { plain } from "../words/safe";
import ndarray, { copyElements } from "./plain_ndarray";
import { h5webType } from "./types";
import { elementsOfBytes, elementsOfLists, isOfBytes } from "./values";

const ROOT = "tree/node.json";
/** A group of more children is not drawn as one picture. */
const MOST_DRAWN = 100;

/**
 * Children of which only name and kind are known. H5Web would keep each dataset among them as if it were whole, by a call of
 * `forEach`; without it, it asks for a dataset when one is chosen.
 */
class ListedChildren extends Array<ChildEntity> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  override forEach(): void {
    // Nothing is kept.
  }
}

function shapeOf(shape: readonly number[] | null | undefined): Shape {
  if (!shape) return { class: "Null" } as Shape;
  return (shape.length ? { class: "Array", dims: [...shape] } : { class: "Scalar", dims: [] }) as Shape;
}

function pathBelow(path: string, name: string): string {
  return `${path === "/" ? "" : path}/${name}`;
}

const KINDS: Record<string, string> = { group: "group", dataset: "dataset" };

function childEntity(path: string, child: TreeChild): ChildEntity {
  const kind = KINDS[child.kind] ?? "unresolved";
  const rest = kind === "dataset" ? { shape: shapeOf([]), type: h5webType(undefined) } : {};
  return { name: child.name, path: pathBelow(path, child.name), kind, attributes: [], ...rest } as unknown as ChildEntity;
}

export class TreeApi extends DataProviderApi {
  private readonly nodes = new Map<string, Promise<TreeNode>>();

  constructor(name: string) {
    super(plain(name));
  }

  /** The node at a path; each is fetched once. */
  private node(path: string): Promise<TreeNode> {
    let promise = this.nodes.get(path);
    if (!promise) {
      promise = this.fetchNode(path);
      this.nodes.set(path, promise);
      promise.catch(() => this.nodes.delete(path));
    }
    return promise;
  }

  private async fetchNode(path: string): Promise<TreeNode> {
    if (path === "/") return fetchJson<TreeNode>(ROOT, FRESH);
    const end = path.lastIndexOf("/");
    const parent = await this.node(path.slice(0, end) || "/");
    const name = path.slice(end + 1);
    const child = parent.children?.find((one) => one.name === name);
    if (!child) {
      const more = parent.more ? " It may be one of those that are not listed." : "";
      throw new Error(`There is no ${plain(path)} in the file.${more}`);
    }
    if (!child.address) throw new Error(`${plain(path)} cannot be read: ${plain(child.why ?? "the reason is not known.")}`);
    return fetchJson<TreeNode>(child.address, FRESH);
  }

  override async getEntity(path: string): Promise<ProvidedEntity> {
    const node = await this.node(path);
    const readable = node.attributes.filter((one) => one.dtype !== null);
    const entity = {
      name: node.name || plain(this.filepath),
      path,
      attributes: readable.map((one) => ({ name: one.name, shape: shapeOf(one.shape), type: h5webType(one.dtype) })),
    };
    if (node.kind === "group") return { ...entity, kind: "group", children: await this.children(path, node) } as unknown as ProvidedEntity;
    return {
      ...entity,
      kind: "dataset",
      shape: shapeOf(node.shape),
      type: h5webType(node.dtype),
      rawType: node.dtype,
      ...(node.chunks ? { chunks: node.chunks } : {}),
      filters: (node.filters ?? []).map((name, id) => ({ id, name })),
    } as unknown as ProvidedEntity;
  }

  private async children(path: string, node: TreeNode): Promise<ChildEntity[]> {
    const listed = node.children ?? [];
    // H5Web draws such a group as one picture of its datasets, for which it needs to know them as a whole.
    const isPicture = listed.length <= MOST_DRAWN && node.attributes.some((one) => one.name === "signal");
    if (isPicture) {
      return Promise.all(
        listed.map((child) => (child.kind === "dataset" ? (this.getEntity(pathBelow(path, child.name)) as Promise<ChildEntity>) : childEntity(path, child))),
      );
    }
    const children = new ListedChildren();
    for (const child of listed) children.push(childEntity(path, child));
    return children;
  }

  override async getValue({ dataset, selection }: ValuesStoreParams): Promise<unknown> {
    const node = await this.node(dataset.path);
    if (!node.values) throw new Error(`${plain(dataset.path)}: ${plain(node.why ?? "its values are not given.")}`);
    const shape = node.shape ?? [];
    const elements = isOfBytes(node.dtype)
      ? elementsOfBytes(await (await fetchData(node.values, FRESH)).arrayBuffer(), node.dtype)
      : elementsOfLists(await fetchJson<Json>(node.values, FRESH), shape);
    if (!shape.length) return elements[0];
    return selection === undefined ? elements : selected(elements, shape, selection);
  }

  override async getAttrValues(entity: Entity): Promise<AttributeValues> {
    const node = await this.node(entity.path);
    return Object.fromEntries(node.attributes.map((one) => [one.name, one.shape?.length ? elementsOfLists(one.value, one.shape) : one.value]));
  }
}

/** The part of an array that a selection such as `3,:,:` names. */
export function selected(elements: unknown[] | { length: number; [place: number]: unknown }, shape: number[], selection: string): unknown {
  const places = selection.split(",").map((part) => (part === ":" ? null : Number.parseInt(part, 10)));
  const part = ndarray(elements as unknown[], shape).pick(...places);
  const data = Array.isArray(elements)
    ? new Array<unknown>(part.size)
    : new (elements.constructor as new (length: number) => { length: number; [place: number]: unknown })(part.size);
  copyElements(ndarray(data as unknown[], part.shape), part);
  return part.dimension === 0 ? data[0] : data;
}
