import { hookStages } from "../../base/hook.ts";
import {
  type Container,
  type ContainerAdjustment,
  Field,
  type Hooks,
  type LinuxContainer,
  type LinuxContainerAdjustment,
  type LinuxRdt,
} from "../../wire/gen/nri.v1alpha1.ts";
import type { Owners } from "./owners.ts";
import { collectResources, emptyResources } from "./resources.ts";
import { type Claims, claimsOf, collectList, collectTable, collectValues, removes } from "./sections.ts";

type SharedValues = Pick<
  LinuxContainer,
  "cgroupsPath" | "oomScoreAdj" | "ioPriority" | "seccompPolicy" | "scheduler"
>;

const linuxFields: readonly (readonly [keyof SharedValues, Field])[] = [
  ["cgroupsPath", Field.FIELD_CGROUPS_PATH],
  ["oomScoreAdj", Field.FIELD_OOM_SCORE_ADJ],
  ["ioPriority", Field.FIELD_IO_PRIORITY],
  ["seccompPolicy", Field.FIELD_SECCOMP_POLICY],
  ["scheduler", Field.FIELD_LINUX_SCHED],
];
const rdtFields: readonly (readonly [keyof LinuxRdt, Field])[] = [
  ["closId", Field.FIELD_RDT_CLOS_ID],
  ["schemata", Field.FIELD_RDT_SCHEMATA],
  ["enableMonitoring", Field.FIELD_RDT_ENABLE_MONITORING],
];

/** What all plugins together change of one new container. Each sees the container as those before it have made it. */
export class CollectedAdjustment {
  /** As the next plugin is to see it. */
  readonly container: Container & { linux: LinuxContainer; hooks: Hooks };
  readonly adjustment: ContainerAdjustment & { linux: LinuxContainerAdjustment; hooks: Hooks } = {
    annotations: {},
    mounts: [],
    env: [],
    hooks: emptyHooks(),
    linux: emptyLinux(),
    rlimits: [],
    cdiDevices: [],
    args: [],
  };
  readonly #owners: Owners;

  constructor(container: CollectedAdjustment["container"], owners: Owners) {
    this.container = container;
    this.#owners = owners;
  }

  /** @throws {Fault} wrongState when it sets what another plugin has set */
  apply(answer: ContainerAdjustment, plugin: string): void {
    const claims = claimsOf(this.#owners, this.container.id, plugin);
    const { container, adjustment } = this;
    const { annotations } = container;
    collectTable(
      answer.annotations,
      { seen: annotations, collected: adjustment.annotations },
      Field.FIELD_ANNOTATIONS,
      claims,
    );
    this.#mounts(answer, claims);
    this.#env(answer, claims);
    this.#args(answer.args, claims);
    if (answer.hooks !== undefined) this.#hooks(answer.hooks, claims);
    for (const limit of answer.rlimits) {
      claims.claim(Field.FIELD_RLIMITS, limit.type);
      container.rlimits = [...container.rlimits.filter(({ type }) => type !== limit.type), limit];
      adjustment.rlimits.push(limit);
    }
    // not shown to the other plugins: what a device brings is known once it is injected
    for (const device of answer.cdiDevices) {
      claims.claim(Field.FIELD_CDI_DEVICES, device.name);
      adjustment.cdiDevices.push(device);
    }
    if (answer.linux !== undefined) this.#linux(answer.linux, claims);
  }

  #mounts(answer: ContainerAdjustment, claims: Claims): void {
    const before = { seen: this.container.mounts, collected: this.adjustment.mounts };
    const field = Field.FIELD_MOUNTS;
    const mounts = collectList(answer.mounts, before, field, ({ destination }) => destination, claims);
    this.container.mounts = mounts.seen;
    this.adjustment.mounts = mounts.collected;
  }

  #env(answer: ContainerAdjustment, claims: Claims): void {
    const seen = this.container.env.map((entry) => {
      const at = entry.indexOf("=");
      return at < 0 ? { key: entry, value: "" } : { key: entry.slice(0, at), value: entry.slice(at + 1) };
    });
    const before = { seen, collected: this.adjustment.env };
    const env = collectList(answer.env, before, Field.FIELD_ENV, ({ key }) => key, claims);
    this.container.env = env.seen.map(({ key, value }) => `${key}=${value}`);
    this.adjustment.env = env.collected;
  }

  /** An empty first argument takes the others from whoever has set them. */
  #args(args: readonly string[], claims: Claims): void {
    if (args.length === 0) return;
    const [first, ...rest] = args;
    if (first === "") claims.clear(Field.FIELD_ARGS);
    claims.claim(Field.FIELD_ARGS);
    this.adjustment.args = first === "" ? rest : [...args];
    this.container.args = [...this.adjustment.args];
  }

  #hooks(hooks: Hooks, claims: Claims): void {
    const stages = hookStages.filter((stage) => hooks[stage].length > 0);
    for (const stage of stages) {
      this.adjustment.hooks[stage].push(...hooks[stage]);
      this.container.hooks[stage].push(...hooks[stage]);
    }
    if (stages.length > 0) claims.share(Field.FIELD_OCI_HOOKS);
  }

  #linux(answer: LinuxContainerAdjustment, claims: Claims): void {
    const { linux: seen } = this.container;
    const { linux: collected } = this.adjustment;
    const both = { seen: seen.devices, collected: collected.devices };
    const devices = collectList(answer.devices, both, Field.FIELD_DEVICES, ({ path }) => path, claims);
    seen.devices = devices.seen;
    collected.devices = devices.collected;
    if (answer.resources !== undefined) {
      seen.resources ??= emptyResources();
      collected.resources ??= emptyResources();
      collectResources(answer.resources, [seen.resources, collected.resources], claims);
    }
    collectValues<SharedValues>(answer, [seen, collected], linuxFields, claims);
    collectValues(answer, [collected], [["memoryPolicy", Field.FIELD_MEMORY_POLICY]], claims);
    for (const namespace of answer.namespaces) {
      const type = removes(namespace.type) ? namespace.type.slice(1) : namespace.type;
      claims.claim(Field.FIELD_NAMESPACE, type);
      const others = seen.namespaces.filter((one) => one.type !== type);
      seen.namespaces = removes(namespace.type) ? others : [...others, namespace];
      collected.namespaces.push(namespace);
    }
    const sysctls = { seen: seen.sysctl, collected: collected.sysctl };
    collectTable(answer.sysctl, sysctls, Field.FIELD_SYSCTL, claims);
    const netDevices = { seen: seen.netDevices, collected: collected.netDevices };
    collectTable(answer.netDevices, netDevices, Field.FIELD_LINUX_NET_DEVICES, claims);
    if (answer.rdt !== undefined) this.#rdt(answer.rdt, claims);
  }

  #rdt(answer: LinuxRdt, claims: Claims): void {
    const { linux } = this.adjustment;
    if (answer.remove) {
      for (const [, field] of rdtFields) claims.clear(field);
      linux.rdt = { ...emptyRdt(), remove: true };
    }
    linux.rdt ??= emptyRdt();
    collectValues(answer, [linux.rdt], rdtFields, claims);
    this.container.linux.rdt = linux.rdt;
  }
}

function emptyRdt(): LinuxRdt {
  return { closId: undefined, schemata: undefined, enableMonitoring: undefined, remove: false };
}

function emptyHooks(): Hooks {
  return {
    prestart: [],
    createRuntime: [],
    createContainer: [],
    startContainer: [],
    poststart: [],
    poststop: [],
  };
}

function emptyLinux(): LinuxContainerAdjustment {
  return {
    devices: [],
    resources: undefined,
    cgroupsPath: "",
    oomScoreAdj: undefined,
    ioPriority: undefined,
    seccompPolicy: undefined,
    namespaces: [],
    sysctl: {},
    netDevices: {},
    scheduler: undefined,
    rdt: undefined,
    memoryPolicy: undefined,
  };
}
