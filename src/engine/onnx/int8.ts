import type { HostTensor } from '../../model/algebra.js'
import { bytesOf, type Linear, type LinearStyle, type OnnxEmitter, type Value } from './emitter.js'

/** A weight in int8, one scale for each output: `weight[out, in] ≈ values[in, out] · scales[out]`. */
export interface QuantisedWeight {
  readonly values: Int8Array
  readonly scales: Float32Array
}

/** Symmetric, transposed for a product from the left; `gain[in]` multiplies the columns first. */
export function quantiseWeight({ shape, data }: HostTensor, gain?: Float32Array): QuantisedWeight {
  const [outputs, inputs] = shape as [number, number]
  const values = new Int8Array(data.length)
  const scales = new Float32Array(outputs)
  const row = new Float32Array(inputs)
  for (let o = 0; o < outputs; o++) {
    let top = 0
    for (let i = 0; i < inputs; i++) {
      row[i] = (data[o * inputs + i] as number) * (gain === undefined ? 1 : (gain[i] as number))
      top = Math.max(top, Math.abs(row[i] as number))
    }
    const scale = top === 0 ? 1 : Math.fround(top / 127)
    scales[o] = scale
    for (let i = 0; i < inputs; i++) values[i * outputs + o] = Math.round((row[i] as number) / scale)
  }
  return { values, scales }
}

/** The two tensors of a layer's quantised weight, computed once, when the first of them is written. */
export function weightTensors(
  g: OnnxEmitter,
  { name }: Linear,
  gain?: Float32Array,
): [values: Value, scales: Value] {
  const shape = g.weights.shape(name) as readonly [number, number]
  let kept: QuantisedWeight | undefined
  const quantised = (): QuantisedWeight => {
    kept ??= quantiseWeight(g.weights.read(name), gain)
    return kept
  }
  const values = g.initializer(`int8:${name}`, () => {
    return {
      name: `int8:${name}`,
      type: 'int8',
      shape: [shape[1], shape[0]],
      bytes: bytesOf(quantised().values),
    }
  })
  const scales = g.initializer(`scales:${name}`, () => {
    return { name: `scales:${name}`, type: 'float', shape: [shape[0]], bytes: bytesOf(quantised().scales) }
  })
  return [values, scales]
}

/**
 * int8 whose activations are scaled by their own range, tensor by tensor as they come, in the form that onnxruntime
 * recognises and computes as one.
 */
export const dynamicLinear: LinearStyle = (g, layer) => {
  const [values, scales] = weightTensors(g, layer)
  const [q, scale, zero] = g.nodes('DynamicQuantizeLinear', [layer.x], 3) as [Value, Value, Value]
  const sums = g.toFloat(g.node('MatMulInteger', [q, values, zero]))
  const product = g.mul(sums, g.mul(scale, scales))
  return layer.bias === undefined ? product : g.add(product, layer.bias)
}
