import { createHash } from 'node:crypto'
import type { Precision } from './engine.js'

/**
 * What stands in paths, rows and clip ids: a model's digest with the precision it is computed in and the digest of the
 * calibration, as either gives other vectors.
 */
export function computedDigest(model: string, precision: Precision, calibration?: string): string {
  const parts = [model, precision, ...(calibration === undefined ? [] : [calibration])]
  return createHash('sha256').update(parts.join(' ')).digest('hex')
}
