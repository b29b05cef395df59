import { mergeLayers } from "./merge.ts";
import type { Config, RuntimeHandlerConfig } from "./schema.ts";
import { handlerSection } from "./settings.ts";

/** The settings of a runtime handler; the defaults for one that is not in the configuration, or not any more. */
export function handlerSettings(handlers: Config["runtime"]["handlers"], name: string): RuntimeHandlerConfig {
  return Object.hasOwn(handlers, name) && handlers[name] !== undefined
    ? handlers[name]
    : mergeLayers(handlerSection(name), []).config;
}
