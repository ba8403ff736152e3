const single = new Float32Array(1)
const bits = new Uint32Array(single.buffer)

/** float32 → IEEE half precision, rounded to the nearest, halves to even. */
export function toHalf(values: Float32Array): Uint16Array {
  return Uint16Array.from(values, halfBits)
}

function halfBits(value: number): number {
  single[0] = value
  const all = bits[0] as number
  const sign = (all >>> 16) & 0x8000
  const exponent = ((all >>> 23) & 0xff) - 127
  const fraction = all & 0x7fffff
  if (exponent === 128) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200)
  if (exponent > 15) return sign | 0x7c00
  if (exponent < -25) return sign
  // Small numbers have no leading one of their own: shift it in.
  const shift = exponent < -14 ? -1 - exponent : 13
  const whole = exponent < -14 ? fraction | 0x800000 : fraction
  const kept = (exponent < -14 ? 0 : (exponent + 15) << 10) + (whole >>> shift)
  const rest = whole & ((1 << shift) - 1)
  const half = 1 << (shift - 1)
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0))
}
