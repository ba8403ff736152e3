import type { Algebra, HostTensor, Weights } from '../../model/algebra.js'
import type { ModelGraph } from '../../model/graphs.js'
import {
  type Attribute,
  type ElementType,
  encodeModel,
  type NodeProto,
  type OutsideBytes,
  type TensorProto,
  type ValueProto,
} from './proto.js'

/** A value in the graph being emitted: an input, a weight, or a result of a node. */
export interface Value {
  readonly name: string
  readonly node?: NodeProto
  readonly inputs: readonly Value[]
  readonly tensor?: () => TensorProto
  /** The checkpoint's name, where it is a weight as stored. */
  readonly weight?: string
}

/** A linear layer whose weight is stored: `x · weightᵀ + bias`. */
export interface Linear {
  /** Name of the weight, `[out, in]`. */
  readonly name: string
  readonly x: Value
  readonly weight: Value
  readonly bias?: Value
}

/** How linear layers are computed: where most of the work is, and what other precisions change. */
export type LinearStyle = (g: OnnxEmitter, layer: Linear) => Value

export interface EmitOptions {
  /** Default: in float32. */
  readonly linear?: LinearStyle
  /** Takes a weight's values out of the model file, which holds 2 GB at most. */
  readonly outside?: Outside
}

export type Outside = (values: Uint8Array) => OutsideBytes

/** Bytes from which a tensor goes outside: shapes and scalars must be read with the graph. */
const OUTSIDE_FROM = 1024

/** What a graph gives out; a text side is a free dimension. */
export interface Output {
  readonly value: Value
  readonly shape: readonly (number | string)[]
}

export const bytesOf = ({ buffer, byteOffset, byteLength }: NodeJS.TypedArray): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** A graph of the model as an ONNX file. */
export function emitGraph(graph: ModelGraph, weights: Weights, options: EmitOptions = {}): Uint8Array {
  const g = new OnnxEmitter(weights, options)
  return g.emit(graph.name, buildGraph(g, graph))
}

/** A graph's outputs, named and shaped, for `emit`. */
export function buildGraph(g: OnnxEmitter, graph: ModelGraph): Readonly<Record<string, Output>> {
  const inputs = graph.inputs.map(({ name, type, shape }) => {
    return [name, g.input(name, type === 'float32' ? 'float' : type, shape)] as const
  })
  const results = graph.build(g, Object.fromEntries(inputs))
  const outputs = graph.outputs.map(({ name, shape }) => {
    const value = results[name]
    if (value === undefined) throw new TypeError(`the graph ${graph.name} gives no ${name}`)
    return [name, { value, shape }] as const
  })
  return Object.fromEntries(outputs)
}

/** Emits ONNX (opset 17) from the model's algebra: only what the outputs need ends up in the file. */
export class OnnxEmitter implements Algebra<Value> {
  readonly weights: Weights
  readonly #options: EmitOptions
  readonly #inputs: ValueProto[] = []
  readonly #byName = new Map<string, Value>()
  #count = 0

  constructor(weights: Weights, options: EmitOptions = {}) {
    this.weights = weights
    this.#options = options
  }

  /** Declares a graph input; a text side is a free dimension. */
  input(name: string, type: ElementType, shape: readonly (number | string)[]): Value {
    this.#inputs.push({ name, type, shape })
    return { name, inputs: [] }
  }

  /** The model file with these named outputs. All outputs are float32. */
  emit(name: string, outputs: Readonly<Record<string, Output>>): Uint8Array {
    const reached = new Set<Value>()
    const order: Value[] = []
    const visit = (value: Value): void => {
      if (reached.has(value)) return
      reached.add(value)
      value.inputs.forEach(visit)
      order.push(value)
    }
    for (const { value } of Object.values(outputs)) visit(value)
    const nodes = new Set(order.flatMap(({ node }) => (node === undefined ? [] : [node])))
    const named = Object.entries(outputs).map(([output, { value }]): NodeProto => {
      return { op: 'Identity', inputs: [value.name], outputs: [output], attributes: {} }
    })
    return encodeModel({
      name,
      nodes: [...nodes, ...named],
      initializers: tensors(order, this.#options.outside),
      inputs: this.#inputs.filter(({ name: input }) => order.some((value) => value.name === input)),
      outputs: Object.entries(outputs).map(([output, { shape }]) => ({ name: output, type: 'float', shape })),
    })
  }

  weight(name: string): Value {
    const tensor = (): TensorProto => {
      const { shape, data } = this.weights.read(name)
      return { name: `weight:${name}`, type: 'float', shape, bytes: bytesOf(data) }
    }
    return this.initializer(`weight:${name}`, tensor, name)
  }

  has(name: string): boolean {
    return this.weights.names.has(name)
  }

  constant({ shape, data }: HostTensor): Value {
    const key = data.length === 1 ? `scalar:${shape.length}:${data[0]}` : `constant:${this.#count++}`
    return this.initializer(key, () => ({ name: key, type: 'float', shape, bytes: bytesOf(data) }))
  }

  add = (a: Value, b: Value): Value => this.node('Add', [a, b])
  mul = (a: Value, b: Value): Value => this.node('Mul', [a, b])
  sigmoid = (x: Value): Value => this.node('Sigmoid', [x])
  toFloat = (x: Value): Value => this.node('Cast', [x], { to: 1 })
  matmul = (a: Value, b: Value): Value => this.node('MatMul', [a, b])
  softmax = (x: Value): Value => this.node('Softmax', [x], { axis: -1 })
  l2normalize = (x: Value): Value => this.node('LpNormalization', [x], { axis: -1, p: 2 })
  concat = (xs: readonly Value[], axis: number): Value => this.node('Concat', xs, { axis })
  gather = (table: Value, ids: Value): Value => this.node('Gather', [table, ids], { axis: 0 })
  mean = (x: Value, axis: number): Value => this.node('ReduceMean', [x], { axes: [axis], keepdims: 0 })
  max = (x: Value, axis: number): Value => this.node('ReduceMax', [x], { axes: [axis], keepdims: 0 })
  transpose = (x: Value, perm: readonly number[]): Value => this.node('Transpose', [x], { perm })
  reshape = (x: Value, shape: readonly number[]): Value => this.node('Reshape', [x, this.integers(shape)])
  tile = (x: Value, repeats: readonly number[]): Value => this.node('Tile', [x, this.integers(repeats)])

  linear(x: Value, weight: Value, bias?: Value): Value {
    const { linear = floatLinear } = this.#options
    if (weight.weight === undefined) return floatLinear(this, { name: '', x, weight, ...(bias && { bias }) })
    return linear(this, { name: weight.weight, x, weight, ...(bias && { bias }) })
  }

  layerNorm(x: Value, scale: Value, shift: Value, epsilon: number): Value {
    return this.node('LayerNormalization', [x, scale, shift], { axis: -1, epsilon }, ['epsilon'])
  }

  gelu(x: Value): Value {
    const half = this.mul(x, this.constant({ shape: [1], data: Float32Array.of(0.5) }))
    const scaled = this.mul(x, this.constant({ shape: [1], data: Float32Array.of(Math.SQRT1_2) }))
    const one = this.constant({ shape: [1], data: Float32Array.of(1) })
    return this.mul(half, this.add(this.node('Erf', [scaled]), one))
  }

  slice(x: Value, axis: number, start: number, end: number): Value {
    return this.node('Slice', [x, this.integers([start]), this.integers([end]), this.integers([axis])])
  }

  repeatBatch(x: Value, like: Value): Value {
    const batch = this.node('Shape', [like], { start: 0, end: 1 })
    return this.node('Expand', [x, this.node('Concat', [batch, this.integers([1, 1])], { axis: 0 })])
  }

  pick(x: Value, at: Value): Value {
    const rows = this.node('Unsqueeze', [this.node('Cast', [at], { to: 7 }), this.integers([1])])
    return this.node('GatherND', [x, rows], { batch_dims: 1 })
  }

  integers(values: readonly number[]): Value {
    const name = `integers:${values.join()}`
    return this.initializer(name, () => {
      const bytes = bytesOf(BigInt64Array.from(values, BigInt))
      return { name, type: 'int64', shape: [values.length], bytes }
    })
  }

  /** A tensor in the file, read when it is written; one for each name. */
  initializer(name: string, tensor: () => TensorProto, weight?: string): Value {
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    const value: Value = { name, inputs: [], tensor, ...(weight !== undefined && { weight }) }
    this.#byName.set(name, value)
    return value
  }

  /** The only result of an operation; attributes named in `floats` are floats, the others integers. */
  node(
    op: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, Attribute>> = {},
    floats?: readonly string[],
  ): Value {
    return this.nodes(op, inputs, 1, attributes, floats)[0] as Value
  }

  /** The results of an operation that has several. */
  nodes(
    op: string,
    inputs: readonly Value[],
    results: number,
    attributes: Readonly<Record<string, Attribute>> = {},
    floats?: readonly string[],
  ): readonly Value[] {
    const id = `${op}_${this.#count++}`
    const outputs = Array.from({ length: results }, (_, n) => (n === 0 ? id : `${id}:${n}`))
    const names = inputs.map(({ name }) => name)
    const node = { op, inputs: names, outputs, attributes, ...(floats && { floats }) }
    return outputs.map((name) => ({ name, inputs, node }))
  }
}

/** In float32. */
export const floatLinear: LinearStyle = (g, { x, weight, bias }) => {
  const product = g.matmul(x, g.transpose(weight, [1, 0]))
  return bias === undefined ? product : g.add(product, bias)
}

/** Weights are read one at a time, as the file is written. */
function* tensors(values: readonly Value[], outside?: Outside): Generator<TensorProto> {
  for (const { tensor } of values) {
    if (tensor === undefined) continue
    const whole = tensor()
    const { bytes } = whole
    const small = !(bytes instanceof Uint8Array) || bytes.length < OUTSIDE_FROM
    yield small || outside === undefined ? whole : { ...whole, bytes: outside(bytes) }
  }
}
