import type { ClipConfig } from '../model/config.js'
import { clipShapes } from '../model/shapes.js'
import type { Temporal } from '../model/temporal/temporal.js'
import { COLOUR_NAMES, MOTION_NAMES, SHAPES } from '../scenes/vocabulary.js'
import type { TrainConfig } from './config.js'
import { initialWeights } from './initial.js'
import { matcher, type Parameters, parameter } from './parameters.js'
import { BEARINGS, THINGS } from './targets.js'

export interface Shaped {
  readonly config: ClipConfig
  readonly structure: Temporal
}

/** All that is trained, as drawn from the seed; what `start` has in the same shape is taken from there. */
export function begin({ config, structure }: Shaped, train: TrainConfig, start?: Parameters): Parameters {
  const { dim, vision } = config
  const { depth, projection, zero, temperature } = train.model
  const wanted = projection ? Array.from({ length: depth }, (_, k) => `STAN_proj_layers.${k}.weight`) : []
  const shapes = new Map([...clipShapes(config), ...structure.shapes(config, depth, new Set(wanted))])
  const heads = { colours: COLOUR_NAMES.length, shapes: SHAPES.length, things: THINGS.length }
  for (const [name, classes] of Object.entries(heads))
    shapes.set(`aux.${name}.weight`, [classes, dim]).set(`aux.${name}.bias`, [classes])
  const inside = { motions: MOTION_NAMES.length, bearings: BEARINGS }
  for (const [name, classes] of Object.entries(inside))
    shapes.set(`aux.${name}.weight`, [classes, vision.width]).set(`aux.${name}.bias`, [classes])
  const drawn = initialWeights(shapes, config, { ...train, temperature })
  const isZero = matcher(zero)
  return new Map(
    [...shapes].map(([name, shape]) => {
      const value = drawn.get(name) as Float32Array
      const given = start?.get(name)
      if (given !== undefined && given.shape.join() === shape.join()) value.set(given.value)
      if (isZero(name)) value.fill(0)
      return [name, parameter(shape, value)]
    }),
  )
}

/** Every stage starts its optimizer anew. */
export function forgetMoments(parameters: Parameters): void {
  for (const { first, second } of parameters.values()) {
    first.fill(0)
    second.fill(0)
  }
}
