/** Bits, as H.264 writes them (ITU-T H.264, 9.1). */
class Bits {
  readonly #bits: number[] = []

  fixed(value: number, width: number): this {
    for (let bit = width - 1; bit >= 0; bit--) this.#bits.push((value >> bit) & 1)
    return this
  }

  /** ue(v): Exp-Golomb. */
  golomb(value: number): this {
    const width = 32 - Math.clz32(value + 1)
    return this.fixed(0, width - 1).fixed(value + 1, width)
  }

  bytes(): Buffer {
    const bits = [...this.#bits, 1]
    while (bits.length % 8 > 0) bits.push(0)
    return Buffer.from(
      Array.from({ length: bits.length / 8 }, (_, n) =>
        bits.slice(n * 8, n * 8 + 8).reduce((byte, bit) => byte * 2 + bit, 0),
      ),
    )
  }
}

/** A sequence parameter set (7.3.2.1.1) of the baseline profile that promises pictures of that size. */
export function parameterSet(width: number, height: number): Buffer {
  const bits = new Bits()
    .golomb(0) // seq_parameter_set_id
    .golomb(0) // log2_max_frame_num_minus4
    .golomb(2) // pic_order_cnt_type
    .golomb(16) // max_num_ref_frames
    .fixed(0, 1)
    .golomb(Math.ceil(width / 16) - 1)
    .golomb(Math.ceil(height / 16) - 1)
    .fixed(0b1100, 4) // frame_mbs_only, direct_8x8_inference, no cropping, no VUI
  return Buffer.concat([Buffer.from([0x67, 66, 0, 62]), bits.bytes()])
}
