import { StanflowError } from '../../errors.js'
import { DTYPE_BYTES, elements, type StoredTensor } from '../formats/stored.js'
import { toFloat32 } from '../formats/values.js'

/** How a tensor of ours is taken from one of another project. */
export type Take =
  | 'whole'
  /** `[a, b]` → `[b, a]` */
  | 'transposed'
  /** A kernel over time of one step: `[D, 3, 1, p, p]` → `[D, 3, p, p]`. */
  | 'flat'
  /** The first, second or last third of the rows: queries, keys, values. */
  | 0
  | 1
  | 2

/** A tensor of ours that another project's checkpoint has under another name. */
export interface Part {
  readonly file: 'clip' | 'branch'
  readonly name: string
  readonly take: Take
}

export const asIs = (file: Part['file'], name: string): Part => ({ file, name, take: 'whole' })

/** The tensor as we store it. Nothing is read yet. @throws StanflowError MODEL_WEIGHTS for shapes that do not fit */
export function takePart(tensor: StoredTensor, { name, take }: Part): StoredTensor {
  const misfit = (): StanflowError =>
    new StanflowError('MODEL_WEIGHTS', `${name} cannot be taken from a tensor of shape [${tensor.shape}]`)
  const { dtype, shape } = tensor
  const width = DTYPE_BYTES[dtype]
  switch (take) {
    case 'whole':
      return tensor
    case 'flat': {
      if (shape.length !== 5 || shape[2] !== 1) throw misfit()
      return { dtype, shape: shape.toSpliced(2, 1), bytes: () => tensor.bytes() }
    }
    case 'transposed': {
      const [rows, columns] = shape
      if (rows === undefined || columns === undefined || shape.length !== 2) throw misfit()
      return { dtype, shape: [columns, rows], bytes: () => transpose(tensor.bytes(), rows, columns, width) }
    }
    default: {
      const [rows = 0, ...rest] = shape
      if (rows % 3 !== 0) throw misfit()
      const size = (rows / 3) * elements(rest) * width
      return {
        dtype,
        shape: [rows / 3, ...rest],
        bytes: () => tensor.bytes().subarray(take * size, (take + 1) * size),
      }
    }
  }
}

/** Weights are stored as float32 at most. */
export function narrowed(tensor: StoredTensor): StoredTensor {
  if (tensor.dtype !== 'F64') return tensor
  const bytes = (): Buffer => {
    const { buffer, byteOffset, byteLength } = toFloat32('F64', tensor.bytes())
    return Buffer.from(buffer, byteOffset, byteLength)
  }
  return { dtype: 'F32', shape: tensor.shape, bytes }
}

function transpose(from: Buffer, rows: number, columns: number, width: number): Buffer {
  const out = Buffer.alloc(from.length)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const source = (row * columns + column) * width
      from.copy(out, (column * rows + row) * width, source, source + width)
    }
  }
  return out
}
