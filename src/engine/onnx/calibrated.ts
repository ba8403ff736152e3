import type { Calibration, LayerRange } from '../calibration/file.js'
import {
  bytesOf,
  floatLinear,
  type Linear,
  type LinearStyle,
  type OnnxEmitter,
  type Value,
} from './emitter.js'
import { weightTensors } from './int8.js'

/**
 * int8 with activation ranges known beforehand, as pairs of QuantizeLinear and DequantizeLinear: what onnxruntime and
 * OpenVINO both take for a product of integers. Layers without a range stay in floating point.
 */
export function calibratedLinear({ layers }: Pick<Calibration, 'layers'>): LinearStyle {
  return (g, layer) => {
    const range = layers[layer.name]
    if (range === undefined) return floatLinear(g, layer)
    const gain = range.gain && Float32Array.from(range.gain)
    const [values, scales] = weightTensors(g, layer, gain)
    const x = quantised(g, gain === undefined ? layer.x : smoothed(g, layer, gain), range)
    const product = g.matmul(x, g.node('DequantizeLinear', [values, scales], { axis: 1 }))
    return layer.bias === undefined ? product : g.add(product, layer.bias)
  }
}

/** The step and the zero point of uint8 over a range. */
export function uint8Grid({ min, max }: Pick<LayerRange, 'min' | 'max'>): { scale: number; zero: number } {
  const scale = Math.max((max - min) / 255, 1e-12)
  return { scale, zero: Math.min(255, Math.max(0, Math.round(-min / scale))) }
}

function quantised(g: OnnxEmitter, x: Value, range: LayerRange): Value {
  const { scale, zero } = uint8Grid(range)
  const step = g.constant({ shape: [], data: Float32Array.of(scale) })
  const name = `uint8:${zero}`
  const point = g.initializer(name, () => ({ name, type: 'uint8', shape: [], bytes: Uint8Array.of(zero) }))
  return g.node('DequantizeLinear', [g.node('QuantizeLinear', [x, step, point]), step, point])
}

/** x / gain, at no cost where x comes from a norm: its scale and shift are divided. */
function smoothed(g: OnnxEmitter, { x, name }: Linear, gain: Float32Array): Value {
  const [input, scale, shift] = x.inputs
  if (x.node?.op !== 'LayerNormalization' || !input || !scale?.weight || !shift?.weight)
    throw new TypeError(`the input of ${name} does not come from a norm`)
  const divided = (weight: string): Value => {
    // Layers that share an input share its gain.
    const title = `smoothed:${weight}`
    return g.initializer(title, () => {
      const { shape, data } = g.weights.read(weight)
      return {
        name: title,
        type: 'float',
        shape,
        bytes: bytesOf(data.map((v, i) => v / (gain[i] as number))),
      }
    })
  }
  return g.node(
    'LayerNormalization',
    [input, divided(scale.weight), divided(shift.weight)],
    x.node.attributes,
    x.node.floats,
  )
}
