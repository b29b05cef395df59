/** A limit that is none (RLIM_INFINITY, getrlimit(2)). */
export const noLimit = 2 ** 64;

/**
 * The text of an OCI config or process. RLIM_INFINITY is one less than `noLimit` and no number that JavaScript has: it is put
 * right in the text, where no quoted text can look like it.
 */
export function ociJson(document: object): string {
  return JSON.stringify(document).replaceAll(
    /"(soft|hard)":18446744073709552000(?=[,}])/g,
    '"$1":18446744073709551615',
  );
}
