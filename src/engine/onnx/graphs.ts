import { clipText, clipVision } from '../../model/clip.js'
import type { OpenModel } from '../../model/load.js'
import { OnnxEmitter } from './emitter.js'

/** uint8 `pixels` `[frames of all clips, S, S, 3]` → `embedding` `[clips, dim]`, unit length. */
export function videoGraph({ config, weights, structure }: OpenModel, frames: number): Uint8Array {
  const g = new OnnxEmitter(weights)
  const { size } = config.vision
  const pixels = g.input('pixels', 'uint8', ['frames', size, size, 3])
  const vision = clipVision(g, config.vision, pixels, 'uint8')
  const { video } = structure.forward(g, config, vision, frames)
  return g.emit('video', { embedding: { value: g.l2normalize(video), shape: ['clips', config.dim] } })
}

/** int32 `ids` `[texts, length]` and `eos` `[texts]` → `embedding` `[texts, dim]`, unit length. */
export function textGraph({ config, weights }: OpenModel, length: number): Uint8Array {
  const g = new OnnxEmitter(weights)
  const ids = g.input('ids', 'int32', ['texts', length])
  const eos = g.input('eos', 'int32', ['texts'])
  const { embedding } = clipText(g, config, ids, eos, length)
  return g.emit('text', { embedding: { value: g.l2normalize(embedding), shape: ['texts', config.dim] } })
}
