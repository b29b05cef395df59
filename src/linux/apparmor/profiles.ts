import { join } from "node:path";
import { during } from "../../base/fault.ts";
import type { Apparmor, ApparmorReport, Files, Processes } from "../contract.ts";
import { ownProfile, profileSurroundings, profileText } from "./default-profile.ts";
import { apparmorObstacle, readLoadedProfiles } from "./kernel.ts";
import { findParser, loadProfiles } from "./parser.ts";

/** The settings of that name. */
export interface ApparmorSettings {
  readonly enable: boolean;
  /** What the runtime's default is: a profile's name, or `unconfined`. */
  readonly profile: string;
}

/** What profiles are loaded with. */
export interface ApparmorTools {
  readonly processes: Processes;
  readonly files: Files;
  /** Where the parser is looked for, as PATH. */
  readonly path: string;
  /** Where berth's own profile is written, for people and for the parser. */
  readonly directory: string;
}

/** The node's AppArmor; berth's own profile is loaded anew with each daemon, so that it is as this version makes it. */
export class NodeApparmor implements Apparmor {
  readonly #kernelObstacle: string | undefined;
  readonly #tools: ApparmorTools;
  #settings: ApparmorSettings;
  /** The last loading of berth's own profile: false without a parser. */
  #loading: Promise<boolean> | undefined;

  private constructor(kernelObstacle: string | undefined, settings: ApparmorSettings, tools: ApparmorTools) {
    this.#kernelObstacle = kernelObstacle;
    this.#settings = settings;
    this.#tools = tools;
  }

  static async open(settings: ApparmorSettings, tools: ApparmorTools): Promise<NodeApparmor> {
    return new NodeApparmor(await apparmorObstacle(), settings, tools);
  }

  get obstacle(): string | undefined {
    return this.#settings.enable ? this.#kernelObstacle : "the setting apparmor.enable is false";
  }

  get runtimeDefault(): string {
    return this.#settings.profile;
  }

  /** Takes over settings; they count from the next container on. */
  change(settings: ApparmorSettings): void {
    this.#settings = settings;
  }

  /**
   * Loads berth's own profile where it is the default, whatever is loaded under its name.
   *
   * @throws {Fault} wrongState with what the parser says
   */
  async prepare(): Promise<void> {
    if (this.obstacle === undefined && this.runtimeDefault === ownProfile) await this.#load(this.#loading);
  }

  async provide(name: string): Promise<"loaded" | "notLoaded" | "noParser"> {
    if (name !== ownProfile) return (await readLoadedProfiles()).has(name) ? "loaded" : "notLoaded";
    const loading = this.#load(undefined);
    await loading;
    if ((await readLoadedProfiles()).has(name)) return "loaded";
    // Taken away since: by aa-remove-unknown, for one.
    return (await this.#load(loading)) ? "loaded" : "noParser";
  }

  async loaded(): Promise<ReadonlySet<string>> {
    return new Set((await readLoadedProfiles()).keys());
  }

  async report(): Promise<ApparmorReport> {
    const { obstacle, runtimeDefault } = this;
    const profile = { profile: runtimeDefault };
    if (obstacle !== undefined) return { ...profile, problem: obstacle };
    if (runtimeDefault === "unconfined") return profile;
    const mode = (await readLoadedProfiles()).get(runtimeDefault);
    if (mode !== undefined) return { ...profile, mode };
    const hasParser = (await findParser(this.#tools.path)) !== undefined;
    const why =
      hasParser || runtimeDefault !== ownProfile ? "" : ", and there is no apparmor_parser to load it";
    return { ...profile, problem: `the profile ${runtimeDefault} is not loaded${why}` };
  }

  /**
   * The last loading, or another one: when there was none, when it was `outdated`, or when it failed.
   *
   * @returns false without a parser
   */
  #load(outdated: Promise<boolean> | undefined): Promise<boolean> {
    if (this.#loading === undefined || this.#loading === outdated) {
      const loading = this.#loadAfter(outdated);
      this.#loading = loading;
      const forget = () => {
        if (this.#loading === loading) this.#loading = undefined;
      };
      loading.then((isLoaded) => isLoaded || forget(), forget);
    }
    return this.#loading;
  }

  async #loadAfter(before: Promise<boolean> | undefined): Promise<boolean> {
    await before?.catch(() => false);
    const { files, processes, path, directory } = this.#tools;
    const parser = await findParser(path);
    if (parser === undefined) return false;
    const file = join(directory, ownProfile);
    try {
      const text = profileText(await profileSurroundings("self"));
      await files.change([
        { change: "makeDirectory", path: directory, mode: 0o755 },
        { change: "replace", path: file, text, mode: 0o644 },
      ]);
      await loadProfiles(parser, file, processes);
      return true;
    } catch (error) {
      throw during(`loading the AppArmor profile ${file}`, error, "berth doctor apparmor");
    }
  }
}
