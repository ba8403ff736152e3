/**
 * An MP4 or QuickTime file without its media data: the sample tables, all of them, over samples of one byte. libav
 * reads from it when each frame is shown and which are keyframes, edit lists and all, exactly as from the file itself,
 * and nobody has to fetch the data.
 */

/** Bytes `[start, start + length)` of the file, fewer at its end. */
export type ReadAt = (start: number, length: number) => Promise<Buffer>

interface Box {
  readonly type: string
  /** Of the box, and of what it holds. */
  readonly start: number
  readonly body: number
  readonly end: number
}

/** What a file may begin with; anything else is another container. */
const FIRST = new Set(['ftyp', 'moov', 'mdat', 'wide', 'free', 'skip', 'pnot'])
const MOST_BOXES = 64
const MOST_INDEX = 512 * 1024 * 1024
/** Boxes that hold boxes, on the way to the sample tables. */
const HOLDERS = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl'])

/** `undefined` where the file has no such index, or is cut off: then its packets must be read. */
export async function mp4Index(read: ReadAt, bytes: number): Promise<Buffer | undefined> {
  let kind: Buffer | undefined
  let movie: Buffer | undefined
  let boxes = 0
  for (let at = 0; at < bytes; ) {
    const box = boxAt(await read(at, 16), 0, bytes - at)
    boxes += 1
    if (box === undefined || boxes > MOST_BOXES || (boxes === 1 && !FIRST.has(box.type))) return undefined
    const length = box.end
    // A box that goes on beyond the file: it is cut off. A fragment: the tables are all over the file.
    if (at + length > bytes || box.type === 'moof') return undefined
    if (box.type === 'moov' && length <= MOST_INDEX) movie = await read(at, length)
    if (box.type === 'ftyp' && length < 4096) kind = await read(at, length)
    at += length
  }
  if (movie === undefined) return undefined
  const head = kind ?? Buffer.alloc(0)
  const samples = emptied(movie, head.length + 8)
  if (samples === undefined) return undefined
  const data = Buffer.alloc(8 + samples)
  data.writeUInt32BE(data.length, 0)
  data.write('mdat', 4, 'latin1')
  return Buffer.concat([head, data, movie])
}

/**
 * Points the samples of the movie's videos at single bytes from `at` on, in place, and takes its other tracks out.
 * Answers with how many bytes there must be; `undefined` where that cannot be done.
 */
function emptied(movie: Buffer, at: number): number | undefined {
  const { body = 8 } = boxAt(movie, 0, movie.length) ?? {}
  let most: number | undefined
  for (const track of boxesIn(movie, body, movie.length)) {
    if (track.type === 'mvex' || track.type === 'cmov') return undefined
    if (track.type !== 'trak') continue
    if (handlerOf(movie, track) !== 'vide') {
      movie.write('free', track.start + 4, 'latin1')
      continue
    }
    for (const table of tablesIn(movie, track)) {
      if (table.type === 'stsz' || table.type === 'stz2') most = Math.max(most ?? 0, sameSize(movie, table))
      if (!samePlace(movie, table, at)) return undefined
    }
  }
  return most
}

/** One byte for each sample: the list of sizes behind is then passed over. Both kinds of table begin alike. */
function sameSize(movie: Buffer, { body }: Box): number {
  movie.write('stsz', body - 4, 'latin1')
  movie.writeUInt32BE(1, body + 4)
  return movie.readUInt32BE(body + 8)
}

/** Every chunk begins at `at`. False where the table is cut off. */
function samePlace(movie: Buffer, { type, body, end }: Box, at: number): boolean {
  if (type !== 'stco' && type !== 'co64') return true
  const width = type === 'stco' ? 4 : 8
  const count = movie.readUInt32BE(body + 4)
  if (body + 8 + count * width > end) return false
  for (let i = 0, where = body + 8; i < count; i++, where += width) {
    if (width === 8) movie.writeBigUInt64BE(BigInt(at), where)
    else movie.writeUInt32BE(at, where)
  }
  return true
}

function* tablesIn(movie: Buffer, { body, end }: Box): Generator<Box> {
  for (const box of boxesIn(movie, body, end)) {
    if (HOLDERS.has(box.type)) yield* tablesIn(movie, box)
    else yield box
  }
}

/** `vide`, `soun` and the like. */
function handlerOf(movie: Buffer, track: Box): string {
  for (const media of boxesIn(movie, track.body, track.end)) {
    if (media.type !== 'mdia') continue
    for (const { type, body } of boxesIn(movie, media.body, media.end)) {
      if (type === 'hdlr') return movie.toString('latin1', body + 8, body + 12)
    }
  }
  return ''
}

function* boxesIn(bytes: Buffer, start: number, end: number): Generator<Box> {
  for (let at = start; at + 8 <= end; ) {
    const box = boxAt(bytes, at, end - at)
    if (box === undefined || box.end > end) return
    yield box
    at = box.end
  }
}

/** The box that begins at `at`, with `room` bytes there for it; positions are those in `bytes`. */
function boxAt(bytes: Buffer, at: number, room: number): Box | undefined {
  if (bytes.length < at + 8) return undefined
  const type = bytes.toString('latin1', at + 4, at + 8)
  const short = bytes.readUInt32BE(at)
  const isLong = short === 1
  if (isLong && bytes.length < at + 16) return undefined
  const length = isLong ? Number(bytes.readBigUInt64BE(at + 8)) : short === 0 ? room : short
  const head = isLong ? 16 : 8
  return length < head ? undefined : { type, start: at, body: at + head, end: at + length }
}
