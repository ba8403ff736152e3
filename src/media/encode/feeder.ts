import { AV_PIX_FMT_RGB24 } from 'node-av/constants'
import { type FilterGraph, Frame } from 'node-av/lib'
import { StanflowError } from '../../errors.js'
import { check } from './check.js'
import type { DrawnFrames } from './options.js'

export interface Feeder {
  next(): Promise<void>
  free(): void
}

/** Gives the graph one picture after the other, then the end. */
export function feeder(graph: FilterGraph, { width, height, frames }: DrawnFrames): Feeder {
  const source = graph.filters?.find((one) => one.isSource())
  if (source === undefined) throw new StanflowError('INTERNAL', 'the filter graph has no input')
  const pictures = frames[Symbol.iterator]()
  const picture = new Frame()
  picture.alloc()
  let time = 0n
  return {
    free: () => picture.free(),
    async next() {
      const { value } = pictures.next()
      if (value === undefined) {
        check(await source.buffersrcAddFrame(null), 'the filter graph takes no end')
        return
      }
      picture.width = width
      picture.height = height
      picture.format = AV_PIX_FMT_RGB24
      check(picture.allocBuffer(), 'no room for a picture')
      check(
        picture.fromBuffer(Buffer.from(value.buffer, value.byteOffset, value.byteLength)),
        'a picture of another size',
      )
      picture.pts = time++
      check(await source.buffersrcAddFrame(picture), 'the filter graph takes no picture')
      picture.unref()
    },
  }
}
