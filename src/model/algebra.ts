import type { StoredTensor } from './formats/stored.js'

/** A tensor in host memory, row-major. */
export interface HostTensor {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/**
 * The operations the model is written in, once. `X` is a back end's tensor: a node of an ONNX graph that is being
 * emitted, or an eager tensor. The leading dimension (frames, clips or texts) is free; it is written `-1` in shapes.
 */
export interface Algebra<X> {
  /** The weight of that name, as the checkpoint calls it. Throws MODEL_WEIGHTS if it is missing. */
  weight(name: string): X
  /** Whether the checkpoint has it: some structures are told apart by their tensors. */
  has(name: string): boolean
  constant(value: HostTensor): X

  /** Element-wise, with broadcasting. */
  add(a: X, b: X): X
  mul(a: X, b: X): X
  sigmoid(x: X): X
  /** Exact (erf) GELU. */
  gelu(x: X): X
  /** uint8 → float32. */
  toFloat(x: X): X

  matmul(a: X, b: X): X
  /** `x · weightᵀ + bias` with `weight` stored `[out, in]`, as PyTorch does. */
  linear(x: X, weight: X, bias?: X): X
  /** Over the last axis. */
  softmax(x: X): X
  layerNorm(x: X, scale: X, shift: X, epsilon: number): X
  /** Divides by the L2 norm of the last axis. */
  l2normalize(x: X): X
  /** Drops the axis. */
  mean(x: X, axis: number): X
  /** The largest along the axis, which goes. */
  max(x: X, axis: number): X

  reshape(x: X, shape: readonly number[]): X
  transpose(x: X, permutation: readonly number[]): X
  concat(xs: readonly X[], axis: number): X
  /** `start ≤ index < end` along the axis, which stays. */
  slice(x: X, axis: number, start: number, end: number): X
  tile(x: X, repeats: readonly number[]): X
  /** `x` of shape `[1, …]` repeated to the leading dimension of `like`. */
  repeatBatch(x: X, like: X): X
  /** Rows of `table` (`[rows, D]`) at integer `ids` of any shape. */
  gather(table: X, ids: X): X
  /** `x[n, at[n]]` for every n: `[N, S, D]` and integer `[N]` give `[N, D]`. */
  pick(x: X, at: X): X
}

/** Tensors by checkpoint name: what a weight file offers. */
export interface Weights {
  readonly names: ReadonlySet<string>
  /** Shape without reading the data; undefined where there is no such tensor. */
  shape(name: string): readonly number[] | undefined
  /** Reads one tensor as float32. Throws MODEL_WEIGHTS if it is missing. */
  read(name: string): HostTensor
  /** The tensor as its file has it, where it is in a file. */
  readonly stored?: (name: string) => StoredTensor | undefined
}
