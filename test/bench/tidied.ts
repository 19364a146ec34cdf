/** What was set up is taken away whatever became of the work. */

/** Gives what the work gives. A failure to tidy up mostly follows from one of the work, and never hides it. */
export async function tidied<Result>(work: () => Promise<Result>, tidyUp: () => Promise<void>): Promise<Result> {
  let result: Result;
  try {
    result = await work();
  } catch (failure) {
    throw await tidyUp().then(
      () => failure,
      (error: unknown) => new Error(`${messageOf(failure)}\nThen tidying up failed, too: ${messageOf(error)}`, { cause: failure }),
    );
  }
  await tidyUp();
  return result;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
