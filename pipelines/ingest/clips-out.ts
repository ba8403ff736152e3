import sharp from 'sharp'
import type { LiveClip } from '../../operators/index.js'
import type { Blobs } from '../../src/connect/blobs.js'
import { ClaimCheck, valueLimit } from '../../src/connect/kafka/claim-check.js'
import type { OutgoingRecord } from '../../src/connect/kafka/client.js'
import { headersOf } from '../../src/connect/kafka/envelope.js'
import { topicName } from '../../src/connect/kafka/topics.js'
import type { Frame } from '../../src/domain.js'
import { KafkaOut, type KafkaSinkOptions } from './kafka-sink.js'

export interface ClipsOutOptions extends Omit<KafkaSinkOptions, 'topics'> {
  /** Where pictures go that are too large for the topic. */
  readonly place?: Blobs
  /** Of the JPEGs, 1 to 100. */
  readonly quality: number
  /** Pixels along a picture's side. */
  readonly side: number
}

/** Clips with their pictures to the topic `clips`. */
export class ClipsOut {
  readonly out: KafkaOut
  readonly #options: ClipsOutOptions
  readonly #check: ClaimCheck
  /** Windows overlap: a picture is compressed once. */
  readonly #jpegs = new WeakMap<Frame, Promise<Buffer>>()

  private constructor(out: KafkaOut, options: ClipsOutOptions, limit: number) {
    const { place } = options
    this.out = out
    this.#options = options
    this.#check = new ClaimCheck({ wire: out.wire, limit, ...(place !== undefined && { place }) })
  }

  static async open(options: ClipsOutOptions): Promise<ClipsOut> {
    const out = await KafkaOut.open({ ...options, topics: ['clips', 'events'] })
    const limit = await valueLimit(await out.client.admin(), topicName(options.prefix, 'clips'))
    return new ClipsOut(out, options, limit)
  }

  /** Sends clips, in order; the pixels are not needed any more once it resolves. */
  async send(clips: readonly LiveClip[]): Promise<void> {
    // Whatever happens to sending: pictures are compressed once.
    const pictures = await Promise.all(
      clips.map(({ frames }) => Promise.all(frames.map((frame) => this.#jpeg(frame.shownAs)))),
    )
    await this.out.send(() => Promise.all(clips.map((clip, n) => this.#record(clip, pictures[n] ?? []))))
  }

  async #record(clip: LiveClip, frames: readonly Buffer[]): Promise<OutgoingRecord> {
    const { wire, prefix } = this.out
    const { id, video, index, start, end } = clip
    const value = await this.#check.encode({
      ...{ clip_id: id, source: video.source, clip_index: index, start, end, frames },
      frame_times: clip.frames.map(({ time }) => time),
    })
    return {
      topic: topicName(prefix, 'clips'),
      key: video.source,
      value,
      headers: headersOf({
        ...{ id, type: 'stanflow.clip.v1', source: 'stanflow/ingest', time: new Date() },
        contentType: wire.contentType,
      }),
    }
  }

  #jpeg(frame: Frame): Promise<Buffer> {
    const known = this.#jpegs.get(frame)
    if (known !== undefined) return known
    const { side, quality } = this.#options
    const { pixels } = frame
    const raw = { width: side, height: side, channels: 3 } as const
    // Colour at full resolution: what is scaled to the model's size has none to spare.
    const made = sharp(pixels, { raw }).jpeg({ quality, chromaSubsampling: '4:4:4' }).toBuffer()
    this.#jpegs.set(frame, made)
    return made
  }
}
