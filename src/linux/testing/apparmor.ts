import type { Apparmor } from "../contract.ts";

/** A node with these profiles. Without an `obstacle`, it has AppArmor. */
export function fakeApparmor(
  profiles: readonly string[],
  more: Partial<Apparmor> & { readonly hasParser?: boolean } = {},
): Apparmor {
  const { hasParser = true, runtimeDefault = "berth-default" } = more;
  return {
    obstacle: undefined,
    runtimeDefault,
    provide: async (name) => {
      if (profiles.includes(name)) return "loaded";
      if (name !== "berth-default") return "notLoaded";
      return hasParser ? "loaded" : "noParser";
    },
    loaded: async () => new Set(profiles),
    report: async () => ({ profile: runtimeDefault }),
    ...more,
  };
}
