import { StanflowError } from '../errors.js'

/**
 * Ends a run whose numbers are none any more, before they get into its weights or its files.
 * @throws StanflowError TRAIN_DIVERGED
 */
export function requireFinite(what: string, value: number): void {
  if (Number.isFinite(value)) return
  throw new StanflowError('TRAIN_DIVERGED', `The run has diverged: ${what} is ${value}.`)
}

/** As `requireFinite`, of every number of an embedding. */
export function requireFiniteVectors(vectors: Float32Array): Float32Array {
  for (const value of vectors) requireFinite('an embedding of the validation', value)
  return vectors
}
