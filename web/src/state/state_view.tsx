export default function StateView(_: Record<string, unknown>) { return null; }
