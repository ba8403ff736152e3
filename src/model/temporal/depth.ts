import { StanflowError } from '../../errors.js'
import type { ClipConfig } from '../config.js'

/** How many of the tensors that `name` gives for layer 0, 1, … are there, up to the first that is not. */
export function countLayers(has: (name: string) => boolean, name: (k: number) => string): number {
  let depth = 0
  while (has(name(depth))) depth++
  return depth
}

/** CLIP's last `depth` layers, ascending. @throws StanflowError MODEL_WEIGHTS where it has fewer */
export function lastLayers({ vision: { layers } }: ClipConfig, depth: number): readonly number[] {
  if (depth > layers) {
    throw new StanflowError(
      'MODEL_WEIGHTS',
      `the temporal structure has ${depth} layers beside CLIP's last ones, and CLIP has ${layers}`,
      { hint: 'The branch was made for another CLIP: give --model the one that it was trained with.' },
    )
  }
  return Array.from({ length: depth }, (_, k) => layers - depth + k)
}
