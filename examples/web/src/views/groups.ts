/** Groups as one line of text. @module */

/** The names in a line, each once. */
export const groupsOf = (line: string): readonly string[] => [...new Set(line.split(",").map((name) => name.trim()).filter((name) => name !== ""))];

/** The line for names. */
export const lineOfGroups = (groups: readonly string[]): string => groups.join(", ");
