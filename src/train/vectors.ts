import type { Tensor, Tf } from '../engine/tfjs/algebra.js'

/** The numbers of a tensor that is computed for them alone. */
export function readVectors(tf: Tf, compute: () => Tensor): Float32Array {
  const tensor = tf.tidy(compute)
  const data = tensor.dataSync() as Float32Array
  tensor.dispose()
  return data
}
