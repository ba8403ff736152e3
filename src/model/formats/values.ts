import type { Dtype } from './stored.js'

/** Numbers of any type as float32, of which wider ones are rounded. `bytes` must be aligned to the type's width. */
export function toFloat32(dtype: Dtype, bytes: Buffer): Float32Array<ArrayBufferLike> {
  const { buffer, byteOffset, byteLength } = bytes
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer, byteOffset, byteLength / 4)
    case 'F64':
      return Float32Array.from(new Float64Array(buffer, byteOffset, byteLength / 8))
    case 'BF16': {
      const halves = new Uint16Array(buffer, byteOffset, byteLength / 2)
      return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer)
    }
    case 'F16': {
      const table = halfTable()
      const halves = new Uint16Array(buffer, byteOffset, byteLength / 2)
      return Float32Array.from(halves, (half) => table[half] as number)
    }
    case 'I64':
      return Float32Array.from(new BigInt64Array(buffer, byteOffset, byteLength / 8), Number)
    case 'I32':
      return Float32Array.from(new Int32Array(buffer, byteOffset, byteLength / 4))
    case 'I16':
      return Float32Array.from(new Int16Array(buffer, byteOffset, byteLength / 2))
    case 'I8':
      return Float32Array.from(new Int8Array(buffer, byteOffset, byteLength))
    case 'U8':
    case 'BOOL':
      return Float32Array.from(bytes)
  }
}

let halves: Float32Array | undefined

/** All 65,536 half-precision values as float32: a look-up is quicker than unpacking bits each time. */
function halfTable(): Float32Array {
  if (halves !== undefined) return halves
  halves = new Float32Array(65_536)
  for (let bits = 0; bits < 65_536; bits++) {
    const exponent = (bits >> 10) & 31
    const fraction = bits & 1023
    const magnitude =
      exponent === 31
        ? fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : exponent === 0
          ? fraction * 2 ** -24
          : (1 + fraction / 1024) * 2 ** (exponent - 15)
    halves[bits] = bits >> 15 ? -magnitude : magnitude
  }
  return halves
}
