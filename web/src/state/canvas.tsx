/** A canvas as wide as its place, drawn again when its place or what it shows changes. */
import { type CanvasHTMLAttributes, type ReactNode, type RefObject, useLayoutEffect, useRef, useState } from "react";

export type Draw = (context: CanvasRenderingContext2D, width: number, height: number) => void;

/** The width of an element in CSS pixels. */
export function useWidth(element: RefObject<HTMLElement>, usual: number): number {
  const [width, setWidth] = useState(usual);
  useLayoutEffect(() => {
    const node = element.current;
    if (!node) return undefined;
    const measure = () => setWidth(Math.max(1, Math.floor(node.clientWidth)));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(node);
    return () => observer.disconnect();
  }, [element]);
  return width;
}

export function Canvas({ width, height, draw, ...rest }: { width: number; height: number; draw: Draw } & Omit<CanvasHTMLAttributes<HTMLCanvasElement>, "width" | "height">): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const node = canvas.current;
    const context = node?.getContext("2d");
    if (!node || !context) return;
    const density = window.devicePixelRatio || 1;
    node.width = Math.round(width * density);
    node.height = Math.round(height * density);
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, width, height);
    draw(context, width, height);
  }, [width, height, draw]);
  return <canvas ref={canvas} style={{ width, height }} {...rest} />;
}
