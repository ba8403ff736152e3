import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { shownAt } from '../../operators/index.js'
import { StanflowError } from '../../src/errors.js'
import { openReader } from '../../src/media/open-reader.js'
import { makePreview } from '../../src/media/preview.js'
import type { VideoInfo, VideoReader } from '../../src/media/reader.js'
import { Gate, Recent } from '../../src/server/limits.js'
import { keyOf } from '../../src/server/media.js'
import type { Opened, Pictures } from '../../src/server/parts.js'
import { timelineOf } from '../streams.js'

const PICTURE_HEIGHT = 216
const PREVIEWS_KEPT = 100
const PROBES_KEPT = 50

/** Pictures by the media room's readers, previews by ffmpeg into a folder that is gone with the server. */
export class DecodedPictures implements Pictures {
  readonly #reader: VideoReader
  readonly #folder: string
  readonly #making = new Gate(2, 50)
  readonly #probes = new Recent<VideoInfo>(PROBES_KEPT)
  readonly #previews = new Recent<string>(PREVIEWS_KEPT, (path) => void rm(path, { force: true }))

  private constructor(reader: VideoReader, folder: string) {
    this.#reader = reader
    this.#folder = folder
  }

  static async open(): Promise<DecodedPictures> {
    const { reader } = await openReader('auto', { threads: 1 })
    return new DecodedPictures(reader, await mkdtemp(join(tmpdir(), 'stanflow-serve-')))
  }

  async picture({ path, name }: Opened, time: number, signal: AbortSignal): Promise<Uint8Array> {
    const probe = () => this.#reader.probe(path, signal)
    // A URL is good for one opening only, so what was learnt of it is not kept.
    const video = path === name ? await this.#probes.get(name, probe) : await probe()
    const index = shownAt(timelineOf(video).times, time)
    const geometry = { kind: 'height', height: PICTURE_HEIGHT } as const
    for await (const frame of this.#reader.frames({ video, indices: [index], geometry, signal })) {
      const { width, height, pixels } = frame
      return sharp(pixels, { raw: { width, height, channels: 3 } })
        .jpeg({ quality: 72 })
        .toBuffer()
    }
    throw new StanflowError('MEDIA_DECODE', 'There is no picture at that time.')
  }

  async preview({ path, name: source }: Opened, start: number, end: number): Promise<string> {
    const from = Math.round(start * 1000) / 1000
    const until = Math.round(end * 1000) / 1000
    const name = keyOf(source, from, until)
    const to = join(this.#folder, `${name}.mp4`)
    const made = await this.#previews.get(name, async () => {
      await this.#making.run(() => makePreview({ path, start: from, end: until, to }))
      return to
    })
    // Whoever cleans up temporary files may have been there.
    await access(made).catch(() => this.#making.run(() => makePreview({ path, start: from, end: until, to })))
    return made
  }

  async close(): Promise<void> {
    await this.#reader.close()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
