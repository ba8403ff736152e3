/** One fragment of a fragmented MP4, a picture long. */
export interface Fragment {
  /** Seconds on the stream's own clock. */
  readonly pts: number
  readonly dts: number
  readonly key: boolean
  /** Unix seconds of `pts` as the fragment's `prft` box says, if it has one. */
  readonly reference?: number
  /** `moof` and `mdat`. */
  readonly bytes: Uint8Array
}

/** Larger boxes are no picture's. */
const MOST_BYTES = 64 * 2 ** 20
/** From 1900, where NTP counts from, to 1970. */
const NTP_OFFSET = 2_208_988_800

/** Takes a fragmented MP4 apart as it comes, in chunks of any size (ISO/IEC 14496-12). */
export class FragmentReader {
  readonly #onFragment: (fragment: Fragment, header: Uint8Array) => void
  #rest: Buffer = Buffer.alloc(0)
  #head: Buffer[] = []
  #header: Uint8Array | undefined
  #timescale = 1
  #reference: number | undefined
  #moof: Buffer | undefined
  #isBroken = false

  constructor(onFragment: (fragment: Fragment, header: Uint8Array) => void) {
    this.#onFragment = onFragment
  }

  /** What is no MP4 any more is passed over. */
  push(chunk: Buffer): void {
    if (this.#isBroken) return
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (this.#rest.length - at >= 8) {
      const size = this.#rest.readUInt32BE(at)
      this.#isBroken = size < 8 || size > MOST_BYTES
      if (this.#isBroken) return
      if (this.#rest.length - at < size) break
      this.#box(this.#rest.toString('latin1', at + 4, at + 8), this.#rest.subarray(at, at + size))
      at += size
    }
    this.#rest = this.#rest.subarray(at)
  }

  #box(type: string, box: Buffer): void {
    if (type === 'prft') this.#reference = box.readUInt32BE(16) - NTP_OFFSET + box.readUInt32BE(20) / 2 ** 32
    else if (type === 'moof') this.#moof = box
    else if (type === 'mdat' && this.#moof !== undefined) this.#fragment(this.#moof, box)
    else if (this.#header === undefined) this.#head.push(Buffer.from(box))
    if (type === 'moov') {
      this.#header = new Uint8Array(Buffer.concat(this.#head))
      this.#head = []
      const mdhd = find(box, 'trak', 'mdia', 'mdhd')
      if (mdhd !== undefined) this.#timescale = mdhd.readUInt32BE(mdhd[8] === 1 ? 28 : 20)
    }
  }

  #fragment(moof: Buffer, mdat: Buffer): void {
    const [tfhd, tfdt, trun] = (['tfhd', 'tfdt', 'trun'] as const).map((type) => find(moof, 'traf', type))
    const reference = this.#reference
    this.#reference = undefined
    this.#moof = undefined
    if (tfhd === undefined || tfdt === undefined || trun === undefined || this.#header === undefined) return
    const dts = tfdt[8] === 1 ? Number(tfdt.readBigInt64BE(12)) : tfdt.readInt32BE(12)
    const pts = dts + compositionOffset(trun)
    this.#onFragment(
      {
        ...{ pts: pts / this.#timescale, dts: dts / this.#timescale },
        key: (sampleFlags(tfhd, trun) & 0x10000) === 0,
        ...(reference !== undefined && { reference }),
        bytes: new Uint8Array(Buffer.concat([moof, mdat])),
      },
      this.#header,
    )
  }
}

/** The box at the end of a path of types inside another. */
function find(box: Buffer, ...path: readonly string[]): Buffer | undefined {
  const [type, ...rest] = path
  for (let at = 8; at + 8 <= box.length; ) {
    const size = box.readUInt32BE(at)
    if (size < 8) return undefined
    if (box.toString('latin1', at + 4, at + 8) === type) {
      const found = box.subarray(at, at + size)
      return rest.length === 0 ? found : find(found, ...rest)
    }
    at += size
  }
  return undefined
}

/** The first sample's flags: its own, else the track's. */
function sampleFlags(tfhd: Buffer, trun: Buffer): number {
  const present = trun.readUIntBE(9, 3)
  let at = 16 + (present & 0x1 ? 4 : 0)
  if (present & 0x4) return trun.readUInt32BE(at)
  if (present & 0x400) {
    at += (present & 0x100 ? 4 : 0) + (present & 0x200 ? 4 : 0)
    return trun.readUInt32BE(at)
  }
  const given = tfhd.readUIntBE(9, 3)
  if ((given & 0x20) === 0) return 0
  const fields = [0x1, 0x2, 0x8, 0x10].filter((bit) => given & bit)
  return tfhd.readUInt32BE(16 + fields.reduce((sum, bit) => sum + (bit === 0x1 ? 8 : 4), 0))
}

function compositionOffset(trun: Buffer): number {
  const present = trun.readUIntBE(9, 3)
  if ((present & 0x800) === 0) return 0
  const before = [0x1, 0x4, 0x100, 0x200, 0x400].filter((bit) => present & bit).length
  return trun.readInt32BE(16 + 4 * before)
}
