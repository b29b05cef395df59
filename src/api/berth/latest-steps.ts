/** How the steps of some work go over the wire. */
export interface StepMessages<Step, Message> {
  /** A later step with the same key takes the place of one that is still unread. */
  keyOf(step: Step): string;
  encode(step: Step): Message;
}

/**
 * Gives what `work` tells of while it goes on, and returns what it made. A reader that is slow gets the latest step of
 * each key, not all that were; one that leaves ends the work.
 *
 * @param begin steps that are told before any of the work's own
 * @throws what the work throws
 */
export async function* latestSteps<Step, Message, Result>(
  begin: readonly Step[],
  work: (tell: (step: Step) => void, signal: AbortSignal) => Promise<Result>,
  { keyOf, encode }: StepMessages<Step, Message>,
  signal: AbortSignal,
): AsyncGenerator<Message, Result> {
  const unread = new Map<string, Step>();
  let news = Promise.withResolvers<void>();
  const tell = (step: Step) => {
    unread.set(keyOf(step), step);
    news.resolve();
  };
  begin.forEach(tell);
  const left = new AbortController();
  const result = work(tell, AbortSignal.any([signal, left.signal]));
  let over = false;
  const end = () => {
    over = true;
    news.resolve();
  };
  result.then(end, end);
  try {
    while (!over) {
      await news.promise;
      news = Promise.withResolvers();
      const steps = [...unread.values()];
      unread.clear();
      for (const step of steps) yield encode(step);
    }
    return await result;
  } finally {
    left.abort();
  }
}
