/** Thrown when the thread could not go back to what it was: it must end, and do nothing more. */
export class LostThread extends Error {
  override readonly name = "LostThread";
}
