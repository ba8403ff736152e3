import type { Weights } from '../../model/algebra.js'
import { type EmitOptions, OnnxEmitter, type Output, type Value } from './emitter.js'
import type { Attribute } from './proto.js'

/** Sums over many values, and exponentials: computed in float32. */
const IN_FLOAT: ReadonlySet<string> = new Set([
  'LayerNormalization',
  'Softmax',
  'ReduceMean',
  'LpNormalization',
])
/** Operations whose inputs must be of one type. */
const OF_ONE_TYPE: ReadonlySet<string> = new Set(['Add', 'Mul', 'Concat'])

/**
 * Emits a graph that computes in float16 between float32 inputs and outputs: weights and products are halves, norms and
 * softmax are not. What depends on weights alone is computed in float32 first.
 */
export class HalfEmitter extends OnnxEmitter {
  readonly #halves = new Map<Value, Value>()
  readonly #isHalf = new WeakSet<Value>()
  readonly #isFixed = new WeakSet<Value>()

  constructor(weights: Weights, { outside }: Pick<EmitOptions, 'outside'> = {}) {
    super(weights, {
      ...(outside && { outside }),
      linear: (g, { x, weight, bias }) => {
        const product = g.matmul(x, g.transpose(this.half(weight), [1, 0]))
        return bias === undefined ? product : g.add(product, bias)
      },
    })
  }

  override emit(name: string, outputs: Readonly<Record<string, Output>>): Uint8Array {
    const float = Object.entries(outputs).map(([output, { value, shape }]) => {
      return [output, { value: this.float(value), shape }] as const
    })
    return super.emit(name, Object.fromEntries(float))
  }

  override nodes(
    op: string,
    inputs: readonly Value[],
    results: number,
    attributes: Readonly<Record<string, Attribute>> = {},
    floats?: readonly string[],
  ): readonly Value[] {
    const fixed = inputs.every((value) => this.#fixed(value))
    const half =
      (op === 'MatMul' && !fixed) ||
      (OF_ONE_TYPE.has(op)
        ? inputs.some((x) => this.#isHalf.has(x))
        : inputs[0] !== undefined && this.#isHalf.has(inputs[0]))
    const inFloat = IN_FLOAT.has(op)
    let given = inputs
    if (inFloat) given = inputs.map((value) => this.float(value))
    else if (half && (op === 'MatMul' || OF_ONE_TYPE.has(op))) given = inputs.map((value) => this.half(value))
    const outputs = super.nodes(op, given, results, attributes, floats)
    const typed = op !== 'Cast' && op !== 'Shape'
    for (const output of outputs) {
      if (half && typed && !inFloat) this.#isHalf.add(output)
      if (fixed) this.#isFixed.add(output)
    }
    return half && inFloat ? outputs.map((value) => this.half(value)) : outputs
  }

  /** The value in float16: a weight is stored so. */
  half(value: Value): Value {
    if (this.#isHalf.has(value)) return value
    const known = this.#halves.get(value)
    if (known !== undefined) return known
    const made = value.tensor === undefined ? this.node('Cast', [value], { to: 10 }) : this.#stored(value)
    this.#isHalf.add(made)
    this.#halves.set(value, made)
    return made
  }

  float(value: Value): Value {
    return this.#isHalf.has(value) ? this.toFloat(value) : value
  }

  #fixed(value: Value): boolean {
    return value.tensor !== undefined || this.#isFixed.has(value)
  }

  #stored({ name, tensor }: Value): Value {
    const title = `half:${name}`
    return this.initializer(title, () => {
      const { shape, bytes } = (tensor as NonNullable<Value['tensor']>)()
      const { buffer, byteOffset, byteLength } = bytes as Uint8Array
      const halves = toHalf(new Float32Array(buffer, byteOffset, byteLength / 4))
      return { name: title, type: 'float16', shape, bytes: new Uint8Array(halves.buffer) }
    })
  }
}

/** IEEE 754 half precision, rounded to nearest, ties to even; what is too large becomes infinite. */
export function toHalf(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  return Uint16Array.from(bits, (word) => {
    const sign = (word >>> 16) & 0x8000
    const size = word & 0x7fffffff
    if (size > 0x7f800000) return sign | 0x7e00 // not a number
    if (size >= 0x477ff000) return sign | 0x7c00 // rounds to 65536 or more
    if (size < 0x33000001) return sign // rounds to zero
    const exponent = size >>> 23
    const shift = exponent < 113 ? 126 - exponent : 13
    const mantissa = exponent < 113 ? (size & 0x7fffff) | 0x800000 : size - (112 << 23)
    const kept = mantissa >>> shift
    const rest = mantissa & ((1 << shift) - 1)
    const tie = 1 << (shift - 1)
    return sign | (kept + (rest > tie || (rest === tie && kept % 2 === 1) ? 1 : 0))
  })
}
