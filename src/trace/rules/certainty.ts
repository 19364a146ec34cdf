/** Three answers: a rule that asks what can't be seen from here is neither for a packet nor not. */
export type Certainty = 'yes' | 'no' | 'unknown';

export function certainly(answer: boolean): Certainty {
  return answer ? 'yes' : 'no';
}

export function negate(answer: Certainty): Certainty {
  return answer === 'unknown' ? 'unknown' : certainly(answer === 'no');
}

/** All must hold; one that surely does not decides. */
export function all(answers: readonly Certainty[]): Certainty {
  if (answers.includes('no')) return 'no';
  return answers.includes('unknown') ? 'unknown' : 'yes';
}

/** One is enough; one that surely holds decides. */
export function any(answers: readonly Certainty[]): Certainty {
  if (answers.includes('yes')) return 'yes';
  return answers.includes('unknown') ? 'unknown' : 'no';
}
