import type { Algebra } from '../algebra.js'
import type { Side } from './similarity.js'
import { partWeights, WTI_LAYERS } from './wti.js'

/** What an encoder gives, of any length. */
type Raw<X> = Omit<Side<X>, 'weights'>

/** An encoder's texts or videos as similarities take them, with the weights of their parts where the checkpoint has them. */
export function asSide<X>(g: Algebra<X>, kind: keyof typeof WTI_LAYERS, raw: Raw<X>): Side<X> {
  const { whole, parts, length, mask } = raw
  const weighed = g.has(`${WTI_LAYERS[kind]}.weight`)
  return {
    ...raw,
    whole: g.l2normalize(whole),
    parts: g.l2normalize(parts),
    ...(weighed && { weights: partWeights(g, kind, parts, length, mask) }),
  }
}
