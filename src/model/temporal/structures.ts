import { StanflowError } from '../../errors.js'
import { intermediate } from './intermediate.js'
import { mean } from './mean.js'
import { posterior } from './posterior.js'
import { stanConv } from './stan-conv.js'
import { stanSelf } from './stan-self.js'
import type { Names, Temporal } from './temporal.js'

/** Every structure, the most specific first: detection takes the first that knows the tensors. */
export const STRUCTURES: readonly Temporal[] = [stanSelf, stanConv, intermediate, posterior, mean]

export const STRUCTURE_NAMES: readonly string[] = STRUCTURES.map(({ name }) => name)

/** @throws StanflowError USAGE_INVALID */
export function structureNamed(name: string): Temporal {
  const found = STRUCTURES.find((structure) => structure.name === name)
  if (found === undefined) {
    throw new StanflowError('USAGE_INVALID', `there is no structure ${name}`, {
      hint: `The structures are ${STRUCTURE_NAMES.join(', ')}.`,
    })
  }
  return found
}

/** The structure asked for by name, or with `auto` the one whose tensors are there. @throws StanflowError MODEL_WEIGHTS */
export function chooseStructure(asked: string, names: Names, origin: string): Temporal {
  const detected = STRUCTURES.filter((structure) => structure.detect(names))
  const found = asked === 'auto' ? (detected[0] as Temporal) : structureNamed(asked)
  if (detected.includes(found)) return found
  const there = detected.filter((structure) => structure !== mean).map(({ name }) => name)
  throw new StanflowError('MODEL_WEIGHTS', `${origin} has no tensors for the structure ${asked}`, {
    hint:
      there.length > 0
        ? `It has those of ${there.join(' and ')}: --structure ${there[0]}.`
        : 'Name the file with the branch weights with --branch, or use --structure mean for CLIP alone.',
  })
}
