import { AVERROR_EAGAIN, AVERROR_EOF } from 'node-av/constants'
import { type FilterContext, FilterGraph, type Frame } from 'node-av/lib'
import { Failed } from './failed.js'

interface Built {
  readonly graph: FilterGraph
  readonly input: FilterContext
  readonly output: FilterContext
  /** What the graph was built for. */
  readonly form: string
}

/** A chain of libavfilter filters, built for the form of the first frame and again when the form changes. */
export class FilterChain {
  readonly #filters: string
  readonly #timeBase: string
  #built: Built | undefined

  constructor(filters: string, timeBase: { readonly num: number; readonly den: number }) {
    this.#filters = filters
    this.#timeBase = `${timeBase.num}/${timeBase.den}`
  }

  /** Sends a frame in, or `null` at the end. */
  send(frame: Frame | null): void {
    if (frame === null) {
      this.#built?.input.buffersrcAddFrameSync(null)
      return
    }
    const form = [frame.width, frame.height, frame.format, frame.colorSpace, frame.colorRange].join()
    if (this.#built?.form !== form) {
      this.free()
      this.#built = this.#build(frame, form)
    }
    const code = (this.#built as Built).input.buffersrcAddFrameSync(frame)
    if (code < 0) throw new Failed('decode', `the filters refuse a frame (${code})`)
  }

  /** Takes a finished frame out, if there is one. */
  receive(into: Frame): boolean {
    if (this.#built === undefined) return false
    const code = this.#built.output.buffersinkGetFrameSync(into)
    if (code === AVERROR_EAGAIN || code === AVERROR_EOF) return false
    if (code < 0) throw new Failed('decode', `the filters fail (${code})`)
    return true
  }

  free(): void {
    this.#built?.graph.free()
    this.#built = undefined
  }

  #build(frame: Frame, form: string): Built {
    const { width, height, format, colorSpace, colorRange } = frame
    const graph = new FilterGraph()
    graph.alloc()
    graph.nbThreads = 1
    const source =
      `buffer=video_size=${width}x${height}:pix_fmt=${format}:time_base=${this.#timeBase}:` +
      `pixel_aspect=1/1:colorspace=${colorSpace}:range=${colorRange}`
    const code = graph.parsePtr(`${source},${this.#filters},buffersink`)
    const ready = code < 0 ? code : graph.configSync()
    const input = graph.filters?.find((filter) => filter.isSource())
    const output = graph.filters?.find((filter) => filter.isSink())
    if (ready < 0 || input === undefined || output === undefined) {
      graph.free()
      throw new Failed(
        'decode',
        `the filters cannot take ${width}×${height} pictures of format ${format} (${ready})`,
      )
    }
    return { graph, input, output, form }
  }
}
