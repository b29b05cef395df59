/** What a pull or push said on standard error, without how far it was now and then: that is said where it takes long. */
export function transferSteps(stderr: string): string {
  return stderr.replaceAll(/^\S+ of \S+, \S+\/s\n/gm, "");
}
