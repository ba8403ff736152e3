import { execFile } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { deflateSync } from 'node:zlib'

const run = promisify(execFile)
/** A picture a day. */
const LATE = ['-vf', 'settb=1/1000,setpts=N*86400000', '-fps_mode', 'passthrough', '-enc_time_base', '1/1000']

/** Bits as H.264 writes its headers: whole numbers in exponential Golomb codes. */
class Bits {
  #bits = ''

  fixed(value: number, count: number): this {
    this.#bits += value.toString(2).padStart(count, '0')
    return this
  }

  golomb(...values: readonly number[]): this {
    for (const value of values) {
      const code = (value + 1).toString(2)
      this.#bits += '0'.repeat(code.length - 1) + code
    }
    return this
  }

  bytes(): Buffer {
    const whole = `${this.#bits}1`.padEnd(Math.ceil((this.#bits.length + 1) / 8) * 8, '0')
    return Buffer.from(whole.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? [])
  }
}

/** A few hundred bytes of H.264 whose pictures are `side` × `side`. */
export function h264Bomb(side: number): Buffer {
  const blocks = side / 16 - 1
  const unit = (type: number, body: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, 0, 1, type]), body])
  const sps = new Bits()
    .fixed(66, 8)
    .fixed(0, 8)
    .fixed(62, 8)
    .golomb(0, 0, 2, 1)
    .fixed(0, 1)
    .golomb(blocks, blocks)
  const pps = new Bits().golomb(0, 0).fixed(0, 2).golomb(0, 0, 0).fixed(0, 3).golomb(0, 0, 0).fixed(0, 3)
  const slice = (id: number): Buffer =>
    new Bits().golomb(0, 7, 0).fixed(0, 4).golomb(id).fixed(0, 2).golomb(0).bytes()
  const pictures = Array.from({ length: 3 }, (_, n) =>
    unit(0x65, Buffer.concat([slice(n % 2), Buffer.alloc(24, 0x5a)])),
  )
  // One high, one wide: frames only, no cropping, nothing more said.
  return Buffer.concat([
    unit(0x67, sps.fixed(1, 1).fixed(1, 1).fixed(0, 2).bytes()),
    unit(0x68, pps.bytes()),
    ...pictures,
  ])
}

function patched(
  file: Buffer,
  marker: string | Buffer,
  offset: number,
  ...values: readonly number[]
): Buffer {
  const at = file.indexOf(marker)
  if (at < 0) throw new Error('the marker is not there')
  for (const [n, value] of values.entries()) file.writeUInt32BE(value >>> 0, at + offset + 4 * n)
  return file
}

/** A box of an MP4. */
function box(type: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const head = Buffer.alloc(8)
  head.writeUInt32BE(body.length + 8, 0)
  head.write(type, 4)
  return Buffer.concat([head, body])
}

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

/** Small videos that promise, or are, far more than anybody wants: by file name. */
export async function writeVideoBombs(folder: string): Promise<ReadonlyMap<string, Buffer>> {
  await mkdir(folder, { recursive: true })
  const make = async (name: string, source: string, ...args: readonly string[]): Promise<Buffer> => {
    const path = join(folder, name)
    await run('ffmpeg', ['-v', 'error', '-y', '-f', 'lavfi', '-i', source, ...args, path])
    return readFile(path)
  }
  const small = 'testsrc2=size=64x48:rate=10:duration=1'
  const mp4 = await make('small.mp4', small, '-c:v', 'libx264', '-bf', '0')
  const gif = await make('small.gif', small)
  const avi = await make('small.avi', small, '-c:v', 'mjpeg')
  const bombs: Record<string, Buffer> = {
    // A hundred megabytes a picture, in a few hundred bytes.
    'bomb-h264.h264': h264Bomb(8192),
    'bomb-gif.gif': Buffer.concat([gif.subarray(0, 6), Buffer.from([0, 64, 0, 64]), gif.subarray(10)]),
    'bomb-jpeg.avi': sofPatched(avi),
    // A picture every eleven days, for a year; and one that is a line.
    'bomb-long.mkv': await make('long.mkv', small, ...LATE, '-c:v', 'ffv1'),
    'bomb-aspect.mkv': await make('aspect.mkv', `${small},setsar=30000/1`, '-c:v', 'ffv1'),
    'bomb-line.mkv': await make(
      'line.mkv',
      'color=size=16000x2:rate=10:duration=1',
      '-c:v',
      'ffv1',
      '-pix_fmt',
      'yuv444p',
    ),
    // Tables of two thousand million samples in a kilobyte: 50 GB, were they believed.
    'bomb-samples.mp4': patched(
      patched(patched(Buffer.from(mp4), 'stsz', 8, 1, 0x7ffffff0), 'stts', 12, 0x7ffffff0),
      'stsc',
      16,
      0x7ffffff0,
    ),
    'bomb-duration.mp4': patched(Buffer.from(mp4), 'mdhd', 20, 0xffffffff),
    // A header that is 300 MB once it is inflated.
    'bomb-header.mov': Buffer.concat([
      mp4.subarray(0, mp4.readUInt32BE(0)),
      box(
        'moov',
        box(
          'cmov',
          box('dcom', Buffer.from('zlib')),
          box('cmvd', word(0x7fffffff), deflateSync(Buffer.alloc(300_000_000), { level: 1 })),
        ),
      ),
    ]),
    'bomb-boxes.mp4': Buffer.concat([mp4.subarray(0, mp4.readUInt32BE(0)), nested(3000)]),
  }
  return new Map(Object.entries(bombs))
}

/** The first JPEG of an AVI says that it is 65,500 pixels wide and high. */
function sofPatched(avi: Buffer): Buffer {
  const out = Buffer.from(avi)
  for (let at = out.indexOf('ffc00011', 0, 'hex'); at >= 0; at = out.indexOf('ffc00011', at + 1, 'hex')) {
    out.writeUInt16BE(65_500, at + 5)
    out.writeUInt16BE(65_500, at + 7)
  }
  return out
}

function nested(depth: number): Buffer {
  let inner: Buffer = Buffer.alloc(0)
  for (let n = 0; n < depth; n++) inner = box(n === depth - 1 ? 'moov' : 'trak', inner)
  return inner
}
