import { mutate, type Random } from '../mutate.js'
import type { HostileKind, Outlet } from './hostile-camera.js'
import { parameterSet } from './parameter-sets.js'
import { type Frame, frameBytes } from './reader.js'

/** Of an RTP packet without CSRCs and extensions. */
const HEADER = 12
/** Frames that go through before anything is done, so that the stream opens. */
const GOOD = 40

const isRtp = ({ channel, payload }: Frame): boolean => channel % 2 === 0 && payload.length > HEADER

/** From some frame on, or from the first. */
function from(random: Random, act: (frame: Frame, out: Outlet) => void): ReturnType<HostileKind> {
  const first = random.pick([0, GOOD])
  return { frame: (frame, out) => (frame.index < first ? out.write(frame.bytes) : act(frame, out)) }
}

/** One of so many frames is met. */
function some(random: Random, act: (frame: Frame, out: Outlet) => void): ReturnType<HostileKind> {
  const oneOf = random.pick([1, 3, 20])
  return from(random, (frame, out) => (random.int(oneOf) === 0 ? act(frame, out) : out.write(frame.bytes)))
}

/** A packet with another content after a header that goes on where the last one was. */
function packet({ payload }: Frame, content: Buffer, ahead = 0): Buffer {
  const header = Buffer.from(payload.subarray(0, HEADER))
  header.writeUInt16BE((header.readUInt16BE(2) + ahead) & 0xffff, 2)
  return frameBytes(0, Buffer.concat([header, content]))
}

/** What is done to RTP and RTCP, and to the frames around them. */
export const STREAM_KINDS: Readonly<Record<string, HostileKind>> = {
  'bytes of packets': (random) =>
    some(random, ({ channel, payload }, out) => {
      const bytes = mutate(payload, random).subarray(0, 0xffff)
      out.write(frameBytes(channel, bytes))
    }),
  'lengths of frames': (random) =>
    some(random, ({ channel, payload }, out) => {
      const length = random.pick([0, 1, 11, 12, payload.length - 1, payload.length + 1, 0x7fff, 0xffff])
      out.write(frameBytes(channel, payload, length))
    }),
  'truncated packets': (random) =>
    some(random, ({ channel, payload }, out) =>
      out.write(frameBytes(channel, payload.subarray(0, random.int(payload.length)))),
    ),
  'frames replayed': (random) => {
    const kept: Buffer[] = []
    return from(random, ({ bytes }, out) => {
      if (kept.length < 200) kept.push(bytes)
      for (let n = random.int(8); n > 0; n--) out.write(random.pick(kept))
      out.write(bytes)
    })
  },
  'frames in another order': (random) => {
    const held: Buffer[] = []
    return from(random, ({ bytes }, out) => {
      held.push(bytes)
      if (held.length < 12) return
      while (held.length > 0) out.write(held.splice(random.int(held.length), 1)[0] as Buffer)
    })
  },
  'other channels': (random) =>
    some(random, ({ payload }, out) => out.write(frameBytes(random.int(256), payload))),
  'garbage between frames': (random) =>
    some(random, ({ bytes }, out) => {
      const noise = Buffer.from(Array.from({ length: 1 + random.int(2000) }, () => random.int(256)))
      out.write(Buffer.concat([random.pick([noise, noise.fill(0x24), noise.fill(0)]), bytes]))
    }),
  'requests between frames': (random) =>
    some(random, ({ bytes }, out) => {
      const method = random.pick([
        'OPTIONS',
        'ANNOUNCE',
        'TEARDOWN',
        'GET_PARAMETER',
        'RTSP/1.0',
        'X'.repeat(5000),
      ])
      out.write(
        Buffer.concat([Buffer.from(`${method} * RTSP/1.0\r\nCSeq: ${random.int(1e6)}\r\n\r\n`), bytes]),
      )
    }),
  'fields of RTP': (random) =>
    some(random, (frame, out) => {
      const { channel, payload } = frame
      if (!isRtp(frame)) return out.write(frame.bytes)
      const bytes = Buffer.from(payload)
      random.pick([
        () => bytes.writeUInt8(random.int(256), 0), // version, padding, extension, CSRCs
        () => bytes.writeUInt8(random.int(256), 1), // marker, payload type
        () => bytes.writeUInt16BE(random.int(0x10000), 2),
        () => bytes.writeUInt32BE(random.pick([0, 0x7fffffff, 0xffffffff, random.int(0xffffffff)]), 4),
        () => bytes.writeUInt32BE(random.int(0xffffffff), 8),
      ])()
      out.write(frameBytes(channel, bytes))
    }),
  'times of RTP': (random) => {
    const slope = random.pick([0, -1, 1000, 100_000, 1 << 20])
    return from(random, (frame, out) => {
      if (!isRtp(frame)) return out.write(frame.bytes)
      const bytes = Buffer.from(frame.payload)
      bytes.writeUInt32BE((frame.index * slope) >>> 0, 4)
      out.write(frameBytes(frame.channel, bytes))
    })
  },
  'kinds of NAL units': (random) =>
    some(random, (frame, out) => {
      if (!isRtp(frame)) return out.write(frame.bytes)
      const bytes = Buffer.from(frame.payload)
      bytes.writeUInt8(random.pick([0, 7, 8, 24, 25, 26, 28, 28, 29, 30, 31, random.int(256)]), HEADER)
      if (bytes.length > HEADER + 1) bytes.writeUInt8(random.int(256), HEADER + 1)
      out.write(frameBytes(frame.channel, bytes))
    }),
  'huge pictures amid the stream': (random) => {
    const size = random.pick([4000, 6000, 16_384, 65_536])
    return from(random, (frame, out) => {
      const isParameterSet = isRtp(frame) && ((frame.payload[HEADER] ?? 0) & 0x1f) === 7
      out.write(isParameterSet ? packet(frame, parameterSet(size, size)) : frame.bytes)
    })
  },
  'a fragment without end': (random) => {
    const piece = Buffer.concat([Buffer.from([0x7c, 0x05]), Buffer.alloc(60_000, 0x55)])
    return from(random, (frame, out) => {
      if (!isRtp(frame)) return out.write(frame.bytes)
      let ahead = 0
      out.flood(() => Buffer.concat(Array.from({ length: 4 }, () => packet(frame, piece, ahead++))), 25)
    })
  },
  'reports of other times': (random) =>
    from(random, (frame, out) => {
      if (isRtp(frame)) {
        const report = Buffer.alloc(28)
        report.set([0x80, 200, 0, 6])
        frame.payload.copy(report, 4, 8, 12)
        for (const field of [8, 12, 16, 20, 24])
          report.writeUInt32BE(random.pick([0, 0xffffffff, random.int(0xffffffff)]), field)
        out.write(frameBytes(1, report))
      }
      out.write(frame.bytes)
    }),
  'a farewell': (random) =>
    from(random, (frame, out) => {
      out.write(frameBytes(1, Buffer.concat([Buffer.from([0x81, 203, 0, 1]), frame.payload.subarray(8, 12)])))
      out.write(frame.bytes)
    }),
  'bytes of reports': (random) => ({
    frame: (frame, out) =>
      out.write(
        frame.channel % 2 === 0 ? frame.bytes : frameBytes(frame.channel, mutate(frame.payload, random)),
      ),
  }),
  'a stream that stops': (random) => {
    const last = random.pick([0, 3, GOOD])
    return { frame: ({ index, bytes }, out) => (index < last ? out.write(bytes) : out.mute()) }
  },
  'a stream that drips': (random) => from(random, ({ bytes }, out) => out.drip(bytes, random.pick([5, 200]))),
  'packets in a flood': (random) =>
    from(random, (frame, out) => out.flood(() => Buffer.concat(Array(100).fill(frame.bytes)), 25)),
}
