export default function TreeView(_: Record<string, unknown>) { return null; }
