/** Things that are completed by asking: the runtime, the shell (files), or the table of commands. */
export type Kind = "container" | "pod" | "object" | "place" | "image" | "handler" | "file" | "command";

/** What the placeholders of options and arguments stand for, wherever one is used. */
const kinds: Readonly<Record<string, Kind>> = {
  container: "container",
  pod: "pod",
  id: "object",
  object: "object",
  from: "place",
  to: "place",
  image: "image",
  thing: "image",
  handler: "handler",
  file: "file",
  directory: "file",
  path: "file",
  socket: "file",
  topic: "command",
};

/** The kind that a placeholder names, as in `<container>` and `[id...]`. */
export function kindOf(placeholder: string): Kind | undefined {
  return kinds[placeholder.replace(/\.\.\.$/, "")];
}
