/** One setting of a configuration. */
export interface SettingValue {
  readonly path: readonly string[];
  readonly value: unknown;
}

/** Every setting, in the order of the configuration. */
export function settingsOf(config: object, path: readonly string[] = []): SettingValue[] {
  return Object.entries(config).flatMap(([key, value]): SettingValue[] => {
    const at = [...path, key];
    const isSection = typeof value === "object" && value !== null && !Array.isArray(value);
    return isSection ? settingsOf(value, at) : [{ path: at, value }];
  });
}
