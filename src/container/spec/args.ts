import { Fault } from "../../base/fault.ts";
import type { ContainerConfig } from "../../spec/cri/container-config.ts";
import type { ContainerDefaults } from "../../spec/oci-image-config.ts";

/**
 * The command line: the config's command over the image's entrypoint, the config's args over the image's cmd. A
 * command in the config also sets the image's cmd aside (Kubernetes: define a command and arguments).
 *
 * @throws {Fault} invalid when neither says what to run
 */
export function processArgs(
  config: Pick<ContainerConfig, "command" | "args">,
  image: Pick<ContainerDefaults, "Entrypoint" | "Cmd">,
): string[] {
  const args = commandLine(config, image);
  if (args.length === 0 || args[0] === "") {
    throw new Fault(
      "invalid",
      "no command: the image has neither entrypoint nor cmd, and the config no command",
      {
        hint: "set config.command",
      },
    );
  }
  const bad = args.findIndex((arg) => arg.includes("\0"));
  if (bad >= 0) throw new Fault("invalid", `argument ${bad} of the command line holds a NUL byte`);
  return args;
}

function commandLine(
  config: Pick<ContainerConfig, "command" | "args">,
  image: Pick<ContainerDefaults, "Entrypoint" | "Cmd">,
): string[] {
  if (config.command.length > 0) return [...config.command, ...config.args];
  // Docker builds write `ENTRYPOINT []` as one empty string.
  const entrypoint = image.Entrypoint.length === 1 && image.Entrypoint[0] === "" ? [] : image.Entrypoint;
  return [...entrypoint, ...(config.args.length > 0 ? config.args : image.Cmd)];
}
