import type { ValueNode } from "./values-tree.ts";

const MARK = "<!-- values: made from values.yaml -->";

/** The README with its table of values made anew. */
export function withValuesTable(readme: string, nodes: readonly ValueNode[]): string {
  const start = readme.indexOf(MARK);
  if (start < 0) throw new Error(`README.md has no line ${MARK}`);
  const rows = nodes.flatMap((node) => rowsOf(node, node.key));
  return [
    readme.slice(0, start) + MARK,
    "",
    "| value | default | what it is |",
    "| --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

function rowsOf(node: ValueNode, path: string): readonly string[] {
  if (node.children.length > 0)
    return node.children.flatMap((child) => rowsOf(child, `${path}.${child.key}`));
  const description = node.description || `As defaults.${node.key}.`;
  return [`| \`${path}\` | ${shown(node.value)} | ${description.replaceAll("|", "\\|")} |`];
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text === '""' ? "" : `\`${text.replaceAll("|", "\\|")}\``;
}
