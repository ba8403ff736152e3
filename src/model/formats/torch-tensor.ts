import { StanflowError } from '../../errors.js'
import { Made } from './pickle-values.js'
import { DTYPE_BYTES, type Dtype, elements, type StoredTensor } from './stored.js'

/** PyTorch's storage classes and the numbers in them. */
export const STORAGES: ReadonlyMap<string, Dtype> = new Map<string, Dtype>([
  ['torch.DoubleStorage', 'F64'],
  ['torch.FloatStorage', 'F32'],
  ['torch.HalfStorage', 'F16'],
  ['torch.BFloat16Storage', 'BF16'],
  ['torch.LongStorage', 'I64'],
  ['torch.IntStorage', 'I32'],
  ['torch.ShortStorage', 'I16'],
  ['torch.CharStorage', 'I8'],
  ['torch.ByteStorage', 'U8'],
  ['torch.BoolStorage', 'BOOL'],
])

/** Where a storage's bytes are: position and length in the file. @throws StanflowError MODEL_WEIGHTS */
export interface StorageFile {
  read(key: string, from: number, length: number): Buffer
  /** Bytes there are under this key. */
  size(key: string): number
}

/** A run of numbers in the file, which tensors are views of. */
export class TorchStorage extends Made {
  readonly key: string
  readonly dtype: Dtype
  /** Where it begins in the file's storage, in numbers: legacy files have storages within storages. */
  readonly from: number

  constructor(key: string, dtype: Dtype, from: number) {
    super()
    this.key = key
    this.dtype = dtype
    this.from = from
  }
}

/** A view of more numbers than its storage has is a broadcast; one of this many is no weight. */
const MAX_BROADCAST = 1 << 20

/** A view of a storage, in steps of any stride. */
export class TorchTensor extends Made implements StoredTensor {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly #storage: TorchStorage
  readonly #offset: number
  readonly #stride: readonly number[]
  readonly #file: StorageFile
  readonly #path: string

  /** Sizes, offset and strides are in numbers, not bytes. */
  constructor(
    storage: TorchStorage,
    offset: number,
    shape: readonly number[],
    stride: readonly number[],
    file: StorageFile,
    path: string,
  ) {
    super()
    this.dtype = storage.dtype
    this.shape = shape
    this.#storage = storage
    this.#offset = offset
    this.#stride = stride
    this.#file = file
    this.#path = path
    const whole = [offset, ...shape, ...stride].every((n) => Number.isSafeInteger(n) && n >= 0)
    if (!whole || shape.length !== stride.length) throw this.#broken('has impossible sizes')
  }

  bytes(): Buffer {
    const width = DTYPE_BYTES[this.dtype]
    const count = elements(this.shape)
    if (count === 0) return Buffer.alloc(0)
    const reach = 1 + this.shape.reduce((sum, side, i) => sum + (side - 1) * (this.#stride[i] as number), 0)
    const available = this.#file.size(this.#storage.key) / width
    const first = this.#storage.from + this.#offset
    if (first + reach > available) throw this.#broken('lies beyond the end of its storage')
    if (count > Math.max(available, MAX_BROADCAST)) throw this.#broken('is larger than its storage')
    const run = this.#file.read(this.#storage.key, first * width, reach * width)
    return this.#isContiguous() ? run : gather(run, this.shape, this.#stride, width)
  }

  #isContiguous(): boolean {
    let expected = 1
    for (let i = this.shape.length - 1; i >= 0; i--) {
      const side = this.shape[i] as number
      if (side !== 1 && this.#stride[i] !== expected) return false
      expected *= side
    }
    return true
  }

  #broken(what: string): StanflowError {
    return new StanflowError(
      'MODEL_WEIGHTS',
      `${this.#path}: a tensor of ${this.shape.join('×')} ${this.dtype} ${what}`,
    )
  }
}

/** Copies a strided view to row-major order. */
function gather(run: Buffer, shape: readonly number[], stride: readonly number[], width: number): Buffer {
  const out = Buffer.alloc(elements(shape) * width)
  const index = shape.map(() => 0)
  let from = 0
  for (let to = 0; to < out.length; to += width) {
    run.copy(out, to, from * width, (from + 1) * width)
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const step = stride[axis] as number
      from += step
      index[axis] = (index[axis] as number) + 1
      if (index[axis] !== shape[axis]) break
      from -= step * (shape[axis] as number)
      index[axis] = 0
    }
  }
  return out
}
