/** Variables that every command heeds. */
export const environment: readonly (readonly [name: string, what: string])[] = [
  ["BERTH_CONFIG", "berth's configuration file, where --config names none."],
  [
    "BERTH_ROOT, BERTH_STATE, BERTH_SOCKET, BERTH_LOG_LEVEL",
    "Settings that win over the configuration files: root, state, grpc.socket and log.level.",
  ],
  ["BERTH_ENDPOINT", "Socket of the runtime, where neither --endpoint nor --config is given."],
  [
    "CONTAINER_RUNTIME_ENDPOINT",
    "The same as crictl knows it; heeded where no variable of berth's own says which runtime is meant.",
  ],
  [
    "NO_COLOR, CLICOLOR, CLICOLOR_FORCE, FORCE_COLOR",
    "Without them, a terminal gets colours and nothing else does. NO_COLOR forbids them, the forces ask for them.",
  ],
];

/** Files that the command reads, whichever is run. */
export const files: readonly (readonly [path: string, what: string])[] = [
  ["/etc/berth/config.toml", "The settings, all of them optional: see `berth config default`."],
  ["/etc/berth/config.d/*.toml", "More settings, laid over that file in the order of their names."],
  ["/etc/berth/certs.d/HOST/hosts.toml", "How a registry is reached: mirrors, certificates, credentials."],
  ["/run/berth/berth.sock", "Where the daemon answers, if the settings do not say otherwise."],
];
