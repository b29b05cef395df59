/**
 * The YAML library, to be loaded late by way of this module: where the daemon is installed as bundles, a package in CommonJS
 * that is imported by `import()` itself has no named exports.
 */
export { parse, YAMLParseError } from "yaml";
