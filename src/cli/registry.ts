import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { defineLogin } from "./registry/login.ts";
import { defineLogout } from "./registry/logout.ts";
import { defineTest } from "./registry/test.ts";

/** `berth registry`: how registries are reached, and with which credentials. */
export const defineRegistry: Define = (command, context) => {
  addManual(command, {
    description:
      "Keeps credentials for the daemon's pulls, and shows how it gets to an image: the meaning of a name, the hosts and their " +
      "order, the credential, TLS, what is answered.",
    examples: [
      ["berth registry login registry.example", "Keep a credential; the password is asked for."],
      ["berth registry test registry.example/app:1", "See each step of the way to an image."],
      ["berth registry logout registry.example", "Keep it no longer."],
    ],
    files: [
      ["/etc/berth/certs.d/HOST/hosts.toml", "How the registry HOST is reached."],
      ["/var/lib/berth/credentials.json", "What was logged in with; the daemon's, for root alone."],
    ],
  });
  defineLogin(command.command("login").description("keep a credential for a registry"), context);
  defineLogout(command.command("logout").description("keep a credential no longer"), context);
  defineTest(command.command("test").description("go the way to an image and tell of each step"), context);
};
