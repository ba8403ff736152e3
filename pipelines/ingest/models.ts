import type { Clip, Frame } from '../../src/domain.js'
import type { LoadedModel } from '../../src/engine/engine.js'
import { type EmbeddedLabels, embedLabels } from '../label-set.js'
import { openModel } from '../open-model.js'
import type { CameraSettings, IngestOptions } from './options.js'

/** Cameras whose frames' features are kept between clips, at least: some may be added later. */
const ROOM = 4

/** The model, loaded once for every number of frames that clips have, and the label sets of cameras. */
export class Models {
  readonly #options: IngestOptions
  readonly #loaded = new Map<number, Promise<{ model: LoadedModel; why: string }>>()
  readonly #labels = new Map<string, Promise<EmbeddedLabels | undefined>>()

  constructor(options: IngestOptions) {
    this.#options = options
  }

  /** The model for clips of so many frames. @throws StanflowError MODEL_*, ENGINE_* */
  async of(frames: number): Promise<{ model: LoadedModel; why: string }> {
    const known = this.#loaded.get(frames)
    if (known !== undefined) return known
    const loading = openModel({
      ...this.#options,
      // Windows share frames with the ones before, and with longer ones.
      sampling: { kind: 'window', frames, length: 2, stride: 1 },
      concurrency: Math.max(ROOM, 2 * this.#options.cameras.length),
    })
    this.#loaded.set(frames, loading)
    loading.catch(() => this.#loaded.delete(frames))
    return loading
  }

  async labels({ labels, prompts, windows }: CameraSettings): Promise<EmbeddedLabels | undefined> {
    const key = JSON.stringify([labels, prompts])
    const known = this.#labels.get(key)
    if (known !== undefined) return known
    const { model } = await this.of(windows[0]?.frames ?? 0)
    const embedding = embedLabels(model, { labels, prompts, top: this.#options.top })
    this.#labels.set(key, embedding)
    embedding.catch(() => this.#labels.delete(key))
    return embedding
  }

  /** `[dim]` unit vectors, one a clip; each picture goes through CLIP once, however many clips show it. */
  async encode(clips: readonly Clip[]): Promise<Float32Array[]> {
    const vectors: Float32Array[] = []
    const counts = [...new Set(clips.map(({ frames }) => frames.length))]
    await Promise.all(
      counts.map(async (count) => {
        const own = clips.flatMap((clip, n) => (clip.frames.length === count ? [n] : []))
        const loaded = this.#ready.get(count) as LoadedModel
        const encoded = await loaded.encodeVideo(own.map((n) => pictures(clips[n] as Clip)))
        for (const [i, n] of own.entries()) vectors[n] = encoded[i] as Float32Array
      }),
    )
    return vectors
  }

  readonly #ready = new Map<number, LoadedModel>()

  /** Makes ready for a camera's clips. */
  async prepare(camera: CameraSettings): Promise<void> {
    for (const { frames } of camera.windows) this.#ready.set(frames, (await this.of(frames)).model)
    await this.labels(camera)
  }

  async close(): Promise<void> {
    for (const loading of this.#loaded.values()) {
      await loading.then(
        ({ model }) => model.close(),
        () => undefined,
      )
    }
  }
}

/** What the model is shown: the same object for the same picture, so that it knows it again. */
function pictures({ frames }: Clip): { frames: readonly Frame[] } {
  return { frames: frames.map((frame) => (frame as Frame & { shownAs?: Frame }).shownAs ?? frame) }
}
