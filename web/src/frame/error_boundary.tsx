import { Component, type ReactNode } from "react";
import { Failure } from "../words/notices";

/** Shows an error of a view in its place; the rest of the page goes on. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: unknown): { error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render(): ReactNode {
    return this.state.error ? (
      <Failure error={this.state.error} what="This view cannot be shown" main again={() => this.setState({ error: null })} />
    ) : (
      this.props.children
    );
  }
}
