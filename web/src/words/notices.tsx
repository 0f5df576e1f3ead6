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

/** @param main Whether it is all that the view has, so that its title is that of the page. */
export function Notice({ title, main = false, children }: { title: string; main?: boolean; children?: ReactNode }): ReactNode {
  return (
    <section className="notice">
      <Title text={title} main={main} />
      {children}
    </section>
  );
}

function Title({ text, main }: { text: string; main: boolean }): ReactNode {
  return main ? <h1>{text}</h1> : <h2>{text}</h2>;
}

export function Failure({ error, what, main = false, again }: { error: Error; what: string; main?: boolean; again?: () => void }): ReactNode {
  return (
    <section className="notice failure" role="alert">
      <Title text={what} main={main} />
      <p className="text">{plain(error.message)}</p>
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </section>
  );
}
