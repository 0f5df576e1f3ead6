/** Fetches what lies below `data/`, and turns what goes wrong into sentences. */

export class DataError extends Error {
  /** 0 if there was no answer at all. */
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

async function sentence(answer: Response, address: string): Promise<string> {
  try {
    const body: unknown = await answer.json();
    if (typeof body === "object" && body !== null && "error" in body && typeof body.error === "string") return body.error;
  } catch {
    // A server of static files answers with a page of its own.
  }
  return answer.status === 404
    ? `There is no data/${address}. It may have changed: reload the page.`
    : `data/${address} was answered with the status ${answer.status}.`;
}

export async function fetchData(address: string, options: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(`data/${address}`, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new DataError("The server does not answer.", 0);
  }
  if (!answer.ok) throw new DataError(await sentence(answer, address), answer.status);
  return answer;
}

/** A folder of published files has the sentence of an error in the place of what could not be answered. */
function refuseError(body: unknown, status: number): void {
  if (typeof body === "object" && body !== null && "error" in body && Object.keys(body).length === 1 && typeof body.error === "string") {
    throw new DataError(body.error, status);
  }
}

/** Always asks the server whether the kept answer still holds. */
export const FRESH: RequestInit = { cache: "no-cache" };

export async function fetchJson<T>(address: string, options: RequestInit = {}): Promise<T> {
  const answer = await fetchData(address, options);
  let body: unknown;
  try {
    body = await answer.json();
  } catch (error) {
    if (error instanceof DOMException) throw error;
    throw new DataError(`data/${address} is no JSON.`, answer.status);
  }
  refuseError(body, answer.status);
  return body as T;
}

const LONGEST_ERROR = 10_000;

/** The bytes of numbers, of so many bytes each. */
async function fetchNumbers(address: string, width: number, options: RequestInit): Promise<ArrayBuffer> {
  const answer = await fetchData(address, options);
  const bytes = await answer.arrayBuffer();
  if (bytes.byteLength < LONGEST_ERROR) {
    const text = new TextDecoder().decode(bytes);
    if (text.startsWith('{"error"')) {
      try {
        refuseError(JSON.parse(text), answer.status);
      } catch (error) {
        if (error instanceof DataError) throw error;
      }
    }
  }
  if (bytes.byteLength % width) throw new DataError(`data/${address} is cut off.`, answer.status);
  return bytes;
}

/** Numbers come little-endian, as every machine that runs a browser keeps them. */
export async function fetchFloat64(address: string, options: RequestInit = {}): Promise<Float64Array> {
  return new Float64Array(await fetchNumbers(address, 8, options));
}

export async function fetchFloat32(address: string, options: RequestInit = {}): Promise<Float32Array> {
  return new Float32Array(await fetchNumbers(address, 4, options));
}

/** Fills the placeholders of a template such as `.../{level}/{index}.f32`. */
export function fill(template: string, values: Record<string, number>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
}
