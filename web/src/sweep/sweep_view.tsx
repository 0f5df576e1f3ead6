export default function SweepView(_: Record<string, unknown>) { return null; }
