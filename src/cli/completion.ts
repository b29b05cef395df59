import { Argument } from "commander";
import { completionScripts } from "./completion/scripts.ts";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";

/** `berth completion`: the script of a shell. */
export const defineCompletion: Define = (command) => {
  addManual(command, {
    description:
      "Prints a script that makes a shell complete what is typed after `berth`: commands, options and their values, " +
      "and the names and ids of containers, pods and images, which the daemon is asked for. Of an installed berth the " +
      "shells find the scripts themselves.",
    examples: [
      ["source <(berth completion bash)", "In bash, for this session; in ~/.bashrc for all."],
      ["source <(berth completion zsh)", "In zsh, after compinit."],
      ["berth completion fish | source", "In fish."],
    ],
  })
    .addArgument(new Argument("<shell>", "for which").choices(Object.keys(completionScripts)))
    .action((shell: keyof typeof completionScripts) => {
      process.stdout.write(completionScripts[shell]);
    });
};
