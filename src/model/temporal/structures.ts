import { StanflowError } from '../../errors.js'
import { mean } from './mean.js'
import { stanSelf } from './stan-self.js'
import type { Temporal } from './temporal.js'

/** Every structure, the most specific first: detection takes the first that knows the tensors. */
export const STRUCTURES: readonly Temporal[] = [stanSelf, mean]

export const STRUCTURE_NAMES: readonly string[] = STRUCTURES.map(({ name }) => name)

/** The structure asked for by name, or with `auto` the one whose tensors are there. @throws StanflowError MODEL_WEIGHTS */
export function chooseStructure(asked: string, names: ReadonlySet<string>, origin: string): Temporal {
  const found = STRUCTURES.find((structure) =>
    asked === 'auto' ? structure.detect(names) : structure.name === asked,
  )
  if (found === undefined || !found.detect(names)) {
    throw new StanflowError('MODEL_WEIGHTS', `${origin} has no tensors for the structure ${asked}`, {
      hint: 'Name the file with the branch weights with --branch, or use --structure mean for CLIP alone.',
    })
  }
  return found
}
