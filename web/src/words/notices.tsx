/** What is said where there is nothing to show. */
import type { ReactNode } from "react";
import { plain } from "./safe";

export function Loading({ what }: { what: string }): ReactNode {
  return (
    <p className="loading" role="status">
      Reading {what} …
    </p>
  );
}

export function Notice({ title, children }: { title: string; children?: ReactNode }): ReactNode {
  return (
    <section className="notice">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

export function Failure({ error, what, again }: { error: Error; what: string; again?: () => void }): ReactNode {
  return (
    <section className="notice failure" role="alert">
      <h2>{what}</h2>
      <p className="text">{plain(error.message)}</p>
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </section>
  );
}
