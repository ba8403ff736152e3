import type { MediaLimits } from '../media/limits.js'
import type { Config } from './schema.js'

/** What one input may cost, as the configuration says. */
export function limitsOf(config: Config): MediaLimits {
  const { maxDuration, maxPixels, maxBytes, maxCpu, maxMemory } = config
  return { duration: maxDuration, pixels: maxPixels, bytes: maxBytes, cpu: maxCpu, memory: maxMemory }
}
