/**
 * Arrays of several dimensions, in place of the package `ndarray` that H5Web imports: that package makes its functions from text with
 * `new Function`, which the content security policy of the page forbids. This has what H5Web uses, without making code.
 */

export interface Elements {
  length: number;
  [place: number]: unknown;
}

function names(data: Elements): string {
  if (Array.isArray(data)) return "array";
  const name = Object.prototype.toString.call(data).slice(8, -1).toLowerCase();
  if (name === "uint8clampedarray") return "uint8_clamped";
  return name.endsWith("array") ? name.slice(0, -"array".length) : "generic";
}

export class PlainNdArray {
  readonly data: Elements;
  readonly shape: number[];
  readonly stride: number[];
  readonly offset: number;

  constructor(data: Elements, shape: number[], stride: number[], offset: number) {
    this.data = data;
    this.shape = shape;
    this.stride = stride;
    this.offset = offset;
  }

  get dtype(): string {
    return names(this.data);
  }

  get dimension(): number {
    return this.shape.length;
  }

  get size(): number {
    return this.shape.reduce((product, extent) => product * extent, 1);
  }

  /** Axes, the one with the smallest stride first. */
  get order(): number[] {
    return this.stride.map((_, axis) => axis).sort((a, b) => Math.abs(this.stride[a] ?? 0) - Math.abs(this.stride[b] ?? 0));
  }

  get T(): PlainNdArray {
    return this.transpose(...this.shape.map((_, axis) => axis).reverse());
  }

  index(...place: number[]): number {
    return this.stride.reduce((sum, stride, axis) => sum + stride * (place[axis] ?? 0), this.offset);
  }

  get(...place: number[]): unknown {
    return this.data[this.index(...place)];
  }

  set(...placeAndValue: unknown[]): unknown {
    const value = placeAndValue[this.dimension];
    this.data[this.index(...(placeAndValue.slice(0, this.dimension) as number[]))] = value;
    return value;
  }

  lo(...first: (number | null)[]): PlainNdArray {
    const from = this.shape.map((_, axis) => Math.max(0, first[axis] ?? 0));
    return new PlainNdArray(
      this.data,
      this.shape.map((extent, axis) => extent - (from[axis] ?? 0)),
      this.stride,
      this.index(...from),
    );
  }

  hi(...extents: (number | null)[]): PlainNdArray {
    const shape = this.shape.map((extent, axis) => {
      const wanted = extents[axis];
      return typeof wanted === "number" && wanted >= 0 ? wanted : extent;
    });
    return new PlainNdArray(this.data, shape, this.stride, this.offset);
  }

  step(...steps: (number | null)[]): PlainNdArray {
    let offset = this.offset;
    const shape = this.shape.slice();
    const stride = this.stride.slice();
    this.shape.forEach((extent, axis) => {
      const by = steps[axis];
      if (typeof by !== "number" || by === 0) return;
      if (by < 0) offset += (this.stride[axis] ?? 0) * (extent - 1);
      shape[axis] = Math.ceil(extent / Math.abs(by));
      stride[axis] = (this.stride[axis] ?? 0) * by;
    });
    return new PlainNdArray(this.data, shape, stride, offset);
  }

  transpose(...axes: (number | null)[]): PlainNdArray {
    const order = this.shape.map((_, axis) => axes[axis] ?? axis);
    return new PlainNdArray(
      this.data,
      order.map((axis) => this.shape[axis] ?? 1),
      order.map((axis) => this.stride[axis] ?? 0),
      this.offset,
    );
  }

  /** The part with these places on some axes; axes with null stay. */
  pick(...places: (number | null)[]): PlainNdArray {
    let offset = this.offset;
    const shape: number[] = [];
    const stride: number[] = [];
    this.shape.forEach((extent, axis) => {
      const place = places[axis];
      if (typeof place === "number" && place >= 0) {
        offset += (this.stride[axis] ?? 0) * place;
      } else {
        shape.push(extent);
        stride.push(this.stride[axis] ?? 0);
      }
    });
    return new PlainNdArray(this.data, shape, stride, offset);
  }
}

/** Strides of an array in row-major order. */
export function rowMajor(shape: readonly number[]): number[] {
  const stride = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    stride[axis] = step;
    step *= shape[axis] ?? 1;
  }
  return stride;
}

/** Looks at elements as an array of a shape; nothing is copied. */
export default function ndarray(data: Elements, shape: number[] = [data.length], stride: number[] = rowMajor(shape), offset = 0): PlainNdArray {
  return new PlainNdArray(data, shape, stride, offset);
}

/** Copies the elements of an array into another one of the same shape. */
export function copyElements(target: PlainNdArray, source: PlainNdArray): boolean {
  const axes = source.dimension;
  if (source.size === 0) return true;
  const place = new Array<number>(axes).fill(0);
  let [to, from] = [target.offset, source.offset];
  for (;;) {
    target.data[to] = source.data[from];
    let axis = axes - 1;
    for (; axis >= 0; axis -= 1) {
      const next = (place[axis] ?? 0) + 1;
      const extent = source.shape[axis] ?? 1;
      if (next < extent) {
        place[axis] = next;
        to += target.stride[axis] ?? 0;
        from += source.stride[axis] ?? 0;
        break;
      }
      place[axis] = 0;
      to -= (target.stride[axis] ?? 0) * (extent - 1);
      from -= (source.stride[axis] ?? 0) * (extent - 1);
    }
    if (axis < 0) return true;
  }
}
